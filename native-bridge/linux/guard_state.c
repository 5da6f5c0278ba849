#include "guard_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>

#include "core/event_encoder.h"

static void set_masks(struct guard_state *state, const struct policy *policy)
{
    if (policy_subscribes(policy, EVENT_AUTH, "open"))
        state->permission_mask |= FAN_OPEN_PERM;
    if (policy_subscribes(policy, EVENT_AUTH, "exec"))
        state->permission_mask |= FAN_OPEN_EXEC_PERM;
    if (policy_subscribes(policy, EVENT_NOTIFY, "open"))
        state->file_mask |= FAN_OPEN;
    if (policy_subscribes(policy, EVENT_NOTIFY, "close"))
        state->file_mask |= FAN_CLOSE_WRITE;
    if (policy_subscribes(policy, EVENT_NOTIFY, "create"))
        state->name_mask |= FAN_CREATE | FAN_ONDIR;
    if (policy_subscribes(policy, EVENT_NOTIFY, "unlink"))
        state->name_mask |= FAN_DELETE | FAN_ONDIR;
    if (policy_subscribes(policy, EVENT_NOTIFY, "rename"))
        state->name_mask |= FAN_RENAME | FAN_ONDIR;
    state->notify_exec = policy_subscribes(policy, EVENT_NOTIFY, "exec");
    state->exec_environment = policy_wants_environment(policy, EVENT_NOTIFY, "exec");
    state->notify_fork = policy_subscribes(policy, EVENT_NOTIFY, "fork");
    state->notify_exit = policy_subscribes(policy, EVENT_NOTIFY, "exit");
}

// Without its filesystems yet.
static struct guard_state *begin(const struct policy *policy)
{
    struct guard_state *state = calloc(1, sizeof *state);
    if (!state)
        return NULL;
    atomic_init(&state->references, 1);
    user_names_load(&state->users, "/etc/passwd");
    if (policy) {
        // policy_ref() counts on an object that is otherwise never changed.
        state->policy = policy_ref((struct policy *)policy);
        set_masks(state, policy);
    }
    return state;
}

// With its filesystems in place.
static struct guard_state *complete(struct guard_state *state, bool filesystems_found)
{
    const struct policy *policy = state->policy;
    if (filesystems_found && (!policy || never_denied_build(&state->never_denied, policy->never_denied,
                                                            policy->never_denied_count, &state->filesystems)))
        return state;
    guard_state_unref(state);
    return NULL;
}

struct guard_state *guard_state_build(const struct policy *policy, tell_unguarded unguarded, void *context)
{
    struct guard_state *state = begin(policy);
    if (!state)
        return NULL;
    for (size_t i = 0; policy && i < policy->guarded_filesystems_count; i++) {
        char sentence[512];
        if (!filesystem_set_add(&state->filesystems, policy->guarded_filesystems[i], sentence, sizeof sentence))
            unguarded(context, sentence);
    }
    return complete(state, true);
}

struct guard_state *guard_state_follow(const struct guard_state *before)
{
    struct guard_state *state = begin(before->policy);
    return state ? complete(state, filesystem_set_follow(&state->filesystems, &before->filesystems)) : NULL;
}

struct guard_state *guard_state_ref(struct guard_state *state)
{
    atomic_fetch_add_explicit(&state->references, 1, memory_order_relaxed);
    return state;
}

void guard_state_unref(struct guard_state *state)
{
    if (!state || atomic_fetch_sub_explicit(&state->references, 1, memory_order_acq_rel) != 1)
        return;
    filesystem_set_close(&state->filesystems);
    never_denied_free(&state->never_denied);
    user_names_free(&state->users);
    policy_unref(state->policy);
    free(state);
}

void guard_marks_add(int group, const struct filesystem_set *now, uint64_t mask, const char *what,
                     tell_unguarded unguarded, void *context)
{
    for (size_t i = 0; mask != 0 && i < now->count; i++) {
        const struct filesystem *filesystem = &now->items[i];
        if (fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, mask, filesystem->mount_fd, NULL) == 0)
            continue;
        char sentence[512];
        snprintf(sentence, sizeof sentence, "%.*s is not guarded: the kernel refused to mark it for %s (%s)",
                 (int)(filesystem->mount_point_length < 300 ? filesystem->mount_point_length : 300),
                 (const char *)filesystem->mount_point, what, strerror(errno));
        unguarded(context, sentence);
    }
}

void guard_marks_remove(int group, const struct filesystem_set *before, uint64_t mask_before,
                        const struct filesystem_set *now, uint64_t mask_now)
{
    for (size_t i = 0; i < before->count; i++) {
        const struct filesystem *filesystem = &before->items[i];
        uint64_t kept = filesystem_set_find(now, filesystem->device) ? mask_now : 0;
        uint64_t gone = mask_before & ~kept;
        // A mark that was refused when it was to be added is not there now: that error means nothing.
        if (gone != 0)
            (void)fanotify_mark(group, FAN_MARK_REMOVE | FAN_MARK_FILESYSTEM, gone, filesystem->mount_fd, NULL);
    }
}
