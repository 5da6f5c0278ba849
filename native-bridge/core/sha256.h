// SHA-256 (FIPS 180-4), piece by piece: by the processor's own instructions where it has them.
//
// Ownership: the state is the caller's. Threading: pure; one thread at a time for each state.
#ifndef PICKET_SHA256_H
#define PICKET_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_BLOCK = 64 };

struct sha256 {
    uint32_t state[8];
    uint64_t length;                // of all that was taken
    uint8_t block[SHA256_BLOCK];    // its first length % SHA256_BLOCK bytes wait for the rest of theirs
};

void sha256_begin(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *data, size_t length);
void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_BYTES]);

// Whole blocks, in plain C and by the processor's instructions: for tests that hold one against the other. False: this
// processor has none, and nothing was done.
void sha256_blocks_plain(uint32_t state[8], const uint8_t *data, size_t blocks);
bool sha256_blocks_by_processor(uint32_t state[8], const uint8_t *data, size_t blocks);

#endif
