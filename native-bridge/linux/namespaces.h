// The mount namespaces of this machine besides the bridge's own, found through their processes. The kernel announces none,
// so they are looked for when a process executes a program, and among all processes now and then.
//
// Ownership: owns a descriptor of a process and of its mountinfo for each namespace. They are let go as soon as that
// process has ended, so that no namespace outlives its last process by much.
// Threading: namespaces_is_other() is reentrant; all else belongs to the mount watcher.
#ifndef PICKET_LINUX_NAMESPACES_H
#define PICKET_LINUX_NAMESPACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAMESPACES_MAX = 128 };

struct mount_namespace {
    uint64_t inode;                 // names it while it is there
    uint32_t pid;
    int pidfd, mountinfo;           // polled: the process has ended; mounts have changed
    bool is_of_user;                // belongs to another user namespace than the bridge's: its mounts may be any user's
};

struct namespaces {
    uint64_t own, own_user;         // inodes
    size_t count;
    bool is_cut;                    // there are more than are followed
    struct mount_namespace items[NAMESPACES_MAX];
};

// False: /proc does not tell namespaces.
bool namespaces_open(struct namespaces *namespaces);
void namespaces_close(struct namespaces *namespaces);

// Has the process a mount namespace other than `own`?
bool namespaces_is_other(uint64_t own, uint32_t pid);

// Follows the namespace of a process, unless it is followed already. True: it is new, or the first one too many.
bool namespaces_look_at(struct namespaces *namespaces, uint32_t pid);

// Looks at all processes. True: a namespace is new, or the first one too many.
bool namespaces_look_at_all(struct namespaces *namespaces);

// Lets go of those whose process has ended or left; another process of theirs is found by looking at all. True: any.
bool namespaces_drop_ended(struct namespaces *namespaces);

#endif
