// What happens to processes: taken from the connector into the table, handed one by one to the notify thread.
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "actors_internal.h"
#include "core/lock.h"
#include "proc_files.h"

// One drain must end, however fast others fork: what is left is read before the next question.
enum { DRAIN_MAX = 4096 };

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now = {0, 0};
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void push_change(struct actors *actors, const struct proc_change *change, struct process_entry *entry,
                        uint32_t previous)
{
    if (actors->changes_count == CHANGES_MAX) {
        actors->changes_dropped++;
        process_table_drop_image(&actors->table, previous);
        return;
    }
    uint32_t at = (actors->first_change + actors->changes_count++) % CHANGES_MAX;
    struct actor_change *slot = &actors->changes[at];
    slot->kind = change->kind;
    slot->created_ns = now_ns(CLOCK_REALTIME) - (now_ns(CLOCK_MONOTONIC) - change->monotonic_ns);
    slot->process = *entry;
    slot->previous = previous;
    slot->exit_code = change->exit_code;
    process_table_hold_image(&actors->table, entry->image);
    actors_wake_notify_thread(actors);
}

static void take_fork(struct actors *actors, const struct proc_change *change)
{
    if (!process_table_find(&actors->table, change->parent_pid) && change->parent_pid != 0)
        (void)actors_read_process(actors, change->parent_pid, -1);
    uint64_t asleep_ns = now_ns(CLOCK_BOOTTIME) - now_ns(CLOCK_MONOTONIC);
    struct process_entry *entry =
        process_table_fork(&actors->table, change->parent_pid, change->pid,
                           (change->monotonic_ns + asleep_ns) / actors->boot->tick_ns);
    exec_stage_forget(&actors->stages, change->pid);
    if (actors->notify_fork) {
        actors_make_start_exact(entry);
        push_change(actors, change, entry, PROCESS_NONE);
    }
}

static void take_exec(struct actors *actors, const struct proc_change *change)
{
    struct process_reading reading;
    const struct process_entry *known = process_table_find(&actors->table, change->pid);
    if (!proc_read(change->pid, -1, &reading, actors->path) ||
        (known && !actors_may_be_same_start(known, reading.start_ticks))) {
        memset(&reading, 0, sizeof reading);  // gone at once: what the table has of it is all
        reading.executable_unresolved = true;
    }
    uint32_t previous;
    struct process_entry *entry = process_table_exec(&actors->table, change->pid, &reading, &previous);
    exec_stage_forget(&actors->stages, change->pid);
    push_change(actors, change, entry, previous);
}

static void take_exit(struct actors *actors, const struct proc_change *change)
{
    struct process_entry *entry = process_table_exit(&actors->table, change->pid);
    if (!entry)
        entry = actors_read_process(actors, change->pid, -1);
    if (!entry)
        return;
    entry->exited = true;
    exec_stage_forget(&actors->stages, change->pid);
    if (actors->notify_exit)
        push_change(actors, change, entry, PROCESS_NONE);
}

static void take_change(struct actors *actors, const struct proc_change *change)
{
    switch (change->kind) {
    case PROC_FORKED:
        take_fork(actors, change);
        return;
    case PROC_EXECUTED:
        take_exec(actors, change);
        return;
    case PROC_EXITED:
        take_exit(actors, change);
        return;
    case PROC_USER_CHANGED:
        process_table_set_user(&actors->table, change->pid, change->effective_id, change->real_id);
        return;
    case PROC_GROUP_CHANGED:
        process_table_set_group(&actors->table, change->pid, change->effective_id);
        return;
    }
}

void actors_drain(struct actors *actors, bool to_first_change)
{
    for (int i = 0; actors->connector >= 0 && i < DRAIN_MAX; i++) {
        if (to_first_change && actors->changes_count > 0)
            return;
        struct proc_change change;
        switch (proc_connector_read(actors->connector, &change)) {
        case PROC_READ_CHANGE:
            take_change(actors, &change);
            break;
        case PROC_READ_OTHER:
            break;
        case PROC_READ_OVERFLOW:
            actors->overflows++;
            process_table_doubt_all(&actors->table);
            actors_wake_notify_thread(actors);
            break;
        case PROC_READ_EMPTY:
        case PROC_READ_FAILED:
            return;
        }
    }
}

