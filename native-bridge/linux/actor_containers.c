// In which container processes are: read of each once it executes a program, and of a child that does not when it is asked
// about, by the notify thread. Until then it is told as pending.
#include <errno.h>
#include <string.h>

#include "actors_internal.h"
#include "core/clock.h"
#include "core/lock.h"
#include "proc_files.h"

enum { CGROUP_FILE_BYTES = 16384 };

static bool is_to_be_read(const struct process_entry *entry)
{
    return entry && entry->serial != 0 && !entry->is_forgotten && !entry->exited && entry->cgroup.lookup == 0;
}

// The lock is held.
void actors_want_container(struct actors *actors, const struct process_entry *entry)
{
    if (!is_to_be_read(entry) || actors->containers_wanted_count == WANTED_MAX)
        return;
    for (uint32_t i = 0; i < actors->containers_wanted_count; i++)
        if (actors->containers_wanted[i] == entry->pid)
            return;
    actors->containers_wanted[actors->containers_wanted_count++] = entry->pid;
    actors_wake_notify_thread(actors);
}

// The lock is held.
static void keep(struct actors *actors, struct process_entry *entry, const struct cgroup_parsed *parsed, bool is_gone)
{
    entry->cgroup = parsed ? cgroups_keep(&actors->table.cgroups, parsed) : cgroups_failed();
    if (entry->cgroup.lookup == CONTAINER_FOUND)
        actors->containers.found++;
    else if (entry->cgroup.lookup == CONTAINER_NONE)
        actors->containers.none++;
    else if (is_gone)
        actors->containers.gone++;
    else
        actors->containers.unreadable++;
}

// Whose it is: the entry's serial. 0: nobody's that is still to be read.
static uint64_t begin(struct actors *actors, uint32_t pid)
{
    lock(&actors->lock);
    struct process_entry *entry = process_table_peek(&actors->table, pid);
    if (entry && entry->exited && entry->cgroup.lookup == 0)
        keep(actors, entry, NULL, true);
    uint64_t serial = is_to_be_read(entry) ? entry->serial : 0;
    unlock(&actors->lock);
    return serial;
}

void actors_read_container(struct actors *actors, uint32_t pid)
{
    static char text[CGROUP_FILE_BYTES];  // of the notify thread alone
    struct cgroup_parsed parsed;
    size_t length = 0;
    uint64_t serial = begin(actors, pid), read_ns = clock_ns(CLOCK_MONOTONIC), start_ticks = 0;
    if (serial == 0)
        return;
    bool is_read = proc_read_cgroup(pid, text, sizeof text, &length, &start_ticks);
    bool is_gone = !is_read && (errno == ENOENT || errno == ESRCH);
    bool is_parsed = is_read && length < sizeof text && cgroup_parse(text, length, &parsed);
    lock(&actors->lock);
    actors_drain(actors, false);
    struct process_entry *entry = process_table_peek(&actors->table, pid);
    bool is_it = entry && entry->serial == serial && entry->cgroup.lookup == 0 &&
                 (!is_read || process_table_could_be(entry, start_ticks));
    if (is_it && entry->executed_ns <= read_ns)  // else what was read may be of before that exec, which has it read again
        keep(actors, entry, is_parsed ? &parsed : NULL, is_gone);
    unlock(&actors->lock);
}

void actors_read_wanted_containers(struct actors *actors)
{
    for (;;) {
        lock(&actors->lock);
        uint32_t pid = actors->containers_wanted_count > 0 ? actors->containers_wanted[--actors->containers_wanted_count] : 0;
        bool is_wanted = pid != 0 && is_to_be_read(process_table_peek(&actors->table, pid));
        unlock(&actors->lock);
        if (pid == 0)
            return;
        if (is_wanted)
            actors_read_container(actors, pid);
    }
}

bool actors_read_next_container(struct actors *actors, uint32_t *at)
{
    uint32_t pid = 0;
    lock(&actors->lock);
    for (; pid == 0 && *at < actors->table.capacity; ++*at)
        if (is_to_be_read(&actors->table.entries[*at]))
            pid = actors->table.entries[*at].pid;
    unlock(&actors->lock);
    if (pid != 0)
        actors_read_container(actors, pid);
    return pid != 0;
}

struct container_counts actors_container_counts(struct actors *actors)
{
    lock(&actors->lock);
    struct container_counts counts = actors->containers;
    unlock(&actors->lock);
    return counts;
}
