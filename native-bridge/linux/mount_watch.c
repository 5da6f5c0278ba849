#include "mount_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/lock.h"
#include "guarding.h"

// A process may make a namespace without executing anything, and without a word by the kernel.
enum { LOOK_AT_ALL_MS = 1000 };
// Whoever mounts and unmounts as fast as he can keeps this thread busy for a fifth of the time at most.
enum { REST_TIMES = 4, REST_MAX_US = 1000000 };

bool mount_watch_open(struct mount_watch *watch)
{
    lock_init(&watch->lock);
    watch->look_at_count = 0;
    watch->mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    watch->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    // A kernel without namespaces has nothing to look for.
    watch->own_namespace = namespaces_open(&watch->namespaces) ? watch->namespaces.own : 0;
    return watch->mountinfo >= 0 && watch->wake >= 0;
}

void mount_watch_close(struct mount_watch *watch)
{
    namespaces_close(&watch->namespaces);
    if (watch->mountinfo >= 0)
        close(watch->mountinfo);
    if (watch->wake >= 0)
        close(watch->wake);
    watch->mountinfo = watch->wake = -1;
}

void mount_watch_look_at(struct mount_watch *watch, uint32_t pid)
{
    if (!namespaces_is_other(watch->own_namespace, pid))
        return;
    lock(&watch->lock);
    if (watch->look_at_count < LOOK_AT_MAX)
        watch->look_at[watch->look_at_count] = pid;
    if (watch->look_at_count <= LOOK_AT_MAX)
        watch->look_at_count++;
    unlock(&watch->lock);
    uint64_t one = 1;
    (void)!write(watch->wake, &one, sizeof one);
}

// True: there are namespaces to follow that were not there before.
static bool look_at_told(struct mount_watch *watch)
{
    uint32_t pids[LOOK_AT_MAX], count;
    uint64_t wakes;
    (void)!read(watch->wake, &wakes, sizeof wakes);
    lock(&watch->lock);
    count = watch->look_at_count;
    for (uint32_t i = 0; i < count && i < LOOK_AT_MAX; i++)
        pids[i] = watch->look_at[i];
    watch->look_at_count = 0;
    unlock(&watch->lock);
    bool found = false;
    for (uint32_t i = 0; i < count && i < LOOK_AT_MAX; i++)
        found = namespaces_look_at(&watch->namespaces, pids[i]) || found;
    return count > LOOK_AT_MAX ? namespaces_look_at_all(&watch->namespaces) || found : found;
}

static nfds_t wait_on(const struct linux_state *state, struct pollfd *waiting)
{
    const struct mount_watch *watch = &state->mount_watch;
    nfds_t count = 0;
    waiting[count++] = (struct pollfd){.fd = state->stop_event, .events = POLLIN};
    waiting[count++] = (struct pollfd){.fd = watch->wake, .events = POLLIN};
    waiting[count++] = (struct pollfd){.fd = watch->mountinfo, .events = POLLPRI};
    for (size_t i = 0; i < watch->namespaces.count; i++) {
        waiting[count++] = (struct pollfd){.fd = watch->namespaces.items[i].pidfd, .events = POLLIN};
        waiting[count++] = (struct pollfd){.fd = watch->namespaces.items[i].mountinfo, .events = POLLPRI};
    }
    return count;
}

static bool any_of(const struct pollfd *waiting, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++)
        if (waiting[i].revents)
            return true;
    return false;
}

// Where so many can't be waited for (no memory for it, or a limit of descriptors that was lowered), by the clock alone.
static int wait_for_any(struct pollfd *waiting, nfds_t count)
{
    int ready = poll(waiting, count, LOOK_AT_ALL_MS);
    return ready < 0 && errno != EINTR ? poll(waiting, 1, LOOK_AT_ALL_MS) : ready;
}

// Bounded by the stop event.
static void rest(struct linux_state *state, int64_t busy_us)
{
    int64_t rest_us = busy_us * REST_TIMES < REST_MAX_US ? busy_us * REST_TIMES : REST_MAX_US;
    struct pollfd stop = {.fd = state->stop_event, .events = POLLIN};
    if (rest_us >= 1000)
        (void)poll(&stop, 1, (int)(rest_us / 1000));
}

void *mount_watcher(void *argument)
{
    struct linux_state *state = argument;
    struct mount_watch *watch = &state->mount_watch;
    struct pollfd waiting[3 + 2 * NAMESPACES_MAX];
    int64_t looked_us = 0;
    while (!atomic_load(&state->stopping)) {
        nfds_t count = wait_on(state, waiting);
        int ready = wait_for_any(waiting, count);
        if (ready > 0 && waiting[0].revents)
            break;
        int64_t began_us = clock_monotonic_us();
        bool changed = ready > 0 && any_of(waiting + 2, count - 2);
        lock(&state->apply_lock);
        bool ended = namespaces_drop_ended(&watch->namespaces);
        changed = look_at_told(watch) || changed || ended || mount_news_is_pending(&state->news);
        // Before anything is made of it: another process of the same namespace may be there.
        if (ended || began_us - looked_us >= LOOK_AT_ALL_MS * 1000) {
            looked_us = began_us;
            changed = namespaces_look_at_all(&watch->namespaces) || changed;
        }
        unlock(&state->apply_lock);
        if (changed)
            guarding_follow_mounts(state);
        rest(state, clock_monotonic_us() - began_us);
    }
    return NULL;
}
