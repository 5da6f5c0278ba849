#include "urgent.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// struct sched_attr of the kernel, which the C library's headers do not have.
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t niceness;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

enum { SHORTEST_SLICE_NS = 100000, MOST_FAVOURED = -20 };

// A sanitizer's own locks spin and yield: two threads that do so for one held by a realtime thread behind them keep the
// processors from it for ever. Among equals it gets its turn.
static uint32_t priority_of(enum urgency urgency)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)urgency;
    return URGENT_TO_TELL;
#else
    return (uint32_t)urgency;
#endif
}

static bool set(const struct scheduling *scheduling)
{
    return syscall(SYS_sched_setattr, 0, scheduling, 0) == 0;
}

void urgent_thread(enum urgency urgency)
{
    struct scheduling scheduling = {.size = sizeof scheduling, .policy = SCHED_FIFO, .priority = priority_of(urgency)};
    if (set(&scheduling))
        return;
    int niceness = MOST_FAVOURED + URGENT_TO_ANSWER - (int)urgency;
    scheduling = (struct scheduling){
        .size = sizeof scheduling, .policy = SCHED_OTHER, .niceness = niceness, .runtime_ns = SHORTEST_SLICE_NS};
    if (!set(&scheduling))
        (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), niceness);
}
