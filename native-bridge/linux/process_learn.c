// What a reading of /proc means for what the table holds: the same process or another, its own image or a guess.
#include <string.h>

#include "process_table.h"

static bool is_known(struct layout layout)
{
    return layout.code != 0 || layout.stack != 0;
}

static bool is_same(struct layout a, struct layout b)
{
    return a.code == b.code && a.stack == b.stack;
}

static void learn_user(struct process_entry *entry, const struct process_reading *reading)
{
    if (!reading->user_known)
        return;
    entry->user_known = entry->owns_user = true;
    entry->uid = reading->uid;
    entry->real_uid = reading->real_uid;
    entry->gid = reading->gid;
}

static void learn_start(struct process_entry *entry, const struct process_reading *reading)
{
    if (entry->start_exact || reading->start_ticks == 0)
        return;
    if (!entry->start_told)
        entry->start_ticks = reading->start_ticks;
    entry->start_exact = !entry->start_told;
}

static bool is_path_of(struct process_table *table, const struct process_image *image,
                       const struct process_reading *reading)
{
    uint8_t path[PROCESS_PATH_BYTES];
    size_t length = text_pool_copy(&table->texts, image->executable, path, sizeof path);
    return length == reading->executable.length && (length == 0 || memcmp(path, reading->executable.data, length) == 0);
}

// Is the image that the entry has the one that was read?
static bool has_image(struct process_table *table, const struct process_entry *entry,
                      const struct process_reading *reading)
{
    if (entry->image == PROCESS_NONE)
        return false;
    const struct process_image *image = &table->images[entry->image];
    if (!image->is_read)
        return entry->owns_image;  // what comes of an exec that was told
    if (is_known(image->layout) && is_known(reading->layout))
        return is_same(image->layout, reading->layout);
    // Without its memory's layout, which needs the right to trace it, two runs of one program look the same.
    return entry->owns_image && is_path_of(table, image, reading);
}

static void learn_image(struct process_table *table, struct process_entry *entry,
                        const struct process_reading *reading)
{
    bool has_memory = reading->executable.length > 0 || is_known(reading->layout);
    if (!has_memory && entry->image != PROCESS_NONE && (!entry->owns_image || table->images[entry->image].is_read))
        return;  // it has ended: what was known of it before is all
    if (!has_image(table, entry, reading)) {
        uint32_t image = process_table_new_image(table);
        process_table_drop_image(table, entry->image);
        entry->image = image;
        process_table_read_image(table, image, reading, entry);
    } else if (!table->images[entry->image].is_read) {
        process_table_read_image(table, entry->image, reading, entry);
    }
    entry->owns_image = true;
}

bool process_table_could_be(const struct process_entry *entry, uint64_t start_ticks)
{
    if (entry->start_exact)
        return entry->start_ticks == start_ticks;
    return entry->latest_start == 0 || start_ticks <= entry->latest_start;
}

void process_table_learn(struct process_table *table, struct process_entry *entry,
                         const struct process_reading *reading)
{
    if (entry->parent_pid == 0)
        entry->parent_pid = reading->parent_pid;
    entry->learnt_ns = reading->read_ns;
    entry->trust = table->trust;
    entry->is_threaded = entry->is_threaded || reading->threads > 1;
    learn_start(entry, reading);
    learn_user(entry, reading);
    learn_image(table, entry, reading);
}

void process_table_recognise(struct process_table *table, struct process_entry *entry,
                             const struct process_reading *reading)
{
    learn_start(entry, reading);
    learn_user(entry, reading);
    if (entry->image != PROCESS_NONE && table->images[entry->image].is_read && is_known(reading->layout) &&
        is_same(table->images[entry->image].layout, reading->layout))
        entry->owns_image = true;
}

// ---- what is told, not read

static void take_told(struct process_entry *entry, const struct process_reading *told)
{
    learn_start(entry, told);
    learn_user(entry, told);
    entry->user_told_ns = told->read_ns;
}

void process_table_take_birth(struct process_table *table, struct process_entry *entry, uint32_t maker_pid,
                              const struct process_reading *told)
{
    const struct process_entry *maker = process_table_peek(table, maker_pid);
    if (entry->learnt_ns != 0)
        return;  // read after its birth
    take_told(entry, told);
    if (!maker || maker == entry || maker->image == PROCESS_NONE)
        return;
    if (entry->image != maker->image) {
        process_table_hold_image(table, maker->image);
        process_table_drop_image(table, entry->image);
        entry->image = maker->image;
    }
    const struct process_image *image = &table->images[entry->image];
    entry->owns_image = maker->owns_image && !process_table_is_doubtful(table, maker);
    if (entry->owns_image && image->is_read && image->executable.length > 0)
        entry->learnt_ns = told->read_ns;  // there is nothing more to be read of it
}

void process_table_take_exec(struct process_table *table, struct process_entry *entry,
                             const struct process_reading *told)
{
    take_told(entry, told);
    if (entry->parent_pid == 0)
        entry->parent_pid = told->parent_pid;
    if (entry->image != PROCESS_NONE)
        memcpy(table->images[entry->image].name, told->name, sizeof told->name);
}

void process_table_hint_image(struct process_table *table, uint32_t image, const struct process_reading *told,
                              const struct process_entry *keep)
{
    if (image == PROCESS_NONE || !table->images[image].executable_unresolved)
        return;
    if (!told->executable_unresolved)
        process_table_read_image(table, image, told, keep);
    else if (table->images[image].executable.length == 0)
        (void)process_table_put_text(table, &table->images[image].executable, told->executable, keep);
}
