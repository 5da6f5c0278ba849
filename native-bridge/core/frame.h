// Frames: a 4-byte little-endian length and that many bytes. The reader is fed with whatever pieces a descriptor
// gives and yields whole frames, whatever the cuts.
//
// Ownership: the reader borrows its buffer; a frame that it yields is valid until the next call on the reader.
// Threading: one thread at a time.
#ifndef PICKET_FRAME_H
#define PICKET_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "core/backend.h"

#define FRAME_HEADER 4
#define FRAME_MAX (1024 * 1024)     // of the message in it, as Welcome says

struct frame_reader {
    uint8_t *buffer;
    size_t capacity;
    size_t max_frame;
    size_t start, end;              // what of the buffer is filled and not yet yielded
};

enum frame_result {
    FRAME_READY,
    FRAME_PARTIAL,      // nothing whole yet: read more
    FRAME_TOO_LONG,     // the stream is of no use any more: close it
};

// `capacity` must be at least max_frame + FRAME_HEADER.
void frame_reader_init(struct frame_reader *reader, void *buffer, size_t capacity, size_t max_frame);
// Where to read into, and how much fits; never 0 once frame_reader_next() has said FRAME_PARTIAL.
uint8_t *frame_reader_space(struct frame_reader *reader, size_t *space);
void frame_reader_filled(struct frame_reader *reader, size_t count);
enum frame_result frame_reader_next(struct frame_reader *reader, struct bytes *frame);
// The length that a FRAME_TOO_LONG named, for the log.
uint32_t frame_reader_announced(const struct frame_reader *reader);

void frame_put_header(uint8_t header[FRAME_HEADER], uint32_t length);

#endif
