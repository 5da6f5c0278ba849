// The filesystems that a policy guards, and one canonical mount of each: a file is named by its path there, whatever
// bind mount, chroot or mount namespace it was opened through.
//
// Ownership: a set owns its descriptors and paths. Threading: immutable once built and marked; any thread may read it.
#ifndef PICKET_LINUX_FILESYSTEMS_H
#define PICKET_LINUX_FILESYSTEMS_H

#include <sys/stat.h>

#include "core/backend.h"
#include "mount_inventory.h"

enum { FILESYSTEMS_MAX = 256 };

struct filesystem {
    uint64_t device;            // st_dev
    uint64_t fsid;              // as fanotify reports it
    uint32_t major, minor;      // as mountinfo calls its mounts; not always those of `device` (btrfs)
    bool is_named;              // by the policy; else it is guarded for what it is, and must not be kept busy
    bool is_stacked;            // on other filesystems: its questions come by a group of their own
    bool is_foreign;            // only another mount namespace shows it
    uint64_t asked_mask;        // of the questions, those that a rule could answer with a denial (asked_reach.h)
    bool is_refused;            // the kernel does not let it be marked for questions: for whoever applies a policy alone
    bool is_hashed;             // its files' content may be hashed: of a kind whose leases keep everybody from changing it
    bool reads_never_block;     // tmpfs: its content is in memory
    int mount_fd;               // a directory on the canonical mount, opened for reading; -1: filesystem_open() does
    int marking_fd;             // the same, or open until the marks are there
    uint32_t table_mount_id;    // as mountinfo calls the canonical mount
    uint32_t pid;               // of a foreign one: a process of the namespace that shows it
    char *point;                // the mount point as its namespace calls it
    uint64_t mount_id;          // STATX_MNT_ID_UNIQUE where the kernel has it
    int64_t missing_us;         // since when no mount of it is to be seen; 0: one is
    size_t mount_point_length;
    uint8_t *mount_point;       // ended by a zero byte; of a foreign one the way there, /proc/PID/root
};

struct filesystem_set {
    size_t count;
    uint64_t devices[FILESYSTEMS_MAX], fsids[FILESYSTEMS_MAX];  // of the items: searched for each question
    struct filesystem items[FILESYSTEMS_MAX];
};

// Adds the filesystem that holds `path`; a second path on the same one changes nothing. False with a sentence in
// `error`: it can't be guarded. May block on the filesystem: never on the reader's thread.
bool filesystem_set_add(struct filesystem_set *set, struct mount_inventory *inventory, struct bytes path, char *error,
                        size_t error_size);

// Adds a filesystem that was found mounted; it keeps no descriptor for long. False with the reason in `error`.
bool filesystem_set_add_found(struct filesystem_set *set, const struct found_filesystem *found, char *error,
                              size_t error_size);

// Adds a filesystem as it was before: by the descriptor that it had, if it had one.
bool filesystem_set_keep(struct filesystem_set *set, const struct filesystem *before);

// Adds the very filesystems that `before` was given by name, each by the canonical mount that is there now; one that has
// none left is kept by the descriptor it had. No other filesystem is ever added: where a mount has gone, its path means
// the filesystem below, which nobody asked to guard. False: no descriptor left.
bool filesystem_set_follow(struct filesystem_set *set, struct mount_inventory *inventory,
                           const struct filesystem_set *before);

// The marks are there: what was open for them alone is closed.
void filesystem_set_is_marked(struct filesystem_set *set);
void filesystem_set_close(struct filesystem_set *set);

const struct filesystem *filesystem_set_find(const struct filesystem_set *set, uint64_t device);
const struct filesystem *filesystem_set_find_fsid(const struct filesystem_set *set, uint64_t fsid);
const struct filesystem *filesystem_set_find_mounted(const struct filesystem_set *set, uint32_t major, uint32_t minor);

// A directory on the canonical mount for handles, to be given back with filesystem_let_go(). -1: none now. Never waits.
int filesystem_open(const struct filesystem *filesystem);
void filesystem_let_go(const struct filesystem *filesystem, int fd);

// May leases on its files be held? Not where they would keep a filesystem busy that is to be unmounted: what nobody named
// may be a stick. Nor through another mount than the canonical one.
bool filesystem_takes_leases(const struct filesystem *filesystem, const struct statx *file);

// The mount's id by statx; 0: not known.
uint64_t mount_id_of(const struct statx *stat);

// The mask for statx() by which mount_id_of() works, with all that events tell of a file.
enum {
    STATX_UNIQUE_MOUNT_ID = 0x4000,
    STATX_OF_EVENTS = STATX_BASIC_STATS | STATX_BTIME | STATX_UNIQUE_MOUNT_ID,
};

#endif
