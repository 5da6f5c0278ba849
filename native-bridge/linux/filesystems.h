// The filesystems that a policy guards, and one canonical mount of each: a file is named by its path there, whatever
// bind mount, chroot or mount namespace it was opened through.
//
// Ownership: a set owns its descriptors. Threading: immutable once built; any thread may read it.
#ifndef PICKET_LINUX_FILESYSTEMS_H
#define PICKET_LINUX_FILESYSTEMS_H

#include <sys/stat.h>

#include "core/backend.h"

enum { FILESYSTEMS_MAX = 64, MOUNT_POINT_BYTES = 4096 };

struct filesystem {
    uint64_t device;            // st_dev
    uint64_t fsid;              // as fanotify reports it
    uint32_t major, minor;      // as mountinfo calls its mounts; not always those of `device` (btrfs)
    int mount_fd;               // a directory on the canonical mount, opened for reading: marks and handles need it
    uint64_t mount_id;          // STATX_MNT_ID_UNIQUE where the kernel has it
    bool reads_never_block;     // tmpfs: its content is in memory
    size_t mount_point_length;
    uint8_t mount_point[MOUNT_POINT_BYTES];
};

struct filesystem_set {
    size_t count;
    struct filesystem items[FILESYSTEMS_MAX];
};

// One line of /proc/self/mountinfo.
struct mount_line {
    uint32_t mount_id;
    uint32_t major, minor;
    bool is_whole;              // the filesystem's root is mounted, not a folder of it
    size_t mount_point_length;
    uint8_t mount_point[MOUNT_POINT_BYTES];
};

// Parses a line (pure); octal escapes of the mount point are undone.
bool mount_line_parse(const char *line, struct mount_line *mount);

// Adds the filesystem that holds `path`; a second path on the same one changes nothing. False with a sentence in
// `error`: it can't be guarded. May block on the filesystem: never on the reader's thread.
bool filesystem_set_add(struct filesystem_set *set, struct bytes path, char *error, size_t error_size);

// Fills `set` with the very filesystems of `before`, each by the canonical mount that is there now; one that has none
// left is kept by the descriptor it had. No other filesystem is ever added: where a mount has gone, its path means the
// filesystem below, which nobody asked to guard. False: no descriptor left.
bool filesystem_set_follow(struct filesystem_set *set, const struct filesystem_set *before);

void filesystem_set_close(struct filesystem_set *set);

const struct filesystem *filesystem_set_find(const struct filesystem_set *set, uint64_t device);
const struct filesystem *filesystem_set_find_fsid(const struct filesystem_set *set, uint64_t fsid);

// The mount's id by statx; 0: not known.
uint64_t mount_id_of(const struct statx *stat);

// The mask for statx() by which mount_id_of() works, with all that events tell of a file.
enum { STATX_UNIQUE_MOUNT_ID = 0x4000, STATX_OF_EVENTS = STATX_BASIC_STATS | STATX_UNIQUE_MOUNT_ID };

#endif
