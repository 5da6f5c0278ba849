// What happens to processes, from whoever tells it best: an eBPF program tells forks, execs and ends with all that is gone
// a moment later, the proc connector changes of users; without the program the connector tells all.
//
// Ownership: owns the connector's socket; the ring is borrowed. Threading: one thread at a time.
#ifndef PICKET_LINUX_PROCESS_NEWS_H
#define PICKET_LINUX_PROCESS_NEWS_H

#include "proc_connector.h"
#include "process_ring.h"

struct process_news {
    int connector;                      // -1: the kernel has none for us
    struct process_ring *ring;          // NULL: no program
    bool is_waiting;                    // `waiting` was read of the connector …
    struct proc_change waiting;         // … and comes when the ring has nothing before it
};

enum news {
    NEWS_CHANGE, NEWS_NONE,
    NEWS_LATE,                          // there is something that can't be read yet
    NEWS_LOST,                          // *lost says how many; 0: at least one
};

// `connector_error` (not empty): why there is no connector.
void process_news_open(struct process_news *news, struct process_ring *ring, char *connector_error,
                       size_t connector_error_size);
void process_news_close(struct process_news *news);

// Is it told who forks, executes and ends?
bool process_news_tells_lives(const struct process_news *news);
// ... and each change of user besides?
bool process_news_tells_all(const struct process_news *news);

// The next change in the order in which they happened to each process. Its record is borrowed until the next call.
enum news process_news_read(struct process_news *news, struct proc_change *change, uint64_t *lost);

#endif
