#include "text_pool.h"

#include <stdlib.h>
#include <string.h>

static uint32_t blocks_for(size_t length)
{
    return (uint32_t)((length + TEXT_BLOCK_BYTES - 1) / TEXT_BLOCK_BYTES);
}

bool text_pool_init(struct text_pool *pool, uint32_t blocks)
{
    memset(pool, 0, sizeof *pool);
    pool->blocks = calloc(blocks, sizeof *pool->blocks);
    pool->next = calloc(blocks, sizeof *pool->next);
    if (!pool->blocks || !pool->next) {
        text_pool_destroy(pool);
        return false;
    }
    for (uint32_t i = 0; i < blocks; i++)
        pool->next[i] = i + 1;
    pool->free_count = pool->count = blocks;
    return true;
}

void text_pool_destroy(struct text_pool *pool)
{
    free(pool->blocks);
    free(pool->next);
    memset(pool, 0, sizeof *pool);
}

bool text_pool_put(struct text_pool *pool, struct text *text, const uint8_t *data, size_t length)
{
    text->first = 0;
    text->length = 0;
    if (length > (size_t)pool->free_count * TEXT_BLOCK_BYTES)
        return false;
    if (length == 0)
        return true;
    uint32_t block = pool->free_first;
    text->first = block;
    text->length = (uint32_t)length;
    pool->free_count -= blocks_for(length);
    while (length > TEXT_BLOCK_BYTES) {
        memcpy(pool->blocks[block], data, TEXT_BLOCK_BYTES);
        data += TEXT_BLOCK_BYTES;
        length -= TEXT_BLOCK_BYTES;
        block = pool->next[block];
    }
    memcpy(pool->blocks[block], data, length);
    pool->free_first = pool->next[block];
    return true;
}

size_t text_pool_copy(const struct text_pool *pool, struct text text, uint8_t *out, size_t capacity)
{
    size_t left = text.length < capacity ? text.length : capacity;
    size_t copied = left;
    for (uint32_t block = text.first; left > 0; block = pool->next[block]) {
        size_t part = left < TEXT_BLOCK_BYTES ? left : TEXT_BLOCK_BYTES;
        memcpy(out, pool->blocks[block], part);
        out += part;
        left -= part;
    }
    return copied;
}

void text_pool_free(struct text_pool *pool, struct text *text)
{
    if (text->length > 0) {
        uint32_t count = blocks_for(text->length);
        uint32_t last = text->first;
        for (uint32_t i = 1; i < count; i++)
            last = pool->next[last];
        pool->next[last] = pool->free_first;
        pool->free_first = text->first;
        pool->free_count += count;
    }
    text->first = 0;
    text->length = 0;
}
