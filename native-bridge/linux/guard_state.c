#include "guard_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/sysmacros.h>

#include "asked_reach.h"
#include "core/clock.h"
#include "core/event_encoder.h"

static void set_masks(struct guard_state *state, const struct policy *policy)
{
    if (policy_subscribes(policy, EVENT_AUTH, "open"))
        state->permission_mask |= FAN_OPEN_PERM;
    if (policy_subscribes(policy, EVENT_AUTH, "exec"))
        state->permission_mask |= FAN_OPEN_EXEC_PERM;
    if (policy_action_settings(policy, "open").cacheable)
        state->cacheable_mask |= FAN_OPEN_PERM;
    if (policy_action_settings(policy, "exec").cacheable)
        state->cacheable_mask |= FAN_OPEN_EXEC_PERM;
    if (policy_subscribes(policy, EVENT_NOTIFY, "open"))
        state->file_mask |= FAN_OPEN;
    if (policy_subscribes(policy, EVENT_NOTIFY, "create"))
        state->name_mask |= FAN_CREATE | FAN_ONDIR;
    if (policy_subscribes(policy, EVENT_NOTIFY, "unlink"))
        state->name_mask |= FAN_DELETE | FAN_ONDIR;
    if (policy_subscribes(policy, EVENT_NOTIFY, "rename"))
        state->name_mask |= FAN_RENAME | FAN_ONDIR;
    if (policy_subscribes(policy, EVENT_NOTIFY, "attrib"))
        state->name_mask |= FAN_ATTRIB | FAN_ONDIR;
    if (policy_subscribes(policy, EVENT_NOTIFY, "close"))
        state->name_mask |= FAN_CLOSE_WRITE;
    state->notify_exec = policy_subscribes(policy, EVENT_NOTIFY, "exec");
    state->exec_environment = policy_wants_environment(policy, EVENT_NOTIFY, "exec");
    state->notify_fork = policy_subscribes(policy, EVENT_NOTIFY, "fork");
    state->notify_exit = policy_subscribes(policy, EVENT_NOTIFY, "exit");
    state->notify_mount = policy_subscribes(policy, EVENT_NOTIFY, "mount");
    state->notify_unmount = policy_subscribes(policy, EVENT_NOTIFY, "unmount");
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
    if (filesystems_found && policy)
        state->other_names = other_names_build(policy, &state->filesystems);
    if (filesystems_found && (!policy || (state->other_names &&
                                          never_denied_build(&state->never_denied, policy->never_denied,
                                                             policy->never_denied_count, &state->filesystems))))
        return state;
    guard_state_unref(state);
    return NULL;
}

// Those that the policy has guarded for what they are. With `before`, nothing is told, and one that was guarded before and
// can't be opened at the moment is guarded still.
static void add_wanted(struct guard_state *state, struct mount_inventory *inventory, const struct guard_state *before,
                       tell_unguarded unguarded, void *context)
{
    for (size_t i = 0; i < inventory->count; i++) {
        const struct found_filesystem *found = &inventory->items[i];
        char why[256], sentence[700];
        if (!guard_is_wanted(state->policy, found) || filesystem_set_add_found(&state->filesystems, found, why, sizeof why))
            continue;
        const struct filesystem *old =
            before ? filesystem_set_find_mounted(&before->filesystems, found->major, found->minor) : NULL;
        if (old)
            (void)filesystem_set_keep(&state->filesystems, old);
        if (before)
            continue;
        guard_sentence(found, why, sentence, sizeof sentence);
        unguarded(context, sentence);
    }
}

