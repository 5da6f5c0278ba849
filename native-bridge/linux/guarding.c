#include "guarding.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>

#include "asked_reach.h"
#include "core/lock.h"
#include "mount_changes.h"

// What each group is to be marked for by a guard. While silent, nobody is to be asked: no permission mark may be made.
static struct mark_order order_of(const struct linux_state *state, size_t number, const struct guard_state *guard)
{
    uint64_t questions = atomic_load(&state->silent) ? 0 : guard->permission_mask;
    uint64_t closes = guard->name_mask & FAN_CLOSE_WRITE;
    switch (number) {
    case LANE_PLAIN:
        return (struct mark_order){state->lanes[LANE_PLAIN].group, questions, 0, 0, "authorization"};
    case LANE_STACKED:
        return (struct mark_order){state->lanes[LANE_STACKED].group, 0, questions, 0, "authorization"};
    case PERMISSION_LANES:
        return (struct mark_order){state->file_group, guard->file_mask, guard->file_mask | closes, 0,
                                   "open and close events"};
    default:
        // Whoever writes to an overlay closes a file of it, of which its own mark tells.
        return (struct mark_order){state->name_group, guard->name_mask, 0, guard->name_mask & ~closes,
                                   "events of names"};
    }
}

enum { MARK_ORDERS = PERMISSION_LANES + 2 };

static void flush_permission_marks(struct linux_state *state)
{
    // Needs neither lock nor list. Fails only before start(), when there is no group and no mark.
    for (size_t i = 0; i < PERMISSION_LANES; i++)
        (void)fanotify_mark(state->lanes[i].group, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0, AT_FDCWD, NULL);
}

// apply_lock held.
static void add_marks(struct linux_state *state, size_t orders, struct guard_state *guard, tell_unguarded unguarded,
                      void *context)
{
    for (size_t i = 0; i < orders; i++) {
        struct mark_order order = order_of(state, i, guard);
        guard_marks_add(&order, guard, unguarded, context);
    }
    // Silenced meanwhile, without the lock: either that flush came later than these marks, or this one does.
    if (atomic_load(&state->silent))
        flush_permission_marks(state);
}

// apply_lock held. Takes the reference to `now`.
static void put_in_force(struct linux_state *state, struct guard_state *now, tell_unguarded unguarded, void *context)
{
    guard_marks_carry_over(now, state->guard);
    lock(&state->guard_lock);
    struct guard_state *before = state->guard;
    state->guard = now;  // first, so that no question of a new mark meets the guard of before
    unlock(&state->guard_lock);
    actors_set_interest(&state->actors, now->notify_fork, now->notify_exit);
    mount_events_want(&state->mount_events, now->notify_mount || now->notify_unmount);
    process_ring_want_environment(&state->program.ring, now->exec_environment);

    add_marks(state, MARK_ORDERS, now, unguarded, context);
    for (size_t i = 0; i < MARK_ORDERS; i++) {
        struct mark_order order_before = order_of(state, i, before), order_now = order_of(state, i, now);
        guard_marks_remove(&order_before, before, &order_now, now);
    }
    filesystem_set_is_marked(&now->filesystems);
    filesystem_set_is_marked(&now->overlays.layers);
    guard_state_unref(before);
}

static void ignore_unguarded(void *context, const char *sentence)
{
    (void)context;
    (void)sentence;  // told when the policy was applied, or in the event of the mount
}

static void tell_change(void *context, bool is_mounted, const struct mount *mount)
{
    struct linux_state *state = context;
    if (is_mounted ? state->guard->notify_mount : state->guard->notify_unmount)
        mount_news_tell_change(&state->news, is_mounted, mount, state->core);
}

// Where the kernel does not tell of each by itself.
static void tell_changes(struct linux_state *state, const struct mount_table *before, const struct mount_table *now)
{
    if (state->mount_events.group >= 0 || !(state->guard->notify_mount || state->guard->notify_unmount))
        return;
    if (before->is_cut || now->is_cut)
        core_loss(state->core, "too_many_mounts", EVENT_NOTIFY, "mount", 0);
    else
        mount_changes(before, now, tell_change, state);
}

// apply_lock held. False: out of memory, and all is as before.
static bool read_inventory(struct linux_state *state)
{
    struct mount_inventory *now = inventory_read(state->mount_watch.mountinfo, &state->mount_watch.namespaces);
    if (!now)
        return false;
    if (state->inventory)
        tell_changes(state, &state->inventory->tables[0], &now->tables[0]);
    inventory_free(state->inventory);
    state->inventory = now;
    mount_news_take(&state->news, now);
    return true;
}

// The policy in force on the mounts that are there now. apply_lock held. False: there is none, or memory or descriptors ran
// out, and the marks and names of before stay.
static bool follow(struct linux_state *state, tell_unguarded unguarded, void *context)
{
    struct guard_state *now = read_inventory(state) && state->guard->policy
                                  ? guard_state_follow(state->guard, state->inventory) : NULL;
    if (!now)
        return false;
    put_in_force(state, now, unguarded, context);
    mount_news_tell(&state->news, state->inventory, now, state->core);
    return true;
}

void guarding_follow_mounts(struct linux_state *state)
{
    lock(&state->apply_lock);
    (void)follow(state, ignore_unguarded, NULL);
    unlock(&state->apply_lock);
}

static void tell_cut(const struct linux_state *state, tell_unguarded unguarded, void *context)
{
    if (state->inventory->is_cut)
        unguarded(context, "there are more mounts or mount namespaces than the bridge follows: what is mounted beyond them is "
                           "neither guarded nor told");
}

