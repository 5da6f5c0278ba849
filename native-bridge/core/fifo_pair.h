// The two FIFOs of one connection's auth lane: made beside the socket under random names, readable by the agent's
// user alone, never used for a second connection.
//
// Ownership: the pair owns its names until fifo_pair_unlink(); descriptors belong to the caller.
// Threading: one thread at a time.
#ifndef PICKET_FIFO_PAIR_H
#define PICKET_FIFO_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define FIFO_PATH 256

struct fifo_pair {
    char request[FIFO_PATH];    // bridge to agent
    char verdict[FIFO_PATH];    // agent to bridge
    bool named;                 // the names still exist
};

// 0, or -1 with a sentence in `error`; then nothing is left behind. `directory` without a slash at its end.
int fifo_pair_make(struct fifo_pair *pair, const char *directory, uid_t owner, gid_t group, char *error,
                   size_t error_size);
void fifo_pair_unlink(struct fifo_pair *pair);

// The bridge's ends, non-blocking. The verdict end opens at once; the request end fails with ENXIO until the agent
// has opened its own. -1 with errno.
int fifo_open_verdict(const struct fifo_pair *pair);
int fifo_open_request(const struct fifo_pair *pair);

#endif
