// What is guarded: the policy in force made true of the mounts that are there, when it comes, when mounts change, and when
// the kernel is to ask no more or again.
//
// Ownership: what is in force belongs to the state. Threading: each takes the apply_lock, so any may wait for a filesystem
// that another one looks at; but guarding_ask() waits for nobody where the kernel is to fall silent. The first three are
// the backend's functions (core/backend.h), and their first argument is the state.
#ifndef PICKET_LINUX_GUARDING_H
#define PICKET_LINUX_GUARDING_H

#include "linux_state.h"

int guarding_apply(void *context, const struct policy *policy, tell_unguarded unguarded, void *tell_context, char *error,
                   size_t error_size);
void guarding_ask(void *context, bool wanted, tell_unguarded unguarded, void *tell_context);
void guarding_describe(void *context, tell_unguarded guarded, tell_unguarded unguarded, void *tell_context);

// Mounts came, went or moved: reads them all, chooses canonical mounts and marks anew for the policy in force, and tells
// what is new. May block on local filesystems.
void guarding_follow_mounts(struct linux_state *state);

#endif
