#include "core/sha256.h"

#include <stdatomic.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint32_t rotated(uint32_t word, int by) {
    return word >> by | word << (32 - by);
}

void sha256_blocks_plain(uint32_t state[8], const uint8_t *data, size_t blocks) {
    uint32_t w[64];
    for (; blocks > 0; blocks--, data += SHA256_BLOCK) {
        for (int i = 0; i < 16; i++) w[i] = big_endian(data + 4 * i);
        for (int i = 16; i < 64; i++) {
            uint32_t s0 = rotated(w[i - 15], 7) ^ rotated(w[i - 15], 18) ^ w[i - 15] >> 3;
            uint32_t s1 = rotated(w[i - 2], 17) ^ rotated(w[i - 2], 19) ^ w[i - 2] >> 10;
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (int i = 0; i < 64; i++) {
            uint32_t s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
            uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + constants[i] + w[i];
            uint32_t s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
            uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + t1;
            d = c, c = b, b = a, a = t1 + t2;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
}

#if defined(__x86_64__)
// Four rounds take one vector of words; the last 48 words come of the 16 before each, four at a time.
__attribute__((target("sha,sse4.1"))) static void by_instructions(uint32_t state[8], const uint8_t *data,
                                                                  size_t blocks) {
    const __m128i swap = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    // As the instructions want the state: a, b, e, f and c, d, g, h, the first of each on top.
    __m128i abef = _mm_set_epi32((int)state[0], (int)state[1], (int)state[4], (int)state[5]);
    __m128i cdgh = _mm_set_epi32((int)state[2], (int)state[3], (int)state[6], (int)state[7]);
    for (; blocks > 0; blocks--, data += SHA256_BLOCK) {
        __m128i w[4], abef_before = abef, cdgh_before = cdgh;
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(data + 16 * i)), swap);
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            __m128i four = _mm_add_epi32(w[i % 4], _mm_loadu_si128((const __m128i *)(const void *)&constants[4 * i]));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, four);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(four, 0x0e));
            if (i >= 12) continue;
            __m128i before = w[(i + 3) % 4];
            __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]),
                                        _mm_alignr_epi8(before, w[(i + 2) % 4], 4));
            w[i % 4] = _mm_sha256msg2_epu32(sum, before);
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    uint32_t low[4], high[4];
    _mm_storeu_si128((__m128i *)(void *)low, abef);
    _mm_storeu_si128((__m128i *)(void *)high, cdgh);
    state[0] = low[3], state[1] = low[2], state[4] = low[1], state[5] = low[0];
    state[2] = high[3], state[3] = high[2], state[6] = high[1], state[7] = high[0];
}

static bool look_for_instructions(void) {
    enum { LEAF_FEATURES = 1, LEAF_EXTENDED = 7, SSE41 = 1 << 19, SSSE3 = 1 << 9, SHA = 1 << 29 };
    unsigned a, b, c, d;
    if (!__get_cpuid(LEAF_FEATURES, &a, &b, &c, &d) || !(c & SSE41) || !(c & SSSE3)) return false;
    return __get_cpuid_count(LEAF_EXTENDED, 0, &a, &b, &c, &d) && (b & SHA);
}

// To ask costs tens of microseconds in a virtual machine, whose host answers.
static bool has_instructions(void) {
    enum { UNKNOWN, ABSENT, PRESENT };
    static atomic_int known;
    if (atomic_load(&known) == UNKNOWN) atomic_store(&known, look_for_instructions() ? PRESENT : ABSENT);
    return atomic_load(&known) == PRESENT;
}

bool sha256_blocks_by_processor(uint32_t state[8], const uint8_t *data, size_t blocks) {
    if (!has_instructions()) return false;
    by_instructions(state, data, blocks);
    return true;
}
#else
bool sha256_blocks_by_processor(uint32_t state[8], const uint8_t *data, size_t blocks) {
    (void)state, (void)data, (void)blocks;
    return false;
}
#endif

static void take_blocks(struct sha256 *hash, const uint8_t *data, size_t blocks) {
    if (blocks > 0 && !sha256_blocks_by_processor(hash->state, data, blocks))
        sha256_blocks_plain(hash->state, data, blocks);
}

void sha256_begin(struct sha256 *hash) {
    static const uint32_t initial[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    memcpy(hash->state, initial, sizeof initial);
    hash->length = 0;
}

void sha256_add(struct sha256 *hash, const void *data, size_t length) {
    const uint8_t *at = data;
    size_t waiting = hash->length % SHA256_BLOCK;
    hash->length += length;
    if (waiting > 0) {
        size_t missing = SHA256_BLOCK - waiting, taken = length < missing ? length : missing;
        memcpy(hash->block + waiting, at, taken);
        if (taken < missing) return;
        take_blocks(hash, hash->block, 1);
        at += taken;
        length -= taken;
    }
    take_blocks(hash, at, length / SHA256_BLOCK);
    size_t rest = length % SHA256_BLOCK;
    if (rest > 0) memcpy(hash->block, at + length - rest, rest);
}

void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_BYTES]) {
    enum { LENGTH_BYTES = 8 };
    static const uint8_t padding[SHA256_BLOCK] = {0x80};
    uint64_t bits = hash->length * 8;
    size_t waiting = hash->length % SHA256_BLOCK, room = SHA256_BLOCK - LENGTH_BYTES;
    uint8_t length[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++) length[i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_add(hash, padding, waiting < room ? room - waiting : SHA256_BLOCK + room - waiting);
    sha256_add(hash, length, sizeof length);
    for (int i = 0; i < SHA256_BYTES; i++) digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}