// What is marked stays so while a process has it open somewhere, though no mount is to be seen any more: its questions are
// still to be understood. Its number may be another's in time.
static void keep_missing(struct guard_state *state, struct mount_inventory *inventory, const struct guard_state *before)
{
    enum { KEPT_US = 60 * 1000000 };
    int64_t now_us = clock_monotonic_us();
    for (size_t i = 0; i < before->filesystems.count; i++) {
        const struct filesystem *old = &before->filesystems.items[i];
        if (old->is_named || inventory_find(inventory, old->major, old->minor) ||
            (old->missing_us != 0 && now_us - old->missing_us > KEPT_US) ||
            !filesystem_set_keep(&state->filesystems, old))
            continue;
        struct filesystem *kept = &state->filesystems.items[state->filesystems.count - 1];
        if (kept->missing_us == 0)
            kept->missing_us = now_us;
    }
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

struct tell {
    tell_unguarded unguarded;
    void *context;
};

static void tell_names_left_out(void *context, const char *mount_point)
{
    const struct tell *tell = context;
    char sentence[512];
    snprintf(sentence, sizeof sentence, "created, renamed, changed and removed names of %.300s are not told: it is an overlay, "
             "and its upper layer can't be found", mount_point);
    tell->unguarded(tell->context, sentence);
}

static void add_overlays(struct guard_state *state, struct mount_inventory *inventory, tell_unguarded unguarded,
                         void *context)
{
    struct tell tell = {unguarded, context};
    if ((state->name_mask & ~FAN_CLOSE_WRITE) != 0)
        overlay_names_build(&state->overlays, &state->filesystems, inventory, unguarded ? tell_names_left_out : NULL,
                            &tell);
}

static void list_quiet(struct guard_state *state, const struct mount_inventory *inventory)
{
    for (size_t i = 0; i < inventory->count; i++)
        if (inventory->items[i].pid == 0 && !inventory->items[i].is_new)
            state->quiet[state->quiet_count++] = makedev(inventory->items[i].major, inventory->items[i].minor);
    qsort(state->quiet, state->quiet_count, sizeof *state->quiet, compare_numbers);
}

bool guard_state_is_quiet(const struct guard_state *state, uint64_t device)
{
    return state->quiet_count > 0 &&
           bsearch(&device, state->quiet, state->quiet_count, sizeof *state->quiet, compare_numbers) != NULL;
}

struct guard_state *guard_state_build(const struct policy *policy, struct mount_inventory *inventory,
                                      tell_unguarded unguarded, void *context)
{
    struct guard_state *state = begin(policy);
    if (!state || !policy)
        return state ? complete(state, true) : NULL;
    for (size_t i = 0; i < policy->guarded_filesystems_count; i++) {
        char sentence[512];
        if (!filesystem_set_add(&state->filesystems, inventory, policy->guarded_filesystems[i], sentence, sizeof sentence))
            unguarded(context, sentence);
    }
    add_wanted(state, inventory, NULL, unguarded, context);
    add_overlays(state, inventory, unguarded, context);
    asked_reach_set(&state->filesystems, policy, inventory, NULL);
    list_quiet(state, inventory);
    return complete(state, true);
}

struct guard_state *guard_state_follow(const struct guard_state *before, struct mount_inventory *inventory)
{
    struct guard_state *state = begin(before->policy);
    if (!state)
        return NULL;
    bool followed = filesystem_set_follow(&state->filesystems, inventory, &before->filesystems);
    if (followed) {
        add_wanted(state, inventory, before, NULL, NULL);
        keep_missing(state, inventory, before);
        add_overlays(state, inventory, NULL, NULL);
        asked_reach_set(&state->filesystems, state->policy, inventory, &before->filesystems);
        list_quiet(state, inventory);
    }
    return complete(state, followed);
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
    overlay_names_free(&state->overlays);
    filesystem_set_close(&state->filesystems);
    never_denied_free(&state->never_denied);
    other_names_free(state->other_names);
    user_names_free(&state->users);
    policy_unref(state->policy);
    free(state);
}

static const uint64_t QUESTIONS = FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM;

static uint64_t mask_for(const struct mark_order *order, const struct filesystem *filesystem)
{
    return (filesystem->is_stacked ? order->stacked : order->plain) & (filesystem->asked_mask | ~QUESTIONS);
}

// False: the kernel refuses, with errno.
static bool add_mark(const struct mark_order *order, const struct filesystem *filesystem, uint64_t mask,
                     tell_unguarded unguarded, void *context)
{
    if (fanotify_mark(order->group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, mask, filesystem->marking_fd, NULL) == 0)
        return true;
    char sentence[512];
    snprintf(sentence, sizeof sentence, "%.300s is not guarded: the kernel refused to mark it for %s (%s)",
             (const char *)filesystem->mount_point, order->what, strerror(errno));
    unguarded(context, sentence);
    return false;
}

void guard_marks_add(const struct mark_order *order, struct guard_state *now, tell_unguarded unguarded, void *context)
{
    for (size_t i = 0; i < now->filesystems.count; i++) {
        struct filesystem *filesystem = &now->filesystems.items[i];
        uint64_t mask = mask_for(order, filesystem);
        if (mask == 0 || filesystem->marking_fd < 0)
            continue;
        uint_least64_t never = 0;
        if (!add_mark(order, filesystem, mask, unguarded, context))
            filesystem->is_refused = filesystem->is_refused || (mask & QUESTIONS);
        else if (mask & FAN_OPEN_EXEC_PERM)
            atomic_compare_exchange_strong(&now->asked_since_ns[i], &never, clock_unix_ns());
    }
    for (size_t i = 0; order->layers != 0 && i < now->overlays.layers.count; i++)
        (void)add_mark(order, &now->overlays.layers.items[i], order->layers, unguarded, context);
}

static void remove_mark(const struct mark_order *order, const struct filesystem *filesystem, uint64_t mask)
{
    int fd = mask == 0 ? -1 : filesystem_open(filesystem);
    // Not to be opened any more: it was unmounted, and its marks went with it. A mark that was refused when it was to be
    // added is not there now: that error means nothing.
    if (fd >= 0)
        (void)fanotify_mark(order->group, FAN_MARK_REMOVE | FAN_MARK_FILESYSTEM, mask, fd, NULL);
    filesystem_let_go(filesystem, fd);
}

static uint64_t mask_of_device(const struct mark_order *order, const struct guard_state *guard, uint64_t device)
{
    const struct filesystem *filesystem = filesystem_set_find(&guard->filesystems, device);
    return (filesystem ? mask_for(order, filesystem) : 0) |
           (filesystem_set_find(&guard->overlays.layers, device) ? order->layers : 0);
}

static void remove_marks(const struct mark_order *order_before, const struct guard_state *before,
                         const struct filesystem_set *set, const struct mark_order *order_now,
                         const struct guard_state *now)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct filesystem *filesystem = &set->items[i];
        uint64_t mask = mask_of_device(order_before, before, filesystem->device);
        remove_mark(order_before, filesystem, mask & ~mask_of_device(order_now, now, filesystem->device));
    }
}

