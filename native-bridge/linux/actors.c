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
#include "actors_internal.h"
#include "fanotify_event.h"
#include "proc_files.h"

// Entries for every process of a large machine; texts of 128 bytes, 8 MiB in all, and 2 MiB of what changes were told with.
enum { PROCESSES = 16384, TEXT_BLOCKS = 65536, TOLD_BLOCKS = 16384 };
enum { ARGS_WAIT_US = 2000, ARGS_BACKOFF_US = 1000000 };

void actors_wake_notify_thread(struct actors *actors)
{
    uint64_t one = 1;
    // A full counter is awake already.
    (void)!write(actors->wake, &one, sizeof one);
}

// ---- the table, lock held

static struct process_entry *take_reading(struct actors *actors, const struct process_reading *reading)
{
    struct process_entry *entry = process_table_find(&actors->table, reading->pid);
    if (entry && process_table_could_be(entry, reading->start_ticks)) {
        process_table_learn(&actors->table, entry, reading);
        return entry;
    }
    exec_stage_forget(&actors->stages, reading->pid);
    return process_table_insert(&actors->table, reading);
}

// Did the process begin or change its image while it was read?
static bool is_overtaken(struct actors *actors, const struct process_reading *reading)
{
    actors_drain(actors, false);
    const struct process_entry *entry = process_table_peek(&actors->table, reading->pid);
    return entry && (entry->executed_ns >= reading->read_ns || (entry->is_born && entry->met_ns >= reading->read_ns));
}

struct process_entry *actors_read_process(struct actors *actors, uint32_t pid, int pidfd)
{
    enum { TRIES = 3 };
    struct process_reading reading;
    for (int i = 0; i < TRIES; i++) {
        if (!proc_read(pid, pidfd, &reading, actors->path))
            return NULL;
        if (!is_overtaken(actors, &reading))
            break;
    }
    return take_reading(actors, &reading);
}

static bool is_sure(const struct actors *actors, const struct process_entry *entry)
{
    return process_news_tells_all(&actors->news) && !process_table_is_doubtful(&actors->table, entry);
}

// Of a process that is gone: may the entry be that of the pid's next owner already? One that has ended, too, may be, where
// the pid was another's not long before: events carry no time.
static bool is_next_owner(const struct process_entry *entry)
{
    enum { LATEST_NEWS_S = 60 };
    if (entry->exited || entry->leader_exited)
        return entry->born_after_ns != 0 &&
               clock_ns(CLOCK_MONOTONIC) - entry->born_after_ns < LATEST_NEWS_S * 1000000000ull;
    uint64_t start_ticks = proc_read_start(entry->pid);
    return start_ticks != 0 && process_table_could_be(entry, start_ticks);
}

static struct process_entry *find_process(struct actors *actors, uint32_t pid, int pidfd)
{
    struct process_entry *entry = process_table_find(&actors->table, pid);
    bool is_sure_of_it = entry && is_sure(actors, entry);
    if (pidfd == PIDFD_GONE)
        return is_sure_of_it && !is_next_owner(entry) ? entry : NULL;
    if (is_sure_of_it && entry->learnt_ns != 0 && !entry->exited)
        return entry;
    struct process_entry *fresh = actors_read_process(actors, pid, pidfd);
    if (fresh)
        return fresh;
    entry = process_table_find(&actors->table, pid);
    return entry && is_sure(actors, entry) ? entry : NULL;
}

void actors_know_parent(struct actors *actors, struct process_entry *entry)
{
    if (entry->parent_pid == 0)
        return;
    struct process_entry *there = process_table_peek(&actors->table, entry->parent_pid);
    struct process_entry *parent = process_table_parent(&actors->table, entry);
    if (parent ? parent->exited || (is_sure(actors, parent) && parent->learnt_ns != 0) : there != NULL)
        return;
    parent = actors_read_process(actors, entry->parent_pid, PIDFD_NONE);
    if (parent && parent->start_ticks <= entry->start_ticks)  // else the pid is another's by now
        entry->parent_serial = parent->serial;
}

bool actors_miss_args(const struct actors *actors, const struct process_entry *entry)
{
    return entry && !entry->exited && entry->image != PROCESS_NONE &&
           !actors->table.images[entry->image].args_known;
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
            (void)actors_read_process(actors, (uint32_t)pid, PIDFD_NONE);
    }
    closedir(directory);
}

bool actors_open(struct actors *actors, const struct boot *boot, struct process_ring *ring, char *error,
                 size_t error_size, char *connector_error, size_t connector_error_size)
{
    actors->boot = boot;
    lock_init(&actors->lock);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&actors->args_read, &attributes);
    pthread_condattr_destroy(&attributes);
    exec_stages_init(&actors->stages);
    actors->news = (struct process_news){.connector = -1};
    actors->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (actors->wake < 0 || !process_table_init(&actors->table, PROCESSES, TEXT_BLOCKS) ||
        (ring && !text_pool_init(&actors->told_texts, TOLD_BLOCKS))) {
        snprintf(error, error_size, "the process table can't be made (%s): about 20 MB of memory are needed",
                 strerror(errno));
        actors_close(actors);
        return false;
    }
    // Subscribed first, read after: a process that begins meanwhile is in one of the two at least.
    process_news_open(&actors->news, ring, connector_error, connector_error_size);
    read_all_processes(actors);
    return true;
}

void actors_close(struct actors *actors)
{
    process_news_close(&actors->news);
    if (actors->wake >= 0)
        close(actors->wake);
    actors->wake = -1;
    text_pool_destroy(&actors->told_texts);
    exec_stages_close(&actors->stages);
    process_table_destroy(&actors->table);
}

// ---- the permission reader

// The entry is pinned.
static void wait_for_args(struct actors *actors, const struct process_entry *entry)
{
    int64_t now_us = clock_monotonic_us();
    if (now_us < actors->no_waiting_until_us || actors->wanted_count == WANTED_MAX)
        return;
    actors->wanted[actors->wanted_count++] = entry->pid;
    actors_wake_notify_thread(actors);
    int64_t until_us = now_us + ARGS_WAIT_US;
    struct timespec until = {until_us / 1000000, until_us % 1000000 * 1000};
    while (actors_miss_args(actors, entry)) {
        if (pthread_cond_timedwait(&actors->args_read, &actors->lock, &until) == ETIMEDOUT) {
            actors->no_waiting_until_us = clock_monotonic_us() + ARGS_BACKOFF_US;
            return;
        }
    }
}

void actors_look(struct actors *actors, uint32_t pid, int pidfd, bool needs_args, struct actor_view *view)
{
    lock(&actors->lock);
    actors_drain(actors, false);
    struct process_entry *entry = find_process(actors, pid, pidfd);
    if (entry) {
        process_table_pin(entry);
        actors_want_container(actors, entry);
        if (needs_args && actors_miss_args(actors, entry))
            wait_for_args(actors, entry);
        actors_know_parent(actors, entry);
        process_table_view(&actors->table, entry, entry->image, entry->owns_image, view);
        process_table_unpin(&actors->table, entry);
    } else {
        memset(&view->process, 0, sizeof view->process);
        view->process.container.lookup = CONTAINER_FAILED;
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
    struct process_entry *entry = process_table_peek(&actors->table, question->pid);
    if (entry && answer.stage != EXEC_STAGE_LOADER)
        process_table_set_asked(&actors->table, entry, question->path, (uint64_t)clock_monotonic_us() * 1000);
    unlock(&actors->lock);
    return answer;
}
