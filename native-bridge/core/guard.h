// The deadline guard: a thread that sleeps until the earliest budget ends and answers with the default then. A good
// part of the budget before that it looks whether the agent can be helped. It keeps the lane's heartbeat as well, for
// it is the thread that is never late.
//
// Threading: guard_watch() from any thread, after the request is open.
#ifndef PICKET_GUARD_H
#define PICKET_GUARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct core;

struct guard {
    struct core *core;
    pthread_t thread;
    bool runs;
    atomic_bool stopping;
    _Atomic int64_t next_wake_us;   // INT64_MAX while awake: then a wake-up costs a needless write, no more
    int wake_fds[2];
};

int guard_start(struct guard *guard, struct core *core);    // 0 or an errno
void guard_stop(struct guard *guard);
void guard_watch(struct guard *guard, int64_t deadline_us);

#endif
