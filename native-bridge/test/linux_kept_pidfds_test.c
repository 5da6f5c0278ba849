// The pidfds that a reader keeps: the last one of each process, and no other.
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "linux/kept_pidfds.h"
#include "test/core_check.h"

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

// What an event of `pid` brings; any descriptor will do.
static int take(struct kept_pidfds *kept, uint32_t pid)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct fanotify_event event = {.pid = pid, .fd = -1, .pidfd = fd};
    CHECK(fd >= 0);
    kept_pidfds_take(kept, &event);
    CHECK_EQUAL(event.pidfd, PIDFD_NONE);
    return fd;
}

int main(void)
{
    struct kept_pidfds kept;
    kept_pidfds_init(&kept);
    int first = take(&kept, 4711), other = take(&kept, 4712);
    CHECK(is_open(first) && is_open(other));
    int second = take(&kept, 4711);
    CHECK(!is_open(first) && is_open(second) && is_open(other));
    struct fanotify_event gone = {.pid = 4711, .fd = -1, .pidfd = PIDFD_GONE};
    kept_pidfds_take(&kept, &gone);
    CHECK_EQUAL(gone.pidfd, PIDFD_GONE);
    CHECK(is_open(second));
    int same_place = take(&kept, 4711 + KEPT_PIDFDS);
    CHECK(!is_open(second) && is_open(same_place));
    holds("the last one of a process is kept, and lets go of the one before");

    int taken[4 * KEPT_PIDFDS];
    for (uint32_t i = 0; i < 4 * KEPT_PIDFDS; i++) taken[i] = take(&kept, i);
    for (uint32_t i = 3 * KEPT_PIDFDS; i < 4 * KEPT_PIDFDS; i++) {
        CHECK_EQUAL(kept.fds[i % KEPT_PIDFDS], taken[i]);
        CHECK(is_open(taken[i]));
    }
    kept_pidfds_close(&kept);
    for (uint32_t i = 3 * KEPT_PIDFDS; i < 4 * KEPT_PIDFDS; i++) CHECK(!is_open(taken[i]));
    holds("however many processes ask, a bounded number is open, and none at the end");
    return 0;
}
