// What happens to processes: taken from their news into the table, handed one by one to the notify thread.
#include <string.h>
#include <unistd.h>

#include "actors_internal.h"
#include "core/clock.h"
#include "core/lock.h"
#include "fanotify_event.h"
#include "proc_files.h"

// One drain must end, however fast others fork: what is left is read before the next question.
enum { DRAIN_MAX = 4096 };

static struct moment moment_of(const struct actors *actors, const struct proc_change *change)
{
    if (change->told)
        return (struct moment){change->monotonic_ns, change->told->start_ns / actors->boot->tick_ns};
    // A start time counts the time asleep, too.
    uint64_t asleep_ns = clock_ns(CLOCK_BOOTTIME) - clock_ns(CLOCK_MONOTONIC);
    return (struct moment){change->monotonic_ns, (change->monotonic_ns + asleep_ns) / actors->boot->tick_ns};
}

// Where there is no room the texts are read of the process itself, as far as it is there still.
static void keep_told(struct actors *actors, struct actor_change *change, const struct process_record *told)
{
    struct process_record *record = &change->record;
    change->is_told = true;
    *record = *told;
    size_t length = (size_t)told->args_length + told->environment_length + told->directory_length + told->program_length;
    if (!text_pool_put(&actors->told_texts, &change->texts, (const uint8_t *)(told + 1), length)) {
        record->has = 0;
        record->args_length = record->environment_length = record->directory_length = record->program_length = 0;
    }
}

static void push_change(struct actors *actors, const struct proc_change *change, struct process_entry *entry,
                        uint32_t previous, bool previous_certain)
{
    if (actors->changes_count == CHANGES_MAX) {
        actors->changes_dropped++;
        process_table_drop_image(&actors->table, previous);
        return;
    }
    uint32_t at = (actors->first_change + actors->changes_count++) % CHANGES_MAX;
    uint64_t age_ns = clock_ns(CLOCK_MONOTONIC) - change->monotonic_ns;
    actors->changes[at] = (struct actor_change){
        .kind = change->kind == PROC_THREAD_EXITED ? PROC_EXITED : change->kind,
        .created_ns = clock_unix_ns() - age_ns,
        .when_ns = change->monotonic_ns,
        .process = entry,
        .pid = entry->pid,
        .image = entry->image,
        .owns_image = entry->owns_image,
        .previous = previous,
        .previous_certain = previous_certain,
        .exit_code = change->exit_code,
    };
    if (change->kind == PROC_EXECUTED && change->told)
        keep_told(actors, &actors->changes[at], change->told);
    process_table_pin(entry);
    process_table_hold_image(&actors->table, entry->image);
    actors_wake_notify_thread(actors);
}

void actors_end_process(struct actors *actors, const struct proc_change *change)
{
    struct process_entry *entry = process_table_exit(&actors->table, change->pid, moment_of(actors, change));
    exec_stage_forget(&actors->stages, change->pid);
    if (entry && actors->notify_exit)
        push_change(actors, change, entry, PROCESS_NONE, false);
}

// ---- what is told

// Is its parent the one who made it? Only while the notify thread drains, for it costs two readings a fork.
static void recognise_child(struct actors *actors, struct process_entry *entry)
{
    struct process_reading reading;
    if (!entry->owns_image && proc_read_child(entry->pid, &reading) &&
        process_table_could_be(entry, reading.start_ticks))
        process_table_recognise(&actors->table, entry, &reading);
}

static void take_fork(struct actors *actors, const struct proc_change *change, bool reads)
{
    struct lingering *before = actors_find_lingering(actors, change->pid);
    if (before && change->monotonic_ns > before->last.monotonic_ns)
        actors_stop_lingering(actors, before, true);
    struct process_entry *entry = process_table_peek(&actors->table, change->pid);
    bool is_successor = entry && !entry->exited && change->monotonic_ns > entry->met_ns;
    entry = process_table_fork(&actors->table, change->parent_pid, change->pid, moment_of(actors, change));
    if (!entry)
        return;
    entry->is_successor = is_successor;
    exec_stage_forget(&actors->stages, change->pid);
    if (change->told)
        process_table_take_birth(&actors->table, entry, change->told->maker_pid, &(struct process_reading){
            .start_ticks = moment_of(actors, change).ticks, .uid = change->told->uid, .real_uid = change->told->real_uid,
            .gid = change->told->gid, .user_known = true, .read_ns = change->monotonic_ns});
    else if (reads)
        recognise_child(actors, entry);
    if (actors->notify_fork)
        push_change(actors, change, entry, PROCESS_NONE, false);
}

