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

static void forget(struct process_table *table, struct process_entry *entry)
{
    uint32_t index = (uint32_t)(entry - table->entries);
    uint32_t *link = &table->buckets[bucket_of(table, entry->pid)];
    while (*link != index)
        link = &table->entries[*link].hash_next;
    *link = entry->hash_next;
    unlink_order(table, entry);
    process_table_drop_image(table, entry->image);
    entry->serial = 0;
    entry->hash_next = table->free_entry;
    table->free_entry = index;
    table->count--;
}

static struct process_entry *create(struct process_table *table, uint32_t pid)
{
    struct process_entry *old = process_table_peek(table, pid);
    if (old)
        forget(table, old);
    if (table->free_entry == PROCESS_NONE)
        forget(table, &table->entries[table->oldest]);
    uint32_t index = table->free_entry;
    struct process_entry *entry = &table->entries[index];
    table->free_entry = entry->hash_next;
    memset(entry, 0, sizeof *entry);
    entry->pid = pid;
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

// Makes room by forgetting the processes used longest ago, but never `keep`.
static bool put_text(struct process_table *table, struct text *text, struct bytes data,
                     const struct process_entry *keep)
{
    while (!text_pool_put(&table->texts, text, data.data, data.length)) {
        uint32_t oldest = table->oldest;
        if (oldest != PROCESS_NONE && &table->entries[oldest] == keep)
            oldest = table->entries[oldest].newer;
        if (oldest == PROCESS_NONE)
            return false;
        forget(table, &table->entries[oldest]);
    }
    return true;
}

// Images are twice as many as entries: beside each entry's own, one that an unread exec event may hold.
static uint32_t create_image(struct process_table *table, const struct process_reading *reading,
                             const struct process_entry *keep)
{
    uint32_t index = table->free_image;
    if (index == PROCESS_NONE)
        return PROCESS_NONE;
    struct process_image *image = &table->images[index];
    table->free_image = image->next_free;
    memset(image, 0, sizeof *image);
    image->references = 1;
    struct bytes executable = reading->executable;
    if (executable.length > PROCESS_PATH_BYTES)
        executable.length = PROCESS_PATH_BYTES;
    bool kept = put_text(table, &image->executable, executable, keep);
    image->executable_unresolved = reading->executable_unresolved || !kept;
    memcpy(image->name, reading->name, sizeof image->name);
    image->name[PROCESS_NAME_BYTES] = 0;
    return index;
}

void process_table_hold_image(struct process_table *table, uint32_t image)
{
    if (image != PROCESS_NONE)
        table->images[image].references++;
}

void process_table_drop_image(struct process_table *table, uint32_t image)
{
    if (image == PROCESS_NONE || --table->images[image].references > 0)
        return;
    text_pool_free(&table->texts, &table->images[image].executable);
    text_pool_free(&table->texts, &table->images[image].args);
    table->images[image].next_free = table->free_image;
    table->free_image = image;
}

static void set_user(struct process_entry *entry, const struct process_reading *reading)
{
    if (!reading->user_known)
        return;
    entry->uid = reading->uid;
    entry->real_uid = reading->real_uid;
    entry->gid = reading->gid;
    entry->user_known = true;
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

struct process_entry *process_table_fork(struct process_table *table, uint32_t parent_pid, uint32_t pid,
                                         uint64_t start_ticks_estimate)
{
    struct process_entry *entry = create(table, pid);
    struct process_entry *parent = process_table_peek(table, parent_pid);
    entry->parent_pid = parent_pid;
    entry->start_ticks = start_ticks_estimate;
    if (parent && parent != entry) {
        entry->parent_serial = parent->serial;
        entry->uid = parent->uid;
        entry->real_uid = parent->real_uid;
        entry->gid = parent->gid;
        entry->user_known = parent->user_known;
        entry->image = parent->image;
        entry->trust = parent->trust;
        process_table_hold_image(table, entry->image);
    }
    return entry;
}

struct process_entry *process_table_exec(struct process_table *table, uint32_t pid,
                                         const struct process_reading *reading, uint32_t *previous_image)
{
    struct process_entry *entry = process_table_find(table, pid);
    if (!entry)
        entry = create(table, pid);
    *previous_image = entry->image;
    entry->image = create_image(table, reading, entry);
    entry->exited = false;
    if (reading->start_ticks) {
        entry->start_ticks = reading->start_ticks;
        entry->start_exact = true;
        entry->trust = table->trust;
    }
    if (entry->parent_pid == 0)
        entry->parent_pid = reading->parent_pid;
    set_user(entry, reading);
    return entry;
}

struct process_entry *process_table_exit(struct process_table *table, uint32_t pid)
{
    struct process_entry *entry = process_table_find(table, pid);
    if (entry)
        entry->exited = true;
    return entry;
}

struct process_entry *process_table_insert(struct process_table *table, const struct process_reading *reading)
{
    struct process_entry *entry = create(table, reading->pid);
    entry->parent_pid = reading->parent_pid;
    entry->start_ticks = reading->start_ticks;
    entry->start_exact = reading->start_ticks != 0;
    struct process_entry *parent = process_table_peek(table, reading->parent_pid);
    if (parent && parent != entry)
        entry->parent_serial = parent->serial;
    entry->image = create_image(table, reading, entry);
    set_user(entry, reading);
    return entry;
}

void process_table_set_args(struct process_table *table, uint32_t image, struct bytes args)
{
    if (image == PROCESS_NONE)
        return;
    if (args.length > PROCESS_ARGS_BYTES)
        args.length = PROCESS_ARGS_BYTES;
    struct process_image *target = &table->images[image];
    text_pool_free(&table->texts, &target->args);
    // The image may belong to the very entries that are forgotten to make room.
    target->references++;
    target->args_known = put_text(table, &target->args, args, NULL);
    process_table_drop_image(table, image);
}

void process_table_set_user(struct process_table *table, uint32_t pid, uint32_t uid, uint32_t real_uid)
{
    struct process_entry *entry = process_table_peek(table, pid);
    if (entry) {
        entry->uid = uid;
        entry->real_uid = real_uid;
        entry->user_known = true;
    }
}

void process_table_set_group(struct process_table *table, uint32_t pid, uint32_t gid)
{
    struct process_entry *entry = process_table_peek(table, pid);
    if (entry)
        entry->gid = gid;
}
