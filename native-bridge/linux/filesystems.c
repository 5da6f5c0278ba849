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

bool mount_line_parse(const char *line, struct mount_line *mount)
{
    // 36 35 98:0 /root /mount/point options …
    int at = 0;
    memset(mount, 0, offsetof(struct mount_line, mount_point));
    if (sscanf(line, "%u %*u %u:%u %n", &mount->mount_id, &mount->major, &mount->minor, &at) != 3 || at == 0)
        return false;
    const char *root = line + at;
    const char *point = strchr(root, ' ');
    if (!point)
        return false;
    mount->is_whole = point - root == 1 && root[0] == '/';
    for (point++; *point && *point != ' ' && *point != '\n'; point++) {
        unsigned char byte = (unsigned char)*point;
        if (byte == '\\' && point[1] >= '0' && point[1] <= '3' && point[2] >= '0' && point[2] <= '7' &&
            point[3] >= '0' && point[3] <= '7') {
            byte = (unsigned char)((point[1] - '0') << 6 | (point[2] - '0') << 3 | (point[3] - '0'));
            point += 3;
        }
        if (mount->mount_point_length + 1 >= sizeof mount->mount_point)
            return false;
        mount->mount_point[mount->mount_point_length++] = byte;
    }
    mount->mount_point[mount->mount_point_length] = 0;
    return mount->mount_point_length > 0;
}

uint64_t mount_id_of(const struct statx *stat)
{
    return stat->stx_mask & (STATX_UNIQUE_MOUNT_ID | STATX_MNT_ID) ? stat->stx_mnt_id : 0;
}

// Opens a mount point if what lies there is that very mount and no other one covers it.
static int open_mount(const struct mount_line *mount)
{
    int fd = open((const char *)mount->mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    struct statx stat;
    if (fd >= 0 && (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stat) != 0 || stat.stx_mnt_id != mount->mount_id)) {
        close(fd);
        return -1;
    }
    return fd;
}

// How mountinfo calls the filesystem that a mount shows.
static bool find_mount(uint32_t mount_id, uint32_t *major_number, uint32_t *minor_number)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file)
        return false;
    struct mount_line mount;
    char *line = NULL;
    size_t capacity = 0;
    bool found = false;
    while (!found && getline(&line, &capacity, file) > 0)
        found = mount_line_parse(line, &mount) && mount.mount_id == mount_id;
    free(line);
    fclose(file);
    if (found) {
        *major_number = mount.major;
        *minor_number = mount.minor;
    }
    return found;
}

// The canonical mount of a filesystem: of the whole of it if there is one, then the shortest mount point. -1: none can
// be opened.
static int open_canonical_mount(uint32_t major_number, uint32_t minor_number)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file)
        return -1;
    struct mount_line mount, best = {0};
    char *line = NULL;
    size_t capacity = 0;
    int fd = -1;
    while (getline(&line, &capacity, file) > 0) {
        if (!mount_line_parse(line, &mount) || mount.major != major_number || mount.minor != minor_number)
            continue;
        if (fd >= 0 && (mount.is_whole < best.is_whole || (mount.is_whole == best.is_whole &&
                        mount.mount_point_length >= best.mount_point_length)))
            continue;
        int opened = open_mount(&mount);
        if (opened < 0)
            continue;
        if (fd >= 0)
            close(fd);
        fd = opened;
        best = mount;
    }
    free(line);
    fclose(file);
    return fd;
}

static bool describe(struct filesystem *filesystem, int fd)
{
    struct statx stat;
    struct statfs fs;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, (char *)filesystem->mount_point, sizeof filesystem->mount_point);
    if (length <= 0 || (size_t)length == sizeof filesystem->mount_point || fstatfs(fd, &fs) != 0 ||
        statx(fd, "", AT_EMPTY_PATH, STATX_OF_EVENTS, &stat) != 0)
        return false;
    filesystem->mount_fd = fd;
    filesystem->mount_point_length = (size_t)length;
    filesystem->device = makedev(stat.stx_dev_major, stat.stx_dev_minor);
    filesystem->mount_id = mount_id_of(&stat);
    filesystem->reads_never_block = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
    memcpy(&filesystem->fsid, &fs.f_fsid, sizeof filesystem->fsid);
    return true;
}

