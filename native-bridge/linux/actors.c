#include "actors.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/lock.h"
#include "proc_files.h"

// Entries for every process of a large machine; texts of 128 bytes, 8 MiB in all.
enum { PROCESSES = 16384, TEXT_BLOCKS = 65536 };
// One drain must end, however fast others fork: what is left is read before the next question.
enum { DRAIN_MAX = 4096 };
enum { ARGS_WAIT_US = 2000, ARGS_BACKOFF_US = 1000000 };

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now = {0, 0};
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void wake_notify_thread(struct actors *actors)
{
    uint64_t one = 1;
    // A full counter is awake already.
    (void)!write(actors->wake, &one, sizeof one);
}

// ---- the table, lock held

static struct process_entry *read_process(struct actors *actors, uint32_t pid, int pidfd)
{
    struct process_reading reading;
    if (!proc_read(pid, pidfd, &reading, actors->path))
        return NULL;
    struct process_entry *entry = process_table_insert(&actors->table, &reading);
    exec_stage_forget(&actors->stages, pid);
    return entry;
}

static struct process_entry *find_process(struct actors *actors, uint32_t pid, int pidfd)
{
    struct process_entry *entry = process_table_find(&actors->table, pid);
    if (entry && actors->connector >= 0 && !process_table_is_doubtful(&actors->table, entry))
        return entry;
    struct process_entry *fresh = read_process(actors, pid, pidfd);
    if (!fresh)
        return process_table_find(&actors->table, pid);
    uint32_t parent = fresh->parent_pid;
    uint64_t serial = fresh->serial;
    if (parent != 0 && !process_table_find(&actors->table, parent) && read_process(actors, parent, -1)) {
        fresh = process_table_find(&actors->table, pid);
        if (!fresh || fresh->serial != serial)
            return fresh;
    }
    return fresh;
}

// A fork's time, by which a start is estimated, and the start itself lie a tick apart at most.
static bool may_be_same_start(const struct process_entry *entry, uint64_t start_ticks)
{
    if (entry->start_ticks == 0 || entry->start_ticks == start_ticks)
        return true;
    return !entry->start_exact && start_ticks + 1 >= entry->start_ticks && start_ticks <= entry->start_ticks + 1;
}

static void make_start_exact(struct process_entry *entry)
{
    if (entry->start_exact || entry->exited)
        return;
    uint64_t start = proc_read_start(entry->pid);
    if (start != 0 && may_be_same_start(entry, start)) {
        entry->start_ticks = start;
        entry->start_exact = true;
    }
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
    wake_notify_thread(actors);
}

static void take_fork(struct actors *actors, const struct proc_change *change)
{
    if (!process_table_find(&actors->table, change->parent_pid) && change->parent_pid != 0)
        (void)read_process(actors, change->parent_pid, -1);
    uint64_t asleep_ns = now_ns(CLOCK_BOOTTIME) - now_ns(CLOCK_MONOTONIC);
    struct process_entry *entry =
        process_table_fork(&actors->table, change->parent_pid, change->pid,
                           (change->monotonic_ns + asleep_ns) / actors->boot->tick_ns);
    exec_stage_forget(&actors->stages, change->pid);
    if (actors->notify_fork) {
        make_start_exact(entry);
        push_change(actors, change, entry, PROCESS_NONE);
    }
}

static void take_exec(struct actors *actors, const struct proc_change *change)
{
    struct process_reading reading;
    const struct process_entry *known = process_table_find(&actors->table, change->pid);
    if (!proc_read(change->pid, -1, &reading, actors->path) ||
        (known && !may_be_same_start(known, reading.start_ticks))) {
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
        entry = read_process(actors, change->pid, -1);
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

// Takes what the connector has, or only up to the first change that the notify thread is to tell.
static void drain(struct actors *actors, bool to_first_change)
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
            wake_notify_thread(actors);
            break;
        case PROC_READ_EMPTY:
        case PROC_READ_FAILED:
            return;
        }
    }
}

// ---- the start

