// What one policy makes of this machine: its filesystems with their canonical mounts, the files never denied, the
// kernel's masks. Built whole, then put in force by swapping a pointer.
//
// Ownership: counted; the last guard_state_unref() frees it with its descriptors. Threading: immutable once built.
#ifndef PICKET_LINUX_GUARD_STATE_H
#define PICKET_LINUX_GUARD_STATE_H

#include <stdatomic.h>

#include "core/policy.h"
#include "filesystems.h"
#include "host_identity.h"
#include "never_denied.h"

typedef void (*tell_unguarded)(void *context, const char *sentence);

struct guard_state {
    atomic_uint references;
    struct policy *policy;          // NULL: none was applied yet
    struct filesystem_set filesystems;
    struct never_denied never_denied;
    struct user_names users;
    uint64_t permission_mask;       // FAN_OPEN_PERM, FAN_OPEN_EXEC_PERM
    uint64_t file_mask;             // notify events that come with a descriptor: open, close
    uint64_t name_mask;             // notify events that come with a folder's handle and a name
    bool notify_exec, notify_fork, notify_exit, exec_environment;
};

// May block on filesystems and allocates: never on the reader's thread. NULL: out of memory.
struct guard_state *guard_state_build(const struct policy *policy, tell_unguarded unguarded, void *context);

// The same policy on the same filesystems, after mounts have changed. NULL: out of memory or descriptors.
struct guard_state *guard_state_follow(const struct guard_state *before);

struct guard_state *guard_state_ref(struct guard_state *state);
void guard_state_unref(struct guard_state *state);  // NULL passes

// Adds the mask's marks on all filesystems of `now`. What the kernel refuses is told.
void guard_marks_add(int group, const struct filesystem_set *now, uint64_t mask, const char *what,
                     tell_unguarded unguarded, void *context);

// Removes the marks that `before` had and `now` has no more.
void guard_marks_remove(int group, const struct filesystem_set *before, uint64_t mask_before,
                        const struct filesystem_set *now, uint64_t mask_now);

#endif