// ---- the notify thread

bool actors_next_change(struct actors *actors, struct actor_change *change)
{
    lock(&actors->lock);
    actors_drain(actors, true);  // one by one: the arguments of the first are read before it is gone
    bool found = actors->changes_count > 0;
    if (found) {
        *change = actors->changes[actors->first_change];
        actors->first_change = (actors->first_change + 1) % CHANGES_MAX;
        actors->changes_count--;
    }
    unlock(&actors->lock);
    return found;
}

// Reads arguments and keeps them if, after the reading, the process still has the image that was asked for.
static size_t read_args_of(struct actors *actors, uint32_t pid, uint64_t serial, uint32_t image, uint8_t *args,
                           size_t capacity)
{
    size_t length = proc_read_args(pid, args, capacity);
    lock(&actors->lock);
    actors_drain(actors, false);
    struct process_entry *entry = process_table_find(&actors->table, pid);
    bool same = entry && entry->serial == serial && entry->image == image && image != PROCESS_NONE;
    if (same && length > 0)
        process_table_set_args(&actors->table, image, (struct bytes){args, length});
    else if (same)
        actors->table.images[image].args_known = true;  // it has none, as a kernel's thread: no use in asking again
    pthread_cond_broadcast(&actors->args_read);
    unlock(&actors->lock);
    return same ? length : 0;
}

void actors_read_args(struct actors *actors, const struct actor_change *change, uint8_t *args, size_t capacity,
                      size_t *length)
{
    *length = read_args_of(actors, change->process.pid, change->process.serial, change->process.image, args, capacity);
}

static void read_missing_args(struct actors *actors, uint32_t pid, uint8_t *args, size_t capacity)
{
    lock(&actors->lock);
    struct process_entry *entry = process_table_find(&actors->table, pid);
    bool missing = actors_miss_args(actors, entry);
    uint64_t serial = missing ? entry->serial : 0;
    uint32_t image = missing ? entry->image : PROCESS_NONE;
    unlock(&actors->lock);
    if (missing)
        (void)read_args_of(actors, pid, serial, image, args, capacity);
}

void actors_serve_wanted(struct actors *actors, uint8_t *args, size_t capacity)
{
    uint32_t wanted[WANTED_MAX];
    uint64_t wakes;
    (void)!read(actors->wake, &wakes, sizeof wakes);
    lock(&actors->lock);
    uint32_t count = actors->wanted_count;
    memcpy(wanted, actors->wanted, count * sizeof *wanted);
    actors->wanted_count = 0;
    unlock(&actors->lock);
    for (uint32_t i = 0; i < count; i++)
        read_missing_args(actors, wanted[i], args, capacity);
}

void actors_read_all_args(struct actors *actors, uint8_t *args, size_t capacity)
{
    for (uint32_t i = 0; i < actors->table.capacity; i++) {
        lock(&actors->lock);
        const struct process_entry *entry = &actors->table.entries[i];
        uint32_t pid = entry->serial != 0 && actors_miss_args(actors, entry) ? entry->pid : 0;
        unlock(&actors->lock);
        if (pid != 0)
            read_missing_args(actors, pid, args, capacity);
    }
}

void actors_view_change(struct actors *actors, const struct actor_change *change, struct actor_view *view,
                        struct process_view *previous)
{
    lock(&actors->lock);
    process_table_view(&actors->table, &change->process, view);
    *previous = view->process;
    if (change->kind == PROC_EXECUTED)
        process_table_view_image(&actors->table, change->previous, view, previous);
    unlock(&actors->lock);
}

void actors_finish(struct actors *actors, struct actor_change *change)
{
    lock(&actors->lock);
    process_table_drop_image(&actors->table, change->process.image);
    process_table_drop_image(&actors->table, change->previous);
    unlock(&actors->lock);
}

void actors_set_interest(struct actors *actors, bool fork, bool exit)
{
    lock(&actors->lock);
    actors->notify_fork = fork;
    actors->notify_exit = exit;
    unlock(&actors->lock);
}

struct actor_losses actors_take_losses(struct actors *actors)
{
    lock(&actors->lock);
    struct actor_losses losses = {actors->overflows, actors->changes_dropped};
    actors->overflows = actors->changes_dropped = 0;
    unlock(&actors->lock);
    return losses;
}
