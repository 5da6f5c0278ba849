#include "ignore_marks.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/fanotify.h>
#include <sys/sysmacros.h>

#include "core/clock.h"
#include "core/lock.h"

#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x200    // since Linux 5.19; before, nothing is remembered
#endif

// A mark that is taken away while a question about its file waits for an answer stays on the file until then, and as long as
// it does the kernel lets every open of the file pass unasked. So none is ever taken away: it keeps this, about which nobody
// asks, and the kernel forgets it with the file's inode. For the same reason a write must not clear it.
enum { NEVER_ASKED = FAN_CLOSE_NOWRITE };

// Between a program's open and the moment of its exec as the kernel tells it.
enum { TOLD_LATER_US = 2000000 };

void ignore_marks_init(struct ignore_marks *marks, int group)
{
    lock_init(&marks->former_lock);
    marks->group = group;
    marks->former_count = 0;
    atomic_store(&marks->epoch, 0);
}

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
    if (wanted & atomic_load(&addition->marks->hashed) && !lease->has_digest)
        return;
    unsigned flags = FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY | FAN_MARK_EVICTABLE;
    if (fanotify_mark(addition->marks->group, flags, wanted | NEVER_ASKED, lease->fd, NULL) != 0)
        return;
    if (lease->ignored == 0)
        lease->ignored_us = clock_monotonic_us();
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
    struct ignore_marks *marks = context;
    if (lease->ignored == 0)
        return;
    (void)fanotify_mark(marks->group, FAN_MARK_REMOVE | FAN_MARK_IGNORED_MASK, lease->ignored, lease->fd, NULL);
    lock(&marks->former_lock);
    marks->former[marks->former_count++ % FORMER_MARKS] = (struct former_mark){
        lease->device, lease->inode, lease->ignored, lease->ignored_us, clock_monotonic_us()};
    unlock(&marks->former_lock);
    lease->ignored = 0;
}

void ignore_marks_flush(struct ignore_marks *marks, struct leases *leases, uint64_t epoch, uint64_t hashed)
{
    atomic_store(&marks->hashed, hashed);
    // First the epoch: a mark is made before the lock is ours, and then found, or after, and then refused.
    atomic_store(&marks->epoch, epoch);
    leases_visit_all(leases, ignore_marks_take_back, marks);
}

struct former_question {
    uint64_t mask;
    int64_t at_us;
    bool is_covered;
};

static void look_at_present(void *context, struct lease *lease)
{
    struct former_question *question = context;
    question->is_covered = lease->ignored & question->mask && lease->ignored_us <= question->at_us;
}

// From the latest to end on: whose question it was that did not come is told a little later.
static bool was_covered(struct ignore_marks *marks, uint64_t device, uint64_t inode, const struct former_question *question)
{
    bool found = false;
    lock(&marks->former_lock);
    for (uint32_t i = marks->former_count; i > 0 && marks->former_count - i < FORMER_MARKS && !found; i--) {
        const struct former_mark *mark = &marks->former[(i - 1) % FORMER_MARKS];
        if (mark->until_us + TOLD_LATER_US < question->at_us)
            break;
        found = mark->device == device && mark->inode == inode && mark->mask & question->mask &&
                mark->from_us <= question->at_us;
    }
    unlock(&marks->former_lock);
    return found;
}

bool ignore_marks_covered(struct ignore_marks *marks, struct leases *leases, const struct statx *file, uint64_t mask,
                          int64_t at_us)
{
    struct former_question question = {mask, at_us, false};
    uint64_t device = makedev(file->stx_dev_major, file->stx_dev_minor);
    (void)leases_visit_file(leases, device, file->stx_ino, LEASE_ANY_SIZE, look_at_present, &question);
    return question.is_covered || was_covered(marks, device, file->stx_ino, &question);
}
