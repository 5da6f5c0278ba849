#include "filesystems.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "content_hash.h"
#include "guard_choice.h"

bool filesystem_takes_leases(const struct filesystem *filesystem, const struct statx *file)
{
    bool is_busy_anyway = filesystem->is_named || strcmp(filesystem->point, "/") == 0;
    return filesystem->is_hashed && is_busy_anyway && !filesystem->is_foreign &&
           filesystem->mount_id == mount_id_of(file);
}

uint64_t mount_id_of(const struct statx *stat)
{
    return stat->stx_mask & (STATX_UNIQUE_MOUNT_ID | STATX_MNT_ID) ? stat->stx_mnt_id : 0;
}

// The path of the mount point; of a filesystem that only others see the way to their root, /proc/PID/root.
static uint8_t *text_of_mount(int fd, const struct found_filesystem *found, size_t *length)
{
    char link[64];
    uint8_t text[MOUNT_POINT_BYTES];
    if (found->pid != 0) {
        *length = (size_t)snprintf((char *)text, sizeof text, "/proc/%u/root", found->pid);
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t got = readlink(link, (char *)text, sizeof text);
        if (got <= 0 || (size_t)got == sizeof text)
            return NULL;
        *length = (size_t)got;
    }
    uint8_t *copy = malloc(*length + 1);
    if (copy) {
        memcpy(copy, text, *length);
        copy[*length] = 0;
    }
    return copy;
}

// Reads what is to be known of an open mount. The descriptor becomes the filesystem's only if all of it could be read.
static bool describe(struct filesystem *filesystem, int fd, const struct found_filesystem *found,
                     const struct mount *mount)
{
    struct statx stat;
    struct statfs fs;
    size_t length;
    if (fstatfs(fd, &fs) != 0 || statx(fd, "", AT_EMPTY_PATH, STATX_OF_EVENTS, &stat) != 0)
        return false;
    uint8_t *text = text_of_mount(fd, found, &length);
    char *point = text ? strdup(mount->point) : NULL;
    if (!point) {
        free(text);
        return false;
    }
    *filesystem = (struct filesystem){
        .device = makedev(stat.stx_dev_major, stat.stx_dev_minor),
        .major = found->major, .minor = found->minor,
        .is_stacked = found->kind == FILESYSTEM_STACKED, .is_foreign = found->pid != 0,
        .is_hashed = content_hash_is_listed((uint64_t)fs.f_type),
        .reads_never_block = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC,
        .mount_fd = -1, .marking_fd = fd,
        .table_mount_id = mount->mount_id, .mount_id = mount_id_of(&stat), .pid = found->pid, .point = point,
        .mount_point_length = length, .mount_point = text,
    };
    memcpy(&filesystem->fsid, &fs.f_fsid, sizeof filesystem->fsid);
    return true;
}

static void take(struct filesystem_set *set, const struct filesystem *filesystem)
{
    set->devices[set->count] = filesystem->device;
    set->fsids[set->count] = filesystem->fsid;
    set->items[set->count++] = *filesystem;
}

static void let_go(struct filesystem *filesystem)
{
    if (filesystem->marking_fd >= 0 && filesystem->marking_fd != filesystem->mount_fd)
        close(filesystem->marking_fd);
    if (filesystem->mount_fd >= 0)
        close(filesystem->mount_fd);
    free(filesystem->mount_point);
    free(filesystem->point);
}

static bool refuse(char *error, size_t error_size, const char *why)
{
    snprintf(error, error_size, "%s", why);
    return false;
}

static bool open_found(struct filesystem *filesystem, const struct found_filesystem *found, char *error,
                       size_t error_size)
{
    const struct mount *mount;
    int fd = inventory_open(found, &mount);
    if (fd < 0)
        return refuse(error, error_size, "no mount point of its filesystem can be opened");
    if (describe(filesystem, fd, found, mount))
        return true;
    close(fd);
    return refuse(error, error_size, "its mount point can't be examined");
}

// The second path on a filesystem adds nothing; btrfs shows one under several devices.
static bool add(struct filesystem_set *set, const struct found_filesystem *found, bool is_named, char *error,
                size_t error_size)
{
    const char *limit = guard_limit_refusal(found);
    struct filesystem filesystem;
    if (found->refusal)
        return refuse(error, error_size, found->refusal);
    if (limit)
        return refuse(error, error_size, limit);
    if (filesystem_set_find_mounted(set, found->major, found->minor))
        return true;
    if (set->count == FILESYSTEMS_MAX)
        return refuse(error, error_size, "256 filesystems are guarded already");
    if (!open_found(&filesystem, found, error, error_size))
        return false;
    filesystem.is_named = is_named;
    if (is_named)
        filesystem.mount_fd = filesystem.marking_fd;
    if (filesystem_set_find(set, filesystem.device))
        let_go(&filesystem);
    else
        take(set, &filesystem);
    return true;
}

bool filesystem_set_add_found(struct filesystem_set *set, const struct found_filesystem *found, char *error,
                              size_t error_size)
{
    return add(set, found, false, error, error_size);
}

