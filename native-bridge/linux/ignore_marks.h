// The kernel's cache of answers: a file that may be opened is marked so that the kernel does not ask about it again. Such a
// mark survives renames, links, chmod and writes through mappings, so it stands for verdicts on content alone, and each lies
// on top of a lease and goes before it. A hit raises no event: marks are counted, hits can't be.
//
// A lease keeps nobody from emptying a file by open(O_RDONLY | O_TRUNC), and no order of calls here could make that certain.
// So it is the agent that sees to it: by rules that have something to say of an empty file no verdict is cacheable.
//
// Threading: any. The epoch is looked at under the lock of the leases, under which marks are taken back, too: a verdict of
// rules of before never leaves a mark behind that flush.
#ifndef PICKET_LINUX_IGNORE_MARKS_H
#define PICKET_LINUX_IGNORE_MARKS_H

#include <sys/stat.h>

#include "leases.h"

// A program that ran unasked was remembered then, perhaps, and is no more: what was is known for a while.
enum { FORMER_MARKS = 8192 };

struct former_mark {
    uint64_t device, inode, mask;
    int64_t from_us, until_us;      // monotonic
};

struct ignore_marks {
    int group;                      // the permission group that asks about plain files; known once it is open
    _Atomic uint64_t epoch;         // whose verdicts may leave marks; 0: nobody's
    _Atomic uint64_t hashed;        // the questions that are answered by the content's digest
    atomic_uint_least64_t made;
    pthread_mutex_t former_lock;    // taken under that of the leases
    uint32_t former_count;          // ever
    struct former_mark former[FORMER_MARKS];
};

// Once, before the first lease.
void ignore_marks_init(struct ignore_marks *marks, int group);

// The kernel is to ask about none of `mask` (FAN_OPEN_PERM, FAN_OPEN_EXEC_PERM) on the file of the lease any more. Nothing
// happens where the lease was let go, or another epoch is in force than that of the verdict. Never waits.
void ignore_marks_add(struct ignore_marks *marks, struct leases *leases, lease_id id, uint64_t mask, uint64_t epoch);

// Takes all marks back and lets verdicts of this epoch make new ones; 0: none at all. `hashed`: which questions are answered
// by digests, so that where one is missing the verdict is not of the content. When it returns every open is asked
// about that begins from then on.
void ignore_marks_flush(struct ignore_marks *marks, struct leases *leases, uint64_t epoch, uint64_t hashed);

// Did a program start unasked at that time since the kernel was told not to ask about its file? By device and inode.
bool ignore_marks_covered(struct ignore_marks *marks, struct leases *leases, const struct statx *file, uint64_t mask,
                          int64_t at_us);

// The hook of leases; the context is the struct ignore_marks.
lease_visitor ignore_marks_take_back;

#endif
