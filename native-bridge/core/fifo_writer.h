// Writes frames into a FIFO without blocking. A frame that the FIFO takes in part is finished before the next one.
//
// Ownership: the descriptor belongs to the writer from fifo_writer_open() to fifo_writer_close().
// Threading: none; the owner serialises the calls.
#ifndef PICKET_FIFO_WRITER_H
#define PICKET_FIFO_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/wire.h"

// Linux's PIPE_BUF: a write of so much is never partial there.
#define FIFO_FRAME_MAX 4096

enum fifo_result {
    FIFO_WRITTEN,   // or will be: the rest is kept
    FIFO_FULL,      // nothing of it was written
    FIFO_BROKEN,    // not open, or nobody reads
};

struct fifo_writer {
    int fd;         // -1: not open
    uint8_t rest[FIFO_FRAME_MAX];
    size_t rest_length, rest_offset;
};

void fifo_writer_init(struct fifo_writer *writer);
void fifo_writer_open(struct fifo_writer *writer, int fd);
void fifo_writer_close(struct fifo_writer *writer);
bool fifo_writer_has_rest(const struct fifo_writer *writer);
// Writes what is left of a frame; FIFO_WRITTEN once nothing is.
enum fifo_result fifo_writer_flush(struct fifo_writer *writer);
// `frame` of at most FIFO_FRAME_MAX bytes.
enum fifo_result fifo_writer_put(struct fifo_writer *writer, const struct wire_writer *frame);

#endif
