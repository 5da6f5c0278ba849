// On which filesystems anything is worth a question: where the files lie that a deny rule of the policy can reach. The others
// are guarded too, but the kernel asks nothing about them, and whoever opens their files waits for nobody.
//
// It may only ever be too much: each mount of the bridge's own namespace counts, and all of what others alone can see.
//
// Threading: pure.
#ifndef PICKET_LINUX_ASKED_REACH_H
#define PICKET_LINUX_ASKED_REACH_H

#include "core/policy.h"
#include "filesystems.h"
#include "mount_inventory.h"

// FAN_OPEN_PERM, FAN_OPEN_EXEC_PERM, as far as the policy subscribes to them and a rule can deny there.
uint64_t asked_reach_of(const struct policy *policy, const struct found_filesystem *found);

// Sets each filesystem's asked_mask. What was asked about under the same policy is so still: a folder above a mount may be
// renamed, of which the kernel says nothing. `before`: NULL where the policy is a new one.
void asked_reach_set(struct filesystem_set *set, const struct policy *policy, struct mount_inventory *inventory,
                     const struct filesystem_set *before);

#endif