static void read_all_processes(struct actors *actors)
{
    DIR *directory = opendir("/proc");
    if (!directory)
        return;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char *end;
        unsigned long pid = strtoul(entry->d_name, &end, 10);
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && *end == 0 && pid <= UINT32_MAX)
            (void)read_process(actors, (uint32_t)pid, -1);
    }
    closedir(directory);
}

bool actors_open(struct actors *actors, const struct boot *boot, char *error, size_t error_size,
                 char *connector_error, size_t connector_error_size)
{
    connector_error[0] = 0;
    actors->boot = boot;
    lock_init(&actors->lock);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&actors->args_read, &attributes);
    pthread_condattr_destroy(&attributes);
    exec_stages_init(&actors->stages);
    actors->connector = -1;
    actors->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (actors->wake < 0 || !process_table_init(&actors->table, PROCESSES, TEXT_BLOCKS)) {
        snprintf(error, error_size, "the process table can't be made (%s): about 20 MB of memory are needed",
                 strerror(errno));
        actors_close(actors);
        return false;
    }
    // Subscribed first, read after: a process that begins meanwhile is in one of the two at least.
    actors->connector = proc_connector_open(connector_error, connector_error_size);
    read_all_processes(actors);
    return true;
}

void actors_close(struct actors *actors)
{
    if (actors->connector >= 0)
        close(actors->connector);
    if (actors->wake >= 0)
        close(actors->wake);
    actors->connector = actors->wake = -1;
    exec_stages_close(&actors->stages);
    process_table_destroy(&actors->table);
}

// ---- the permission reader

static bool args_are_missing(struct actors *actors, const struct process_entry *entry)
{
    return entry && !entry->exited && entry->image != PROCESS_NONE &&
           !actors->table.images[entry->image].args_known;
}

static void wait_for_args(struct actors *actors, uint32_t pid)
{
    int64_t now_us = clock_monotonic_us();
    if (now_us < actors->no_waiting_until_us || actors->wanted_count == WANTED_MAX)
        return;
    actors->wanted[actors->wanted_count++] = pid;
    wake_notify_thread(actors);
    int64_t until_us = now_us + ARGS_WAIT_US;
    struct timespec until = {until_us / 1000000, until_us % 1000000 * 1000};
    while (args_are_missing(actors, process_table_find(&actors->table, pid))) {
        if (pthread_cond_timedwait(&actors->args_read, &actors->lock, &until) == ETIMEDOUT) {
            actors->no_waiting_until_us = clock_monotonic_us() + ARGS_BACKOFF_US;
            return;
        }
    }
}

void actors_look(struct actors *actors, uint32_t pid, int pidfd, bool needs_args, struct actor_view *view)
{
    lock(&actors->lock);
    drain(actors, false);
    struct process_entry *entry = find_process(actors, pid, pidfd);
    if (needs_args && args_are_missing(actors, entry)) {
        wait_for_args(actors, pid);
        entry = process_table_find(&actors->table, pid);
    }
    if (entry) {
        make_start_exact(entry);
        process_table_view(&actors->table, entry, view);
    } else {
        memset(&view->process, 0, sizeof view->process);
        memset(&view->parent, 0, sizeof view->parent);
        view->used = 0;
        view->process.pid = pid;
        view->process.executable_unresolved = true;
    }
    unlock(&actors->lock);
}

struct exec_answer actors_exec_stage(struct actors *actors, const struct exec_question *question,
                                     uint8_t script[EXEC_SCRIPT_BYTES])
{
    lock(&actors->lock);
    struct exec_answer answer = exec_stage_ask(&actors->stages, question);
    if (answer.script.length > 0)
        memcpy(script, answer.script.data, answer.script.length);
    answer.script.data = script;
    unlock(&actors->lock);
    return answer;
}

// ---- the notify thread

bool actors_next_change(struct actors *actors, struct actor_change *change)
{
    lock(&actors->lock);
    drain(actors, true);  // one by one: the arguments of the first are read before it is gone
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
    drain(actors, false);
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
    bool missing = args_are_missing(actors, entry);
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
        uint32_t pid = entry->serial != 0 && args_are_missing(actors, entry) ? entry->pid : 0;
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
