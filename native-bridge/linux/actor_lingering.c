// A process whose first thread has ended, while others may go on: the connector tells each thread's end, and none says
// whether it was the last one, so /proc is asked.
#include "actors_internal.h"
#include "core/clock.h"
#include "core/lock.h"
#include "proc_files.h"

// A process that lingers is looked at again after this long, then after twice that. The kernel tells of an end after
// everybody else could know (exit_notify() comes before proc_exit_connector()), so that a parent may have fetched the
// process, and another one have its pid, before.
enum { LINGER_US = 2000, LINGER_MAX_US = 1000000, NEWS_COMES_WITHIN_US = 1000000 };

struct lingering *actors_find_lingering(struct actors *actors, uint32_t pid)
{
    for (uint32_t i = 0; i < actors->lingering_count; i++)
        if (actors->lingering[i].last.pid == pid)
            return &actors->lingering[i];
    return NULL;
}

void actors_stop_lingering(struct actors *actors, struct lingering *lingering, bool ended)
{
    struct proc_change last = lingering->last;
    const struct process_entry *entry = process_table_peek(&actors->table, last.pid);
    bool is_it = entry && entry->serial == lingering->serial && entry->leader_exited;
    *lingering = actors->lingering[--actors->lingering_count];
    if (ended && is_it)
        actors_end_process(actors, &last);
}

bool actors_linger(struct actors *actors, struct process_entry *entry, const struct proc_change *change)
{
    if (!entry->is_threaded || actors->lingering_count == LINGERING_MAX)
        return false;
    entry->leader_exited = true;
    actors->lingering[actors->lingering_count++] =
        (struct lingering){*change, entry->serial, clock_monotonic_us() + LINGER_US, LINGER_US, false, false};
    actors_wake_notify_thread(actors);
    return true;
}

// The first thread's entry in /proc stays until all have ended, and is the only one then.
static bool look_at_one_lingering(struct actors *actors, int64_t now_us)
{
    for (uint32_t i = 0; i < actors->lingering_count; i++) {
        struct lingering *lingering = &actors->lingering[i];
        if (lingering->due_us > now_us)
            continue;
        if (lingering->is_over) {
            actors_stop_lingering(actors, lingering, true);
            return true;
        }
        lingering->is_over = proc_read_threads(lingering->last.pid) <= 1;
        // All at once, by exit_group(2) or a signal, they have one exit code; else it is in the last one's news.
        if (lingering->is_over && (lingering->has_news || lingering->wait_us == LINGER_US)) {
            actors_stop_lingering(actors, lingering, true);
            return true;
        }
        lingering->has_news = false;
        lingering->wait_us = lingering->wait_us * 2 < LINGER_MAX_US ? lingering->wait_us * 2 : LINGER_MAX_US;
        lingering->due_us = now_us + (lingering->is_over ? NEWS_COMES_WITHIN_US : lingering->wait_us);
        return true;
    }
    return false;
}

void actors_look_at_lingering(struct actors *actors)
{
    int64_t now_us = clock_monotonic_us();
    while (look_at_one_lingering(actors, now_us)) {
    }
}

int actors_wait_ms(struct actors *actors)
{
    lock(&actors->lock);
    int64_t wait_us = -1, now_us = clock_monotonic_us();
    for (uint32_t i = 0; i < actors->lingering_count; i++) {
        int64_t left_us = actors->lingering[i].due_us > now_us ? actors->lingering[i].due_us - now_us : 0;
        wait_us = wait_us < 0 || left_us < wait_us ? left_us : wait_us;
    }
    unlock(&actors->lock);
    return wait_us < 0 ? -1 : (int)((wait_us + 999) / 1000);
}

void actors_take_thread_exit(struct actors *actors, const struct proc_change *change)
{
    struct lingering *lingering = actors_find_lingering(actors, change->pid);
    if (!lingering || change->monotonic_ns <= lingering->last.monotonic_ns)
        return;
    lingering->last = *change;
    lingering->has_news = true;
    if (lingering->is_over)
        actors_stop_lingering(actors, lingering, true);
    else
        lingering->due_us = 0;  // it may be the last one
}
