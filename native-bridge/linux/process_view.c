// How a process is told: copies of what the table holds, so that nothing of it is borrowed once its lock is free.
#include <string.h>

#include "process_table.h"

static struct bytes copy_out(struct process_table *table, struct text text, struct actor_view *scratch)
{
    struct bytes out = {scratch->scratch + scratch->used, 0};
    out.length = text_pool_copy(&table->texts, text, scratch->scratch + scratch->used,
                                sizeof scratch->scratch - scratch->used);
    scratch->used += out.length;
    return out;
}

void process_table_view_image(struct process_table *table, uint32_t index, struct actor_view *scratch,
                              struct process_view *out)
{
    if (index == PROCESS_NONE) {
        out->executable = (struct bytes){NULL, 0};
        out->args = (struct bytes){NULL, 0};
        out->args_known = false;
        out->executable_unresolved = true;
        out->name[0] = 0;
        return;
    }
    const struct process_image *image = &table->images[index];
    out->executable = copy_out(table, image->executable, scratch);
    out->executable_unresolved = image->executable_unresolved || out->executable.length == 0;
    out->args = copy_out(table, image->args, scratch);
    out->args_known = image->args_known;
    memcpy(out->name, image->name, sizeof out->name);
}

static void view_entry(struct process_table *table, struct process_entry *entry, uint32_t image, bool owns_image,
                       struct actor_view *view, struct process_view *out)
{
    out->pid = entry->pid;
    out->start_ticks = entry->start_ticks;
    entry->start_told = entry->start_told || entry->start_ticks != 0;
    out->uid = entry->uid;
    out->real_uid = entry->real_uid;
    out->gid = entry->gid;
    out->user_known = entry->user_known && entry->owns_user;
    process_table_view_image(table, image, view, out);
    out->executable_unresolved = out->executable_unresolved || !owns_image;
}

struct process_entry *process_table_parent(struct process_table *table, struct process_entry *entry)
{
    struct process_entry *parent = entry->parent_pid ? process_table_peek(table, entry->parent_pid) : NULL;
    if (!parent || parent == entry)
        return NULL;
    bool same = entry->parent_serial != 0 ? parent->serial == entry->parent_serial
                                          : parent->start_ticks <= entry->start_ticks;
    if (!same)
        return NULL;
    entry->parent_serial = parent->serial;
    return parent;
}

// The container's id lies in its cgroup's path.
static void view_container(const struct process_table *table, const struct process_entry *entry, struct actor_view *view)
{
    struct container_facts facts = cgroups_tell(&table->cgroups, entry->cgroup);
    const uint8_t *kept = facts.cgroup.data;
    if (facts.cgroup.length > 0) {
        memcpy(view->cgroup, kept, facts.cgroup.length);
        facts.cgroup.data = view->cgroup;
        facts.id.data = view->cgroup + (facts.id.data - kept);
    }
    if (facts.lookup == CONTAINER_PENDING && entry->exited)
        facts.lookup = CONTAINER_FAILED;
    view->process.container = facts;
}

void process_table_view(struct process_table *table, struct process_entry *entry, uint32_t image, bool owns_image,
                        struct actor_view *view)
{
    view->used = 0;
    view_entry(table, entry, image, owns_image, view, &view->process);
    view_container(table, entry, view);
    memset(&view->parent, 0, sizeof view->parent);
    if (entry->parent_pid == 0)
        return;
    struct process_entry *parent = process_table_parent(table, entry);
    if (parent) {
        view_entry(table, parent, parent->image, parent->owns_image, view, &view->parent);
        return;
    }
    view->parent.pid = entry->parent_pid;
    view->parent.executable_unresolved = true;
}
