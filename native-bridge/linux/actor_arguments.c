// Whose arguments are to be read, and what becomes of them. The reading itself is memory_reader's.
#include <string.h>
#include <unistd.h>

#include "actors_internal.h"
#include "core/lock.h"

static struct args_wanted wanted_of(const struct process_entry *entry, uint32_t image)
{
    return (struct args_wanted){entry->pid, entry->uid, image, entry->serial, entry->user_known && entry->owns_user};
}

bool actors_next_wanted(struct actors *actors, struct args_wanted *wanted)
{
    bool found = false;
    lock(&actors->lock);
    while (!found && actors->wanted_count > 0) {
        uint32_t pid = actors->wanted[0];
        memmove(actors->wanted, actors->wanted + 1, --actors->wanted_count * sizeof *actors->wanted);
        const struct process_entry *entry = process_table_peek(&actors->table, pid);
        found = actors_miss_args(actors, entry);
        if (found)
            *wanted = wanted_of(entry, entry->image);
    }
    unlock(&actors->lock);
    return found;
}

bool actors_next_without_args(struct actors *actors, uint32_t *at, struct args_wanted *wanted)
{
    bool found = false;
    lock(&actors->lock);
    for (; !found && *at < actors->table.capacity; ++*at) {
        const struct process_entry *entry = &actors->table.entries[*at];
        found = entry->serial != 0 && !entry->is_forgotten && actors_miss_args(actors, entry);
        if (found)
            *wanted = wanted_of(entry, entry->image);
    }
    unlock(&actors->lock);
    return found;
}

void actors_args_of_change(struct actors *actors, const struct actor_change *change, struct args_wanted *wanted)
{
    lock(&actors->lock);
    *wanted = wanted_of(change->process, change->image);
    unlock(&actors->lock);
}

static bool runs_still(struct actors *actors, const struct args_wanted *wanted, uint64_t start_ticks)
{
    actors_drain(actors, false);  // an exec meanwhile is known then
    const struct process_entry *entry = process_table_peek(&actors->table, wanted->pid);
    return entry && entry->serial == wanted->serial && entry->image == wanted->image && wanted->image != PROCESS_NONE &&
           process_table_could_be(entry, start_ticks);
}

bool actors_run_still(struct actors *actors, const struct args_wanted *wanted, uint64_t start_ticks)
{
    lock(&actors->lock);
    bool still = runs_still(actors, wanted, start_ticks);
    unlock(&actors->lock);
    return still;
}

bool actors_keep_args(struct actors *actors, const struct args_wanted *wanted, uint64_t start_ticks, struct bytes args)
{
    lock(&actors->lock);
    bool same = runs_still(actors, wanted, start_ticks);
    if (same && args.length > 0)
        process_table_set_args(&actors->table, wanted->image, args);
    else if (same)
        actors->table.images[wanted->image].args_known = true;  // none, as a kernel's thread: no use in asking again
    pthread_cond_broadcast(&actors->args_read);
    unlock(&actors->lock);
    return same;
}
