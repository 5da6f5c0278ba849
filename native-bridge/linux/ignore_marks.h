// The kernel's cache of answers: a file that may be opened is marked so that the kernel does not ask about it again. Such a
// mark survives renames, links, chmod and writes through mappings, so it stands for verdicts on content alone, and each lies
// on top of a lease and goes before it. A hit raises no event: marks are counted, hits can't be.
//
// Threading: any. The epoch is looked at under the lock of the leases, under which marks are taken back, too: a verdict of
// rules of before never leaves a mark behind that flush.
#ifndef PICKET_LINUX_IGNORE_MARKS_H
#define PICKET_LINUX_IGNORE_MARKS_H

#include "leases.h"

struct ignore_marks {
    int group;                      // the permission group that asks about plain files; known once it is open
    _Atomic uint64_t epoch;         // whose verdicts may leave marks; 0: nobody's
    atomic_uint_least64_t made;
};

// The kernel is to ask about none of `mask` (FAN_OPEN_PERM, FAN_OPEN_EXEC_PERM) on the file of the lease any more. Nothing
// happens where the lease was let go, or another epoch is in force than that of the verdict. Never waits.
void ignore_marks_add(struct ignore_marks *marks, struct leases *leases, lease_id id, uint64_t mask, uint64_t epoch);

// Takes all marks back and lets verdicts of this epoch make new ones; 0: none at all. When it returns every open is asked
// about that begins from then on.
void ignore_marks_flush(struct ignore_marks *marks, struct leases *leases, uint64_t epoch);

// The hook of leases; the context is the struct ignore_marks.
lease_visitor ignore_marks_take_back;

#endif
