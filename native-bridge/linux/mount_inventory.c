#include "mount_inventory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layers.h"

// Of the own namespace as much as machines have; of others, which may be any user's, what a container has.
enum { OWN_MOUNTS = 8192, OWN_TEXT = 4 << 20, OTHER_MOUNTS = 512, OTHER_TEXT = 128 << 10 };

// Of the whole filesystem before a folder of it, then the shorter path, then the one that was there first.
static bool is_better(const struct mount *mount, const struct mount *than)
{
    if (mount->is_whole != than->is_whole)
        return mount->is_whole;
    size_t length = strlen(mount->point), than_length = strlen(than->point);
    return length != than_length ? length < than_length : mount < than;
}

static void add(struct mount_inventory *inventory, const struct mount_table *table, const struct mount *mount,
                const struct mount_namespace *other)
{
    struct found_filesystem *known = inventory_find(inventory, mount->major, mount->minor);
    if (known && known->table != table)
        return;
    if (known) {
        known->no_exec = known->no_exec && mount->no_exec;
        if (is_better(mount, known->mount))
            known->mount = mount;
        return;
    }
    if (inventory->count == INVENTORY_MAX) {
        inventory->is_cut = true;
        return;
    }
    struct found_filesystem *item = &inventory->items[inventory->count++];
    *item = (struct found_filesystem){
        .major = mount->major, .minor = mount->minor, .kind = mount->kind, .no_exec = mount->no_exec,
        .mount = mount, .table = table, .pid = other ? other->pid : 0,
        .refusal = filesystem_kind_refusal(mount->kind),
    };
    if (mount->kind != FILESYSTEM_STACKED)
        return;
    // Who mounts in a namespace of his own may have swapped the folders since: their names prove nothing.
    item->refusal = other && other->is_of_user ? "an overlay of a user's own namespace may have layers of any kind"
                                               : layers_refusal(&inventory->tables[0], mount);
}

static void add_all(struct mount_inventory *inventory, int mountinfo, const struct mount_namespace *other)
{
    struct mount_table *table = &inventory->tables[inventory->tables_count++];
    mount_table_read(table, mountinfo, other ? OTHER_MOUNTS : OWN_MOUNTS, other ? OTHER_TEXT : OWN_TEXT);
    inventory->is_cut = inventory->is_cut || table->is_cut;
    size_t before = inventory->count;
    for (size_t i = 0; i < table->count; i++)
        add(inventory, table, &table->items[i], other);
    if (other && inventory->count == before)
        mount_table_free(table);  // nothing in it that the ones before do not show
}

struct mount_inventory *inventory_read(int mountinfo, const struct namespaces *namespaces)
{
    struct mount_inventory *inventory = calloc(1, sizeof *inventory);
    if (!inventory)
        return NULL;
    add_all(inventory, mountinfo, NULL);
    for (size_t i = 0; i < namespaces->count; i++)
        add_all(inventory, namespaces->items[i].mountinfo, &namespaces->items[i]);
    inventory->is_cut = inventory->is_cut || namespaces->is_cut;
    return inventory;
}

void inventory_free(struct mount_inventory *inventory)
{
    for (size_t i = 0; inventory && i < inventory->tables_count; i++)
        mount_table_free(&inventory->tables[i]);
    free(inventory);
}

struct found_filesystem *inventory_find(struct mount_inventory *inventory, uint32_t major, uint32_t minor)
{
    for (size_t i = 0; i < inventory->count; i++)
        if (inventory->items[i].major == major && inventory->items[i].minor == minor)
            return &inventory->items[i];
    return NULL;
}

static int open_root(uint32_t pid)
{
    char path[32] = "/";
    if (pid != 0)
        snprintf(path, sizeof path, "/proc/%u/root", pid);
    return open(path, O_PATH | O_CLOEXEC);
}

// A folder on the way may lie on a filesystem whose server does not answer: then names are not looked up there.
static bool is_below_served(const struct mount_table *table, const char *point)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct mount *other = &table->items[i];
        size_t length = strlen(other->point);
        if (other->kind == FILESYSTEM_SERVED && strncmp(point, other->point, length) == 0 &&
            (length == 1 || point[length] == '/'))
            return true;
    }
    return false;
}

static const struct mount *next_best(const struct found_filesystem *found, const struct mount *after)
{
    const struct mount *next = NULL;
    for (size_t i = 0; i < found->table->count; i++) {
        const struct mount *mount = &found->table->items[i];
        if (mount->major == found->major && mount->minor == found->minor && is_better(after, mount) &&
            (!next || is_better(mount, next)))
            next = mount;
    }
    return next;
}

int inventory_open(const struct found_filesystem *found, const struct mount **mount)
{
    int root = open_root(found->pid), fd = -1;
    if (root < 0)
        return -1;
    // One that is covered by another can't be opened: then the next best.
    for (*mount = found->mount; *mount; *mount = next_best(found, *mount)) {
        // Others' folders are theirs to swap: there the kernel's cache of names must do.
        bool may_look_up = found->pid == 0 && !is_below_served(found->table, (*mount)->point);
        fd = mount_open(root, (*mount)->point, (*mount)->mount_id, may_look_up);
        if (fd >= 0)
            break;
    }
    close(root);
    return fd;
}
