// One connection's bytes: frames in, frames out, never blocking.
//
// Ownership: owns its descriptor; borrows its buffers. Threading: the event thread.
#ifndef PICKET_CONNECTION_H
#define PICKET_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/frame.h"
#include "core/wire.h"

// Room behind the largest frame for the small ones that may not wait: PolicyApplied, statistics.
#define CONNECTION_OUT (FRAME_MAX + FRAME_HEADER + 256 * 1024)

struct connection {
    int fd;                     // -1: none
    struct frame_reader reader;
    uint8_t *out;
    size_t out_start, out_end;
};

void connection_init(struct connection *connection, uint8_t *in, size_t in_capacity, uint8_t *out);
void connection_open(struct connection *connection, int fd, size_t max_frame);
void connection_close(struct connection *connection);

enum connection_result { CONNECTION_MORE, CONNECTION_WAIT, CONNECTION_ENDED };

// Reads once. MORE: look for frames; WAIT: nothing there; ENDED: end of file or an error.
enum connection_result connection_read(struct connection *connection);
// Writes what the socket takes. ENDED: the peer is gone.
enum connection_result connection_flush(struct connection *connection);
bool connection_is_idle(const struct connection *connection);     // all written

// A writer behind what waits already; commit what was written, unless it overflowed (then false).
struct wire_writer connection_writer(struct connection *connection);
bool connection_commit(struct connection *connection, const struct wire_writer *writer);

#endif
