// All filesystems that are mounted on this machine, as far as its mount namespaces can be seen: each once, with the mounts
// that show it.
//
// Ownership: an inventory owns its tables; a guard that was built from it keeps nothing of it. Threading: built by the
// mount watcher, read under the backend's apply_lock.
#ifndef PICKET_LINUX_MOUNT_INVENTORY_H
#define PICKET_LINUX_MOUNT_INVENTORY_H

#include "mount_table.h"
#include "namespaces.h"

enum { INVENTORY_MAX = 1024 };

// One filesystem in one namespace: the first that shows it, the bridge's own before all others.
struct found_filesystem {
    uint32_t major, minor;
    enum filesystem_kind kind;
    bool no_exec;                   // wherever it is mounted there
    bool is_new;                    // was not there when the first policy was applied
    const struct mount *mount;      // the one to name it by
    const struct mount_table *table;
    uint32_t pid;                   // 0: the bridge's own namespace; else a process of the one that shows it
    const char *refusal;            // why it is never marked; NULL: it may be
};

struct mount_inventory {
    bool is_cut;                    // there is more than it holds
    size_t count, tables_count;
    struct found_filesystem items[INVENTORY_MAX];
    struct mount_table tables[1 + NAMESPACES_MAX];
};

// Reads /proc/self/mountinfo and those of the namespaces. NULL: out of memory.
struct mount_inventory *inventory_read(int mountinfo, const struct namespaces *namespaces);
void inventory_free(struct mount_inventory *inventory);  // NULL passes

struct found_filesystem *inventory_find(struct mount_inventory *inventory, uint32_t major, uint32_t minor);

// Opens a mount of the filesystem: of the whole of it if there is one, then by the shortest path. *mount: which. -1: none
// can be opened.
int inventory_open(const struct found_filesystem *found, const struct mount **mount);

#endif