// In one sentence, for there may be many: what a deny rule might have to do with and nobody named.
static void tell_not_named(const struct linux_state *state, tell_unguarded unguarded, void *context)
{
    char sentence[1024] = "guard.filesystems does not name the filesystems of";
    size_t length = strlen(sentence), told = 0, left = 0;
    for (size_t i = 0; i < state->inventory->count; i++) {
        const struct found_filesystem *found = &state->inventory->items[i];
        if (found->pid != 0 || !guard_is_worth_a_word(found) || guard_is_wanted(state->guard->policy, found) ||
            found->refusal || guard_limit_refusal(found) || asked_reach_of(state->guard->policy, found) == 0 ||
            !mount_unguarded_reason(found, state->inventory, state->guard))
            continue;
        size_t more = strlen(found->mount->point) + 2;
        if (length + more + 40 < sizeof sentence) {
            length += (size_t)snprintf(sentence + length, sizeof sentence - length, "%s%s", told++ ? ", " : " ",
                                       found->mount->point);
        } else {
            left++;
        }
    }
    if (left > 0)
        snprintf(sentence + length, sizeof sentence - length, " and %zu others", left);
    if (told > 0)
        unguarded(context, sentence);
}

// By which epoch's verdicts the kernel may keep answers from now on; those of before are forgotten.
static void begin_epoch(struct linux_state *state, const struct guard_state *guard)
{
    bool may_keep = guard->policy && guard->cacheable_mask != 0 && !atomic_load(&state->silent);
    uint64_t hashed = (policy_hashes(guard->policy, EVENT_AUTH, "open") != 0 ? FAN_OPEN_PERM : 0) |
                      (policy_hashes(guard->policy, EVENT_AUTH, "exec") != 0 ? FAN_OPEN_EXEC_PERM : 0);
    ignore_marks_flush(&state->ignore_marks, &state->leases, may_keep ? guard->policy->epoch : 0, hashed);
    if (!may_keep && hashed == 0)
        leases_give_up_all(&state->leases);
}

int guarding_apply(void *context, const struct policy *policy, tell_unguarded unguarded, void *tell_context, char *error,
                   size_t error_size)
{
    struct linux_state *state = context;
    lock(&state->apply_lock);
    struct guard_state *now = read_inventory(state)
                                  ? guard_state_build(policy, state->inventory, unguarded, tell_context) : NULL;
    if (now) {
        if (!process_news_tells_lives(&state->actors.news) && (now->notify_exec || now->notify_fork || now->notify_exit ||
                                          now->permission_mask & FAN_OPEN_EXEC_PERM))
            unguarded(tell_context, state->connector_error);
        if (state->memory_error[0] && now->notify_exec)
            unguarded(tell_context, state->memory_error);
        put_in_force(state, now, unguarded, tell_context);
        begin_epoch(state, now);
        if (now->permission_mask != 0) {
            tell_not_named(state, unguarded, tell_context);
            tell_cut(state, unguarded, tell_context);
        }
        mount_news_tell(&state->news, state->inventory, now, state->core);
        state->news.has_begun = true;
    } else {
        snprintf(error, error_size, "the policy is not applied: out of memory");
    }
    unlock(&state->apply_lock);
    return now ? 0 : -1;
}

// To fall silent waits for nobody: whoever holds the lock may hang on a filesystem.
void guarding_ask(void *context, bool wanted, tell_unguarded unguarded, void *tell_context)
{
    struct linux_state *state = context;
    atomic_store(&state->silent, !wanted);
    if (!wanted) {
        flush_permission_marks(state);
        if (state->lanes[LANE_PLAIN].is_started)
            ignore_marks_flush(&state->ignore_marks, &state->leases, 0, 0);
    } else if (state->lanes[LANE_PLAIN].is_started) {
        lock(&state->apply_lock);
        guard_marks_begin_anew(state->guard);
        // What nobody named was closed when it was marked, and is to be opened again.
        if (!follow(state, unguarded, tell_context))
            add_marks(state, PERMISSION_LANES, state->guard, unguarded, tell_context);
        begin_epoch(state, state->guard);
        unlock(&state->apply_lock);
    }
}

void guarding_describe(void *context, tell_unguarded guarded, tell_unguarded unguarded, void *tell_context)
{
    struct linux_state *state = context;
    char sentence[700];
    lock(&state->apply_lock);
    bool asks = state->inventory && state->guard->permission_mask != 0;
    for (size_t i = 0; asks && i < state->inventory->count; i++) {
        const struct found_filesystem *found = &state->inventory->items[i];
        if (!guard_is_worth_a_word(found))
            continue;
        const char *reason = mount_unguarded_reason(found, state->inventory, state->guard);
        const struct filesystem *item =
            filesystem_set_find_mounted(&state->guard->filesystems, found->major, found->minor);
        uint64_t asked = (item ? item->asked_mask : UINT64_MAX) & state->guard->permission_mask;
        if (!reason && asked == 0) {
            snprintf(sentence, sizeof sentence, "%.600s (%s) is not asked about: no rule can deny anything there",
                     found->mount->point, found->mount->type);
            unguarded(tell_context, sentence);
        } else if (reason) {
            guard_sentence(found, reason, sentence, sizeof sentence);
            unguarded(tell_context, sentence);
        } else {
            snprintf(sentence, sizeof sentence, "%.600s (%s)%s", found->mount->point, found->mount->type,
                     asked == state->guard->permission_mask ? "" : asked == FAN_OPEN_PERM ? ", its opens alone"
                                                                                          : ", its programs alone");
            guarded(tell_context, sentence);
        }
    }
    if (asks)
        tell_cut(state, unguarded, tell_context);
    unlock(&state->apply_lock);
}
