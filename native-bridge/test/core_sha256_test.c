// SHA-256 against the examples of FIPS 180-4 and NIST's long message; both ways of computing it against one another.
#include "core/sha256.h"

#include <string.h>

#include "core_check.h"

static void check_text(const char *text, const char *expected) {
    struct sha256 hash;
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    sha256_begin(&hash);
    sha256_add(&hash, text, strlen(text));
    sha256_end(&hash, digest);
    for (int i = 0; i < SHA256_BYTES; i++) (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    CHECK(strcmp(hex, expected) == 0);
}

static void examples(void) {
    check_text("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_text("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check_text("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
               "nopqrstu",
               "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    static char million[1000001];
    memset(million, 'a', sizeof million - 1);
    check_text(million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    holds("the examples of FIPS 180-4 and a million times \"a\"");
}

static void pieces(void) {
    static uint8_t data[4096];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)random_next();
    for (int round = 0; round < 2000; round++) {
        size_t length = random_below(sizeof data);
        struct sha256 whole, cut;
        uint8_t expected[SHA256_BYTES], digest[SHA256_BYTES];
        sha256_begin(&whole);
        sha256_add(&whole, data, length);
        sha256_end(&whole, expected);
        sha256_begin(&cut);
        for (size_t at = 0; at < length;) {
            size_t piece = random_below(length - at) % 200 + 1;
            sha256_add(&cut, data + at, piece);
            at += piece;
        }
        sha256_end(&cut, digest);
        CHECK(memcmp(digest, expected, sizeof digest) == 0);
    }
    holds("any cut into pieces gives the same");
}

static void both_ways(void) {
    static uint8_t data[32 * SHA256_BLOCK];
    for (int round = 0; round < 500; round++) {
        uint32_t plain[8], other[8];
        size_t blocks = random_below(32) + 1;
        for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)random_next();
        for (int i = 0; i < 8; i++) plain[i] = other[i] = (uint32_t)random_next();
        sha256_blocks_plain(plain, data, blocks);
        if (!sha256_blocks_by_processor(other, data, blocks)) {
            holds("this processor has no instructions for it");
            return;
        }
        CHECK(memcmp(plain, other, sizeof plain) == 0);
    }
    holds("the processor's instructions and plain C give the same");
}

int main(void) {
    examples();
    pieces();
    both_ways();
    return 0;
}
