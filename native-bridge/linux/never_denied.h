// The files that no rule may deny, lest the machine or Picket itself stop: by device and inode, for names can be moved.
// Each is held open (O_PATH), so that a removed one's number never becomes another file's.
//
// Ownership: a set owns its memory and descriptors. Threading: immutable once built; building may block, never on the
// reader's thread.
#ifndef PICKET_LINUX_NEVER_DENIED_H
#define PICKET_LINUX_NEVER_DENIED_H

#include "filesystems.h"

struct file_identity {
    uint64_t device, inode;
    int held;
};

struct never_denied {
    struct file_identity *files;    // sorted
    size_t count, room;
};

// The listed paths, this program and what it runs on (loader, libc), and the loaders and C libraries that root keeps
// on the guarded filesystems. False: out of memory or descriptors.
bool never_denied_build(struct never_denied *set, const struct bytes *paths, size_t count,
                        const struct filesystem_set *filesystems);
void never_denied_free(struct never_denied *set);
bool never_denied_has(const struct never_denied *set, uint64_t device, uint64_t inode);

#endif
