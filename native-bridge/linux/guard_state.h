// What one policy makes of this machine: its filesystems with their canonical mounts, the files never denied, the
// kernel's masks. Built whole, then put in force by swapping a pointer.
//
// Ownership: counted; the last guard_state_unref() frees it with its descriptors. Threading: immutable once built.
#ifndef PICKET_LINUX_GUARD_STATE_H
#define PICKET_LINUX_GUARD_STATE_H

#include <stdatomic.h>

#include "core/policy.h"
#include "filesystems.h"
#include "guard_choice.h"
#include "host_identity.h"
#include "never_denied.h"
#include "other_names.h"
#include "overlay_names.h"

typedef void (*tell_unguarded)(void *context, const char *sentence);

struct guard_state {
    atomic_uint references;
    struct policy *policy;          // NULL: none was applied yet
    struct filesystem_set filesystems;
    struct overlay_names overlays;
    // Of each filesystem: since when execs are asked about, in Unix time; 0: they are not.
    atomic_uint_least64_t asked_since_ns[FILESYSTEMS_MAX];
    atomic_uint_least64_t execs_asked_since_ns; // on whichever filesystem; Unix time
    // Filesystems that were there from the start, where whoever is not asked is so by choice: by device, sorted.
    size_t quiet_count;
    uint64_t quiet[INVENTORY_MAX];
    struct never_denied never_denied;
    struct other_names *other_names; // NULL: no policy; looked up again as files change
    struct user_names users;
    uint64_t permission_mask;       // FAN_OPEN_PERM, FAN_OPEN_EXEC_PERM
    uint64_t cacheable_mask;        // those of them whose answers the kernel may keep
    uint64_t file_mask;             // notify events that come with a descriptor: open; of an overlay close, too
    uint64_t name_mask;             // notify events that come with a folder's handle and a name
    bool notify_exec, notify_fork, notify_exit, exec_environment;
    bool notify_mount, notify_unmount;
};

// May block on filesystems and allocates: never on the reader's thread. NULL: out of memory. Without a policy there is
// nothing to guard, and the inventory may be NULL.
struct guard_state *guard_state_build(const struct policy *policy, struct mount_inventory *inventory,
                                      tell_unguarded unguarded, void *context);

// The same policy after mounts have changed: on the filesystems that it named then, and on those that it has guarded for
// what they are now. NULL: out of memory or descriptors.
struct guard_state *guard_state_follow(const struct guard_state *before, struct mount_inventory *inventory);

// Was the filesystem there from the start, in the bridge's own namespace?
bool guard_state_is_quiet(const struct guard_state *state, uint64_t device);

struct guard_state *guard_state_ref(struct guard_state *state);
void guard_state_unref(struct guard_state *state);  // NULL passes

// One group's part of the marks: what it is to be told of, by the kind of filesystem. 0: no mark.
struct mark_order {
    int group;
    uint64_t plain, stacked, layers;    // layers: of the overlays among them
    const char *what;                   // for a person
};

// Adds the marks on all such filesystems of `now`. What the kernel refuses is told.
void guard_marks_add(const struct mark_order *order, struct guard_state *now, tell_unguarded unguarded, void *context);

// Removes the marks that `before` had by an order and `now` has no more by the other.
void guard_marks_remove(const struct mark_order *order_before, const struct guard_state *before,
                        const struct mark_order *order_now, const struct guard_state *now);

// The marks are about to be made again after a time without: what ran meanwhile was not asked about, and is no news.
void guard_marks_begin_anew(struct guard_state *state);

// Remembers since when each filesystem of `now` has been asked about, if it was in `before` already.
void guard_marks_carry_over(struct guard_state *now, const struct guard_state *before);

#endif