static struct found_filesystem *find_over(struct mount_inventory *inventory, const char *name, char *error,
                                          size_t error_size)
{
    int fd = open(name, O_PATH | O_CLOEXEC);
    struct statx stat;
    // Not synced: a server that does not answer is none to guard anyway.
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &stat) != 0) {
        (void)refuse(error, error_size, strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    close(fd);
    const struct mount_table *table = &inventory->tables[0];
    for (size_t i = 0; i < table->count; i++)
        if (table->items[i].mount_id == stat.stx_mnt_id)
            return inventory_find(inventory, table->items[i].major, table->items[i].minor);
    (void)refuse(error, error_size, "its mount can't be seen from here");
    return NULL;
}

bool filesystem_set_add(struct filesystem_set *set, struct mount_inventory *inventory, struct bytes path, char *error,
                        size_t error_size)
{
    char name[MOUNT_POINT_BYTES], why[256] = "";
    if (path.length == 0 || path.length >= sizeof name || memchr(path.data, 0, path.length)) {
        snprintf(error, error_size, "a path of guard.filesystems is not guarded: it is empty or too long");
        return false;
    }
    memcpy(name, path.data, path.length);
    name[path.length] = 0;
    struct found_filesystem *found = find_over(inventory, name, why, sizeof why);
    if (found && found->kind == FILESYSTEM_UNKNOWN)
        found->refusal = NULL;  // who names it knows it
    if (found && add(set, found, true, why, sizeof why))
        return true;
    snprintf(error, error_size, "%s is not guarded: %s", name, why);
    return false;
}

bool filesystem_set_keep(struct filesystem_set *set, const struct filesystem *before)
{
    if (set->count == FILESYSTEMS_MAX || filesystem_set_find(set, before->device))
        return false;
    struct filesystem kept = *before;
    kept.mount_fd = kept.marking_fd = before->is_named ? fcntl(before->mount_fd, F_DUPFD_CLOEXEC, 3) : -1;
    kept.mount_point = malloc(before->mount_point_length + 1);
    kept.point = strdup(before->point);
    if ((before->is_named && kept.mount_fd < 0) || !kept.mount_point || !kept.point) {
        let_go(&kept);
        return false;
    }
    memcpy(kept.mount_point, before->mount_point, before->mount_point_length + 1);
    take(set, &kept);
    return true;
}

bool filesystem_set_follow(struct filesystem_set *set, struct mount_inventory *inventory,
                           const struct filesystem_set *before)
{
    for (size_t i = 0; i < before->count; i++) {
        const struct filesystem *old = &before->items[i];
        if (!old->is_named)
            continue;
        struct filesystem now;
        const struct found_filesystem *found = inventory_find(inventory, old->major, old->minor);
        char why[256];
        if (found && found->pid == 0 && open_found(&now, found, why, sizeof why)) {
            now.is_named = true;
            now.mount_fd = now.marking_fd;
            if (now.device == old->device) {
                take(set, &now);
                continue;
            }
            let_go(&now);
        }
        if (!filesystem_set_keep(set, old))
            return false;
    }
    return true;
}

void filesystem_set_is_marked(struct filesystem_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        struct filesystem *item = &set->items[i];
        if (item->is_named || item->marking_fd < 0)
            continue;
        close(item->marking_fd);
        item->marking_fd = -1;
    }
}

void filesystem_set_close(struct filesystem_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        let_go(&set->items[i]);
    set->count = 0;
}

static const struct filesystem *find_number(const struct filesystem_set *set, const uint64_t *numbers, uint64_t number)
{
    for (size_t i = 0; i < set->count; i++)
        if (numbers[i] == number)
            return &set->items[i];
    return NULL;
}

const struct filesystem *filesystem_set_find(const struct filesystem_set *set, uint64_t device)
{
    return find_number(set, set->devices, device);
}

const struct filesystem *filesystem_set_find_fsid(const struct filesystem_set *set, uint64_t fsid)
{
    return find_number(set, set->fsids, fsid);
}

const struct filesystem *filesystem_set_find_mounted(const struct filesystem_set *set, uint32_t major, uint32_t minor)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].major == major && set->items[i].minor == minor)
            return &set->items[i];
    return NULL;
}

int filesystem_open(const struct filesystem *filesystem)
{
    if (filesystem->mount_fd >= 0)
        return filesystem->mount_fd;
    if (!filesystem->is_foreign)
        return mount_open(AT_FDCWD, filesystem->point, filesystem->table_mount_id, false);
    int root = open((const char *)filesystem->mount_point, O_PATH | O_CLOEXEC);
    int fd = root < 0 ? -1 : mount_open(root, filesystem->point, filesystem->table_mount_id, false);
    if (root >= 0)
        close(root);
    return fd;
}

void filesystem_let_go(const struct filesystem *filesystem, int fd)
{
    if (fd >= 0 && fd != filesystem->mount_fd)
        close(fd);
}