// The kernel opens a file again for whoever watches it. Where a process or another machine answers that, one that does
// not would hold up the thread that reads the questions of all filesystems.
static bool is_served_by_others(const struct statfs *fs)
{
    static const uint32_t magics[] = {
        0x65735546 /* FUSE, virtiofs */, 0x6969 /* NFS */,     0x517b /* SMB */,        0xff534d42 /* CIFS */,
        0xfe534d42 /* SMB2 */,           0x01021997 /* 9p */,  0x00c36400 /* Ceph */,   0x5346414f /* AFS */,
        0x6b414653 /* kAFS */,           0x73757245 /* Coda */,
    };
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if ((uint32_t)fs->f_type == magics[i])
            return true;
    return false;
}

static bool refuse(char *error, size_t error_size, const char *path, const char *why)
{
    snprintf(error, error_size, "%s is not guarded: %s", path, why);
    return false;
}

bool filesystem_set_add(struct filesystem_set *set, struct bytes path, char *error, size_t error_size)
{
    char name[MOUNT_POINT_BYTES];
    if (path.length == 0 || path.length >= sizeof name || memchr(path.data, 0, path.length))
        return refuse(error, error_size, "a path of guard.filesystems", "it is empty or too long");
    memcpy(name, path.data, path.length);
    name[path.length] = 0;

    int found = open(name, O_PATH | O_CLOEXEC);
    if (found < 0)
        return refuse(error, error_size, name, strerror(errno));
    struct statx stat;
    struct statfs fs;
    bool known = statx(found, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &stat) == 0 &&
                 fstatfs(found, &fs) == 0;
    int error_number = errno;
    close(found);
    if (!known)
        return refuse(error, error_size, name, strerror(error_number));
    // The bridge itself reads these to learn who asks: it would wait for its own answer.
    if (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC)
        return refuse(error, error_size, name, "it lies on a filesystem of the kernel's own (proc or sysfs)");
    if (is_served_by_others(&fs))
        return refuse(error, error_size, name, "its files are opened by another process or machine (FUSE, NFS, …), "
                      "which could hold up every question by not answering");
    if (filesystem_set_find(set, makedev(stat.stx_dev_major, stat.stx_dev_minor)))
        return true;
    if (set->count == FILESYSTEMS_MAX)
        return refuse(error, error_size, name, "more than 64 filesystems are listed");

    uint32_t major_number = 0, minor_number = 0;
    int fd = find_mount((uint32_t)stat.stx_mnt_id, &major_number, &minor_number)
                 ? open_canonical_mount(major_number, minor_number)
                 : -1;
    if (fd < 0)
        return refuse(error, error_size, name, "no mount point of its filesystem can be opened as a folder");
    if (!describe(&set->items[set->count], fd)) {
        close(fd);
        return refuse(error, error_size, name, "its mount point can't be examined");
    }
    if (filesystem_set_find(set, set->items[set->count].device)) {
        close(fd);
        return true;
    }
    set->items[set->count].major = major_number;
    set->items[set->count].minor = minor_number;
    set->count++;
    return true;
}

bool filesystem_set_follow(struct filesystem_set *set, const struct filesystem_set *before)
{
    set->count = 0;
    for (size_t i = 0; i < before->count; i++) {
        const struct filesystem *old = &before->items[i];
        struct filesystem *now = &set->items[i];
        int fd = open_canonical_mount(old->major, old->minor);
        if (fd >= 0 && (!describe(now, fd) || now->device != old->device)) {
            close(fd);
            fd = -1;
        }
        if (fd < 0) {
            *now = *old;
            now->mount_fd = fcntl(old->mount_fd, F_DUPFD_CLOEXEC, 3);
            if (now->mount_fd < 0) {
                filesystem_set_close(set);
                return false;
            }
        }
        now->major = old->major;
        now->minor = old->minor;
        set->count++;
    }
    return true;
}

void filesystem_set_close(struct filesystem_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        close(set->items[i].mount_fd);
    set->count = 0;
}

const struct filesystem *filesystem_set_find(const struct filesystem_set *set, uint64_t device)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].device == device)
            return &set->items[i];
    return NULL;
}

const struct filesystem *filesystem_set_find_fsid(const struct filesystem_set *set, uint64_t fsid)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].fsid == fsid)
            return &set->items[i];
    return NULL;
}
