#include "ignore_marks.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/fanotify.h>

struct addition {
    struct ignore_marks *marks;
    uint64_t mask, epoch;
};

static void add(void *context, struct lease *lease)
{
    const struct addition *addition = context;
    uint64_t wanted = addition->mask & ~lease->ignored;
    if (wanted == 0 || addition->epoch == 0 || atomic_load(&addition->marks->epoch) != addition->epoch)
        return;
    // Not FAN_MARK_IGNORED_SURV_MODIFY: what empties a file without a word to the lease ends the mark, at least.
    if (fanotify_mark(addition->marks->group, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK, wanted, lease->fd, NULL) != 0)
        return;
    lease->ignored |= wanted;
    atomic_fetch_add(&addition->marks->made, 1);
}

void ignore_marks_add(struct ignore_marks *marks, struct leases *leases, lease_id id, uint64_t mask, uint64_t epoch)
{
    struct addition addition = {marks, mask, epoch};
    (void)leases_visit(leases, id, add, &addition);
}

void ignore_marks_take_back(void *context, struct lease *lease)
{
    const struct ignore_marks *marks = context;
    // Not FAN_MARK_FLUSH: a mark that a pending question refers to stays on its file after it, with its mask as it was.
    // Where the kernel has cleared the mark by itself this fails, and means nothing.
    if (lease->ignored != 0)
        (void)fanotify_mark(marks->group, FAN_MARK_REMOVE | FAN_MARK_IGNORED_MASK, lease->ignored, lease->fd, NULL);
    lease->ignored = 0;
}

void ignore_marks_flush(struct ignore_marks *marks, struct leases *leases, uint64_t epoch)
{
    // First the epoch: a mark is made before the lock is ours, and then found, or after, and then refused.
    atomic_store(&marks->epoch, epoch);
    leases_visit_all(leases, ignore_marks_take_back, marks);
}
