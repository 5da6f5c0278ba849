#include "asked_execs.h"

#include <string.h>

#include "core/lock.h"

// A note that is older than any question may wait for its answer belongs to no exec that is still to be told.
enum { OLD_US = 120 * 1000000 };

void asked_execs_init(struct asked_execs *asked)
{
    memset(asked, 0, sizeof *asked);
    lock_init(&asked->lock);
}

static struct asked_bucket *bucket_of(struct asked_execs *asked, uint32_t pid)
{
    return &asked->buckets[pid % ASKED_BUCKETS];
}

void asked_execs_note(struct asked_execs *asked, uint32_t pid, uint64_t device, uint64_t inode, int64_t now_us)
{
    lock(&asked->lock);
    struct asked_bucket *bucket = bucket_of(asked, pid);
    struct asked_note *oldest = &bucket->notes[0];
    for (size_t i = 0; i < ASKED_NOTES && oldest->pid != 0; i++)
        if (bucket->notes[i].pid == 0 || bucket->notes[i].noted_us < oldest->noted_us)
            oldest = &bucket->notes[i];
    if (oldest->pid != 0)
        bucket->forgotten_us = oldest->noted_us;
    *oldest = (struct asked_note){pid, device, inode, now_us};
    unlock(&asked->lock);
}

enum asked asked_execs_take(struct asked_execs *asked, uint32_t pid, uint64_t device, uint64_t inode, int64_t exec_us)
{
    bool any = false, same = false;
    lock(&asked->lock);
    struct asked_bucket *bucket = bucket_of(asked, pid);
    for (size_t i = 0; i < ASKED_NOTES; i++) {
        struct asked_note *note = &bucket->notes[i];
        if (note->pid == pid && note->noted_us <= exec_us) {
            any = true;
            same = same || (note->device == device && note->inode == inode);
            note->pid = 0;
        }
    }
    bool may_be_forgotten = bucket->forgotten_us != 0 && bucket->forgotten_us > exec_us - OLD_US;
    unlock(&asked->lock);
    if (same)
        return ASKED_ABOUT_IT;
    if (may_be_forgotten)
        return ASKED_NOT_KNOWN;
    return any ? ASKED_ABOUT_ANOTHER : ASKED_ABOUT_NOTHING;
}
