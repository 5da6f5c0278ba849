#include "core/frame.h"

#include <string.h>

void frame_reader_init(struct frame_reader *reader, void *buffer, size_t capacity, size_t max_frame) {
    *reader = (struct frame_reader){.buffer = buffer, .capacity = capacity, .max_frame = max_frame};
}

uint8_t *frame_reader_space(struct frame_reader *reader, size_t *space) {
    if (reader->start > 0) {
        memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
    }
    *space = reader->capacity - reader->end;
    return reader->buffer + reader->end;
}

void frame_reader_filled(struct frame_reader *reader, size_t count) {
    size_t space = reader->capacity - reader->end;
    reader->end += count < space ? count : space;
}

uint32_t frame_reader_announced(const struct frame_reader *reader) {
    if (reader->end - reader->start < FRAME_HEADER) return 0;
    const uint8_t *h = reader->buffer + reader->start;
    return (uint32_t)h[0] | (uint32_t)h[1] << 8 | (uint32_t)h[2] << 16 | (uint32_t)h[3] << 24;
}

enum frame_result frame_reader_next(struct frame_reader *reader, struct bytes *frame) {
    size_t available = reader->end - reader->start;
    if (available < FRAME_HEADER) return FRAME_PARTIAL;
    size_t length = frame_reader_announced(reader);
    if (length > reader->max_frame) return FRAME_TOO_LONG;
    if (available - FRAME_HEADER < length) return FRAME_PARTIAL;
    *frame = (struct bytes){reader->buffer + reader->start + FRAME_HEADER, length};
    reader->start += FRAME_HEADER + length;
    return FRAME_READY;
}

void frame_put_header(uint8_t header[FRAME_HEADER], uint32_t length) {
    for (int i = 0; i < FRAME_HEADER; i++) header[i] = (uint8_t)(length >> (8 * i));
}
