#include "core/guard.h"

#include <errno.h>
#include <poll.h>

#include "core/clock.h"
#include "core/core.h"
#include "core/pipe.h"
#include "core/thread.h"
#include "core/vigil.h"

void guard_watch(struct guard *guard, int64_t deadline_us) {
    if (deadline_us < atomic_load(&guard->next_wake_us)) pipe_wake(guard->wake_fds[1]);
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

// Either the sleeper sees the new deadline in its second look, or the new request sees that the sleeper sleeps too
// long.
static int64_t announce_sleep(struct guard *guard, int64_t heartbeat_us) {
    int64_t until = earlier(pending_earliest(&guard->core->pending), heartbeat_us);
    for (;;) {
        atomic_store(&guard->next_wake_us, until);
        int64_t again = earlier(pending_earliest(&guard->core->pending), heartbeat_us);
        if (again >= until) return until;
        until = again;
    }
}

static void *run(void *argument) {
    struct guard *guard = argument;
    struct core *core = guard->core;
    int64_t heartbeat_us = 0;
    (void)thread_raise_priority(true);
    vigil_sit(VIGIL_GUARD);
    while (!atomic_load(&guard->stopping)) {
        vigil_beat(VIGIL_GUARD);
        struct request *request;
        while ((request = pending_pressing(&core->pending, clock_monotonic_us())) != NULL) {
            if (core_press(core, request)) heartbeat_us = 0;
            pending_release(&core->pending, request);
        }
        while ((request = pending_expired(&core->pending, clock_monotonic_us())) != NULL) {
            vigil_beat(VIGIL_GUARD);
            core_budget_ran_out(core, request);
            pending_release(&core->pending, request);
        }
        int64_t now_us = clock_monotonic_us();
        if (now_us >= heartbeat_us) heartbeat_us = lane_heartbeat(&core->lane, now_us);
        int64_t sleep_us = announce_sleep(guard, heartbeat_us) - clock_monotonic_us();
        struct pollfd fd = {.fd = guard->wake_fds[0], .events = POLLIN};
        int result = poll(&fd, 1, sleep_us <= 0 ? 0 : (int)((sleep_us + 999) / 1000));
        atomic_store(&guard->next_wake_us, INT64_MAX);
        if (result > 0) pipe_drain(guard->wake_fds[0]);
    }
    vigil_leave(VIGIL_GUARD);
    return NULL;
}

int guard_start(struct guard *guard, struct core *core) {
    guard->core = core;
    atomic_init(&guard->stopping, false);
    atomic_init(&guard->next_wake_us, INT64_MAX);
    if (pipe_make(guard->wake_fds) != 0) return errno;
    int failure = thread_start(&guard->thread, "picket-guard", run, guard);
    guard->runs = failure == 0;
    return failure;
}

void guard_stop(struct guard *guard) {
    if (!guard->runs) return;
    atomic_store(&guard->stopping, true);
    pipe_wake(guard->wake_fds[1]);
    (void)pthread_join(guard->thread, NULL);
    guard->runs = false;
}
