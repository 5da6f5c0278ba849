#include "process_table.h"

#include <stdlib.h>
#include <string.h>

static uint32_t bucket_of(const struct process_table *table, uint32_t pid)
{
    return (pid * 2654435761u >> 8) & table->bucket_mask;
}

bool process_table_init(struct process_table *table, uint32_t capacity, uint32_t text_blocks)
{
    memset(table, 0, sizeof *table);
    uint32_t buckets = 1;
    while (buckets < capacity)
        buckets *= 2;
    table->entries = calloc(capacity, sizeof *table->entries);
    table->images = calloc((size_t)capacity * 2, sizeof *table->images);
    table->buckets = malloc(buckets * sizeof *table->buckets);
    if (!table->entries || !table->images || !table->buckets || !text_pool_init(&table->texts, text_blocks)) {
        process_table_destroy(table);
        return false;
    }
    memset(table->buckets, 0xff, buckets * sizeof *table->buckets);
    table->bucket_mask = buckets - 1;
    table->capacity = capacity;
    for (uint32_t i = 0; i < capacity; i++)
        table->entries[i].hash_next = i + 1 < capacity ? i + 1 : PROCESS_NONE;
    for (uint32_t i = 0; i < capacity * 2; i++)
        table->images[i].next_free = i + 1 < capacity * 2 ? i + 1 : PROCESS_NONE;
    table->oldest = table->newest = PROCESS_NONE;
    table->next_serial = 1;
    return true;
}

void process_table_destroy(struct process_table *table)
{
    free(table->entries);
    free(table->images);
    free(table->buckets);
    text_pool_destroy(&table->texts);
    memset(table, 0, sizeof *table);
}

// ---- least recently used order

static void unlink_order(struct process_table *table, struct process_entry *entry)
{
    if (entry->older != PROCESS_NONE)
        table->entries[entry->older].newer = entry->newer;
    else
        table->oldest = entry->newer;
    if (entry->newer != PROCESS_NONE)
        table->entries[entry->newer].older = entry->older;
    else
        table->newest = entry->older;
}

static void link_newest(struct process_table *table, struct process_entry *entry)
{
    uint32_t index = (uint32_t)(entry - table->entries);
    entry->older = table->newest;
    entry->newer = PROCESS_NONE;
    if (table->newest != PROCESS_NONE)
        table->entries[table->newest].newer = index;
    else
        table->oldest = index;
    table->newest = index;
}

static void touch(struct process_table *table, struct process_entry *entry)
{
    if (entry->newer == PROCESS_NONE)
        return;
    unlink_order(table, entry);
    link_newest(table, entry);
}

// ---- entries and images

struct process_entry *process_table_peek(const struct process_table *table, uint32_t pid)
{
    for (uint32_t i = table->buckets[bucket_of(table, pid)]; i != PROCESS_NONE; i = table->entries[i].hash_next)
        if (table->entries[i].pid == pid)
            return &table->entries[i];
    return NULL;
}

static void release(struct process_table *table, struct process_entry *entry)
{
    process_table_drop_image(table, entry->image);
    text_pool_free(&table->texts, &entry->asked);
    entry->serial = 0;
    entry->hash_next = table->free_entry;
    table->free_entry = (uint32_t)(entry - table->entries);
    table->count--;
}

static void forget(struct process_table *table, struct process_entry *entry)
{
    uint32_t index = (uint32_t)(entry - table->entries);
    uint32_t *link = &table->buckets[bucket_of(table, entry->pid)];
    while (*link != index)
        link = &table->entries[*link].hash_next;
    *link = entry->hash_next;
    unlink_order(table, entry);
    entry->is_forgotten = true;
    if (entry->pins == 0)
        release(table, entry);
}

static uint64_t last_heard_ns(const struct process_entry *entry)
{
    uint64_t last_ns = entry->met_ns > entry->executed_ns ? entry->met_ns : entry->executed_ns;
    return last_ns > entry->ended_ns ? last_ns : entry->ended_ns;
}

// Pinned entries are fewer than there are entries (see CHANGES_MAX), so one is free in the end.
static struct process_entry *create(struct process_table *table, uint32_t pid, uint64_t met_ns)
{
    struct process_entry *old = process_table_peek(table, pid);
    uint64_t born_after_ns = old ? last_heard_ns(old) : 0;
    if (old)
        forget(table, old);
    while (table->free_entry == PROCESS_NONE)
        forget(table, &table->entries[table->oldest]);
    uint32_t index = table->free_entry;
    struct process_entry *entry = &table->entries[index];
    table->free_entry = entry->hash_next;
    memset(entry, 0, sizeof *entry);
    entry->pid = pid;
    entry->met_ns = met_ns;
    entry->born_after_ns = born_after_ns;
    entry->serial = table->next_serial++;
    entry->image = PROCESS_NONE;
    entry->trust = table->trust;
    uint32_t *bucket = &table->buckets[bucket_of(table, pid)];
    entry->hash_next = *bucket;
    *bucket = index;
    link_newest(table, entry);
    table->count++;
    return entry;
}

bool process_table_forget_oldest(struct process_table *table, const struct process_entry *keep)
{
    uint32_t oldest = table->oldest;
    if (oldest != PROCESS_NONE && &table->entries[oldest] == keep)
        oldest = table->entries[oldest].newer;
    if (oldest == PROCESS_NONE)
        return false;
    forget(table, &table->entries[oldest]);
    return true;
}

void process_table_pin(struct process_entry *entry)
{
    entry->pins++;
}

void process_table_unpin(struct process_table *table, struct process_entry *entry)
{
    if (--entry->pins == 0 && entry->is_forgotten)
        release(table, entry);
}