static struct process_reading reading_of(const struct actors *actors, const struct process_record *told)
{
    struct process_reading reading = {
        .pid = told->pid, .parent_pid = told->parent_pid, .read_ns = told->monotonic_ns,
        .start_ticks = told->start_ns / actors->boot->tick_ns, .threads = 1, .layout = {told->code, told->stack},
        .uid = told->uid, .real_uid = told->real_uid, .gid = told->gid, .user_known = true};
    memcpy(reading.name, told->name, RECORD_NAME_BYTES);
    return reading;
}

static void take_told_image(struct actors *actors, struct process_entry *entry, const struct process_record *told)
{
    struct process_reading reading = reading_of(actors, told);
    struct record_text args = process_record_texts(told).args;
    process_table_take_exec(&actors->table, entry, &reading);
    if (args.length > 0)
        process_table_set_args(&actors->table, entry->image, (struct bytes){args.data, args.length});
}

static void take_exec(struct actors *actors, const struct proc_change *change)
{
    uint32_t previous;
    bool previous_certain;
    struct process_entry *entry = process_table_exec(&actors->table, change->pid, moment_of(actors, change), &previous,
                                                     &previous_certain);
    if (!entry)
        return;
    struct lingering *lingering = actors_find_lingering(actors, change->pid);
    if (lingering)
        actors_stop_lingering(actors, lingering, false);
    exec_stage_forget(&actors->stages, change->pid);
    if (change->told)
        take_told_image(actors, entry, change->told);
    push_change(actors, change, entry, previous, previous_certain);
}

static void take_exit(struct actors *actors, const struct proc_change *change)
{
    struct process_entry *entry = process_table_find(&actors->table, change->pid);
    if (change->told) {
        // Of threads that end at once each may see that no other is left.
        if (!entry || !entry->exited || !process_table_could_be(entry, moment_of(actors, change).ticks))
            actors_end_process(actors, change);
        return;
    }
    bool is_it = entry && !entry->exited && !entry->leader_exited && change->monotonic_ns >= entry->met_ns;
    if (is_it && entry->is_successor && proc_is_running(change->pid)) {
        entry->is_successor = false;  // the end of the one before; whose it was is forgotten
        actors->changes_dropped += actors->notify_exit;
        return;
    }
    if (!is_it || !actors_linger(actors, entry, change))
        actors_end_process(actors, change);
}

static void take_change(struct actors *actors, const struct proc_change *change, bool reads)
{
    struct process_entry *entry;
    switch (change->kind) {
    case PROC_FORKED:
        take_fork(actors, change, reads);
        return;
    case PROC_EXECUTED:
        take_exec(actors, change);
        return;
    case PROC_EXITED:
        take_exit(actors, change);
        return;
    case PROC_THREAD_STARTED:
        entry = process_table_peek(&actors->table, change->pid);
        if (entry && change->monotonic_ns > entry->executed_ns)
            entry->is_threaded = true;
        return;
    case PROC_THREAD_EXITED:
        actors_take_thread_exit(actors, change);
        return;
    case PROC_USER_CHANGED:
        process_table_set_user(&actors->table, change->pid, change->effective_id, change->real_id,
                               change->monotonic_ns);
        return;
    case PROC_GROUP_CHANGED:
        process_table_set_group(&actors->table, change->pid, change->effective_id, change->monotonic_ns);
        return;
    }
}

static void lose(struct actors *actors, uint64_t changes)
{
    actors->overflows += changes == 0;
    actors->changes_lost += changes;
    process_table_doubt_all(&actors->table);
    actors_wake_notify_thread(actors);
}

