// Text of many lengths (paths, arguments) in memory that was taken once at the start: chains of small blocks, so that
// nothing is allocated while a kernel waits for an answer.
//
// Ownership: a pool owns its blocks; a `struct text` names a chain and is freed by text_pool_free() once.
// Threading: none of its own; the process table's lock guards it.
#ifndef PICKET_LINUX_TEXT_POOL_H
#define PICKET_LINUX_TEXT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEXT_BLOCK_BYTES = 128 };

struct text {
    uint32_t first;   // block number; meaningless while length is 0
    uint32_t length;  // bytes
};

struct text_pool {
    uint8_t (*blocks)[TEXT_BLOCK_BYTES];
    uint32_t *next;
    uint32_t free_first;
    uint32_t free_count;
    uint32_t count;
};

// Allocates. False: out of memory.
bool text_pool_init(struct text_pool *pool, uint32_t blocks);
void text_pool_destroy(struct text_pool *pool);

// Copies `length` bytes in. False, and `text` is empty: too few free blocks.
bool text_pool_put(struct text_pool *pool, struct text *text, const uint8_t *data, size_t length);

// Copies out at most `capacity` bytes and returns how many.
size_t text_pool_copy(const struct text_pool *pool, struct text text, uint8_t *out, size_t capacity);

// Gives the blocks back and empties `text`.
void text_pool_free(struct text_pool *pool, struct text *text);

#endif