// ---- what the outside calls

struct process_entry *process_table_find(struct process_table *table, uint32_t pid)
{
    struct process_entry *entry = process_table_peek(table, pid);
    if (entry)
        touch(table, entry);
    return entry;
}

bool process_table_is_doubtful(const struct process_table *table, const struct process_entry *entry)
{
    return entry->trust != table->trust;
}

void process_table_confirm(struct process_table *table, struct process_entry *entry)
{
    entry->trust = table->trust;
}

void process_table_doubt_all(struct process_table *table)
{
    table->trust++;
}

static void take_over(struct process_table *table, struct process_entry *entry, const struct process_entry *parent)
{
    entry->parent_serial = parent->serial;
    entry->uid = parent->uid;
    entry->real_uid = parent->real_uid;
    entry->gid = parent->gid;
    entry->user_known = parent->user_known;
    entry->image = parent->image;
    process_table_hold_image(table, entry->image);
}

struct process_entry *process_table_fork(struct process_table *table, uint32_t parent_pid, uint32_t pid,
                                         struct moment when)
{
    struct process_entry *entry = process_table_peek(table, pid);
    const struct process_entry *parent = process_table_peek(table, parent_pid);
    bool is_known = entry && when.ns <= entry->met_ns;  // heard of after it was born: by a reading, or an overtaking exec
    if (is_known && (entry->is_born || when.ns <= entry->born_after_ns))
        return NULL;
    if (!is_known) {
        entry = create(table, pid, when.ns);
        parent = process_table_peek(table, parent_pid);  // may have been forgotten to make room
        if (parent && parent != entry)
            take_over(table, entry, parent);
        entry->start_ticks = when.ticks;
    } else if (parent && parent != entry) {
        entry->parent_serial = parent->serial;
    }
    entry->is_born = true;
    entry->met_ns = when.ns;
    entry->parent_pid = parent_pid;
    if (!entry->start_exact && !entry->start_told)
        entry->start_ticks = when.ticks;
    if (entry->latest_start == 0 || when.ticks < entry->latest_start)
        entry->latest_start = when.ticks;
    return entry;
}

// What the kernel asked about is what runs now, unless that was long ago: then its exec had failed.
static void take_asked(struct process_table *table, struct process_entry *entry, uint64_t when_ns)
{
    enum { EXEC_TAKES_NS = 1000000000 };
    if (entry->image != PROCESS_NONE && when_ns < entry->asked_ns + EXEC_TAKES_NS)
        table->images[entry->image].executable = entry->asked;
    else
        text_pool_free(&table->texts, &entry->asked);
    entry->asked = (struct text){0, 0};
}

struct process_entry *process_table_exec(struct process_table *table, uint32_t pid, struct moment when,
                                         uint32_t *previous_image, bool *previous_certain)
{
    struct process_entry *entry = process_table_find(table, pid);
    *previous_image = PROCESS_NONE;
    *previous_certain = false;
    if (entry && (when.ns < entry->met_ns || when.ns < entry->executed_ns))
        return NULL;
    if (!entry || (entry->exited && when.ns > entry->ended_ns)) {
        entry = create(table, pid, when.ns);
        entry->latest_start = when.ticks;
    }
    *previous_image = entry->image;
    *previous_certain = entry->owns_image;
    entry->image = process_table_new_image(table);
    entry->cgroup = (struct cgroup_ref){0};  // who starts a container moves into it and then executes
    entry->owns_image = true;
    entry->learnt_ns = 0;
    entry->executed_ns = when.ns;
    entry->is_threaded = entry->leader_exited = false;  // whichever thread it was, it is the only one now
    take_asked(table, entry, when.ns);
    return entry;
}

struct process_entry *process_table_exit(struct process_table *table, uint32_t pid, struct moment when)
{
    struct process_entry *entry = process_table_find(table, pid);
    if (entry && (when.ns < entry->met_ns || (entry->exited && when.ns <= entry->ended_ns)))
        return NULL;
    if (!entry || entry->exited) {
        entry = create(table, pid, when.ns);
        entry->latest_start = when.ticks;
    }
    entry->exited = true;
    entry->ended_ns = when.ns;
    return entry;
}

struct process_entry *process_table_insert(struct process_table *table, const struct process_reading *reading)
{
    struct process_entry *entry = create(table, reading->pid, reading->read_ns);
    process_table_learn(table, entry, reading);
    return entry;
}

void process_table_set_asked(struct process_table *table, struct process_entry *entry, struct bytes path,
                             uint64_t now_ns)
{
    text_pool_free(&table->texts, &entry->asked);
    (void)process_table_put_text(table, &entry->asked, path, entry);
    entry->asked_ns = now_ns;
}

static bool is_news_of_user(const struct process_entry *entry, uint64_t when_ns)
{
    return entry->user_known && when_ns >= entry->learnt_ns && when_ns >= entry->met_ns && when_ns >= entry->user_told_ns;
}

void process_table_set_user(struct process_table *table, uint32_t pid, uint32_t uid, uint32_t real_uid, uint64_t when_ns)
{
    struct process_entry *entry = process_table_peek(table, pid);
    if (entry && is_news_of_user(entry, when_ns)) {
        entry->uid = uid;
        entry->real_uid = real_uid;
    }
}

void process_table_set_group(struct process_table *table, uint32_t pid, uint32_t gid, uint64_t when_ns)
{
    struct process_entry *entry = process_table_peek(table, pid);
    if (entry && is_news_of_user(entry, when_ns))
        entry->gid = gid;
}