void guard_marks_remove(const struct mark_order *order_before, const struct guard_state *before,
                        const struct mark_order *order_now, const struct guard_state *now)
{
    if ((order_before->plain | order_before->stacked | order_before->layers) == 0)
        return;
    if ((order_now->plain | order_now->stacked | order_now->layers) == 0) {
        (void)fanotify_mark(order_before->group, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0, AT_FDCWD, "/");
        return;
    }
    remove_marks(order_before, before, &before->filesystems, order_now, now);
    remove_marks(order_before, before, &before->overlays.layers, order_now, now);
}

void guard_marks_begin_anew(struct guard_state *state)
{
    atomic_store(&state->execs_asked_since_ns, clock_unix_ns());
    for (size_t i = 0; i < FILESYSTEMS_MAX; i++)
        atomic_store(&state->asked_since_ns[i], 0);
}

void guard_marks_carry_over(struct guard_state *now, const struct guard_state *before)
{
    bool are_execs_asked = now->permission_mask & before->permission_mask & FAN_OPEN_EXEC_PERM;
    now->execs_asked_since_ns = are_execs_asked ? before->execs_asked_since_ns : clock_unix_ns();
    for (size_t i = 0; i < now->filesystems.count; i++) {
        const struct filesystem *filesystem = &now->filesystems.items[i];
        const struct filesystem *old = filesystem_set_find(&before->filesystems, filesystem->device);
        if (are_execs_asked && old && old->mount_id == filesystem->mount_id &&
            (old->asked_mask & filesystem->asked_mask & FAN_OPEN_EXEC_PERM))
            atomic_store(&now->asked_since_ns[i],
                         atomic_load(&before->asked_since_ns[old - before->filesystems.items]));
    }
}
