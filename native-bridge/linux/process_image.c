// What a process runs: its executable, name and arguments, shared by all that fork made of it.
#include <string.h>

#include "process_table.h"

bool process_table_put_text(struct process_table *table, struct text *text, struct bytes data,
                            const struct process_entry *keep)
{
    while (!text_pool_put(&table->texts, text, data.data, data.length))
        if (!process_table_forget_oldest(table, keep))
            return false;
    return true;
}

// Images are twice as many as entries: beside each entry's own, one that an unread exec event may hold.
uint32_t process_table_new_image(struct process_table *table)
{
    uint32_t index = table->free_image;
    if (index == PROCESS_NONE)
        return PROCESS_NONE;
    struct process_image *image = &table->images[index];
    table->free_image = image->next_free;
    memset(image, 0, sizeof *image);
    image->references = 1;
    image->executable_unresolved = true;
    return index;
}

void process_table_read_image(struct process_table *table, uint32_t index, const struct process_reading *reading,
                              const struct process_entry *keep)
{
    if (index == PROCESS_NONE)
        return;
    struct process_image *image = &table->images[index];
    image->references++;  // it may belong to the very entries that are forgotten to make room
    struct bytes executable = reading->executable;
    if (executable.length > PROCESS_PATH_BYTES)
        executable.length = PROCESS_PATH_BYTES;
    if (executable.length > 0) {  // of a process that has ended only the name is left
        text_pool_free(&table->texts, &image->executable);
        bool kept = process_table_put_text(table, &image->executable, executable, keep);
        image->executable_unresolved = reading->executable_unresolved || !kept;
    }
    image->layout = reading->layout;
    image->is_read = true;
    memcpy(image->name, reading->name, sizeof image->name);
    image->name[PROCESS_NAME_BYTES] = 0;
    process_table_drop_image(table, index);
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

void process_table_set_args(struct process_table *table, uint32_t image, struct bytes args)
{
    if (image == PROCESS_NONE)
        return;
    if (args.length > PROCESS_ARGS_BYTES)
        args.length = PROCESS_ARGS_BYTES;
    struct process_image *target = &table->images[image];
    text_pool_free(&table->texts, &target->args);
    target->references++;
    target->args_known = process_table_put_text(table, &target->args, args, NULL);
    process_table_drop_image(table, image);
}