void actors_lose(struct actors *actors, uint64_t changes)
{
    lock(&actors->lock);
    lose(actors, changes);
    unlock(&actors->lock);
}

void actors_drain(struct actors *actors, bool to_first_change)
{
    for (int i = 0; i < DRAIN_MAX; i++) {
        if (to_first_change && actors->changes_count > 0)
            return;
        struct proc_change change;
        uint64_t lost = 0;
        switch (process_news_read(&actors->news, &change, &lost)) {
        case NEWS_CHANGE:
            take_change(actors, &change, to_first_change);
            break;
        case NEWS_LOST:
            lose(actors, lost);
            break;
        case NEWS_LATE:
            process_table_doubt_all(&actors->table);
            return;
        case NEWS_NONE:
            return;
        }
    }
}

// ---- the notify thread

bool actors_next_change(struct actors *actors, struct actor_change *change)
{
    lock(&actors->lock);
    actors_drain(actors, true);  // one by one: the arguments of the first are read before it is gone
    actors_look_at_lingering(actors);
    bool found = actors->changes_count > 0;
    if (found) {
        *change = actors->changes[actors->first_change];
        actors->first_change = (actors->first_change + 1) % CHANGES_MAX;
        actors->changes_count--;
    }
    unlock(&actors->lock);
    return found;
}

void actors_learn_change(struct actors *actors, const struct actor_change *change)
{
    lock(&actors->lock);
    struct process_entry *entry = change->process;
    if (entry->learnt_ns == 0 && !entry->is_forgotten && entry->executed_ns <= change->when_ns)
        (void)actors_read_process(actors, change->pid, PIDFD_NONE);
    unlock(&actors->lock);
}

bool actors_told(struct actors *actors, const struct actor_change *change, struct told_image *told)
{
    if (!change->is_told)
        return false;
    told->record = change->record;
    lock(&actors->lock);
    (void)text_pool_copy(&actors->told_texts, change->texts, told->texts, sizeof told->texts);
    unlock(&actors->lock);
    return true;
}

bool actors_know_program(struct actors *actors, const struct actor_change *change)
{
    lock(&actors->lock);
    bool known = change->image != PROCESS_NONE && !actors->table.images[change->image].executable_unresolved;
    unlock(&actors->lock);
    return known;
}

void actors_learn_told(struct actors *actors, const struct actor_change *change, struct bytes path, bool is_certain)
{
    struct process_reading reading = reading_of(actors, &change->record);
    reading.executable = path;
    reading.executable_unresolved = !is_certain;
    lock(&actors->lock);
    process_table_hint_image(&actors->table, change->image, &reading, change->process);
    unlock(&actors->lock);
}

void actors_view_change(struct actors *actors, const struct actor_change *change, struct actor_view *view,
                        struct process_view *previous)
{
    lock(&actors->lock);
    struct process_entry *entry = change->process;
    actors_know_parent(actors, entry);
    bool is_later = entry->executed_ns > change->when_ns;
    process_table_view(&actors->table, entry, is_later ? change->image : entry->image,
                       is_later ? change->owns_image : entry->owns_image, view);
    *previous = view->process;
    if (change->kind == PROC_EXECUTED) {
        process_table_view_image(&actors->table, change->previous, view, previous);
        previous->executable_unresolved = previous->executable_unresolved || !change->previous_certain;
    }
    unlock(&actors->lock);
}

void actors_finish(struct actors *actors, struct actor_change *change)
{
    lock(&actors->lock);
    process_table_drop_image(&actors->table, change->image);
    process_table_drop_image(&actors->table, change->previous);
    text_pool_free(&actors->told_texts, &change->texts);
    process_table_unpin(&actors->table, change->process);
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
    struct actor_losses losses = {actors->overflows, actors->changes_dropped, actors->changes_lost};
    actors->overflows = actors->changes_dropped = actors->changes_lost = 0;
    unlock(&actors->lock);
    return losses;
}
