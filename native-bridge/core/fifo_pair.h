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

// One that was made: what is opened under its name later must be the same.
struct fifo {
    char path[FIFO_PATH];
    dev_t device;
    ino_t inode;
    uid_t owner;
};

struct fifo_pair {
    struct fifo request;        // bridge to agent
    struct fifo verdict;        // agent to bridge
    bool named;                 // the names still exist
};

// 0, or -1 with a sentence in `error`; then nothing is left behind. `directory` without a slash at its end.
int fifo_pair_make(struct fifo_pair *pair, const char *directory, uid_t owner, gid_t group, char *error,
                   size_t error_size);
void fifo_pair_unlink(struct fifo_pair *pair);

// The bridge's ends, non-blocking. The verdict end opens at once; the request end fails with ENXIO until the agent
// has opened its own. -1 with errno; EPERM: it is not the FIFO that was made, or others than its owner may open it.
int fifo_open_verdict(const struct fifo_pair *pair);
int fifo_open_request(const struct fifo_pair *pair);

#endif
