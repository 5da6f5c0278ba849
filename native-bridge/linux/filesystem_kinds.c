#include "filesystem_kinds.h"

#include <stddef.h>
#include <string.h>

static bool is_one_of(const char *type, const char *const *names)
{
    for (size_t i = 0; names[i]; i++)
        if (strcmp(type, names[i]) == 0)
            return true;
    return false;
}

// Cluster filesystems lie on a block device and yet wait for other machines' locks.
static const char *const served[] = {
    "fuse", "fuseblk", "virtiofs", "nfs",  "nfs4",  "cifs",   "smb3", "smbfs", "9p",    "ceph", "afs",    "coda",
    "ncpfs", "lustre", "orangefs", "gfs2", "ocfs2", "beegfs", "vboxsf", "vmhgfs", "prl_fs", NULL,
};
static const char *const stacked[] = {"overlay", "aufs", "ecryptfs", "shiftfs", NULL};
// btrfs, bcachefs and zfs have devices below that mountinfo does not show.
static const char *const local_without_device[] = {"tmpfs", "ramfs", "rootfs", "btrfs", "bcachefs", "zfs", NULL};
// devtmpfs: to watch an open of a device, the kernel opens the device once more, which may do something.
static const char *const of_the_kernel[] = {
    "proc",     "sysfs",     "cgroup",  "cgroup2", "cpuset",  "devtmpfs",  "devpts",     "debugfs", "tracefs",
    "securityfs", "selinuxfs", "smackfs", "apparmorfs", "bpf", "pstore",    "efivarfs",   "configfs", "fusectl",
    "autofs",   "mqueue",    "hugetlbfs", "nsfs",  "pipefs",  "sockfs",    "binfmt_misc", "rpc_pipefs", "nfsd",
    "functionfs", "resctrl", NULL,
};

enum filesystem_kind filesystem_kind_of(const char *type, uint32_t major)
{
    if (strncmp(type, "fuse.", 5) == 0 || strncmp(type, "fuseblk.", 8) == 0 || is_one_of(type, served))
        return FILESYSTEM_SERVED;
    if (is_one_of(type, stacked))
        return FILESYSTEM_STACKED;
    if (is_one_of(type, of_the_kernel))
        return FILESYSTEM_KERNEL;
    if (major != 0 || is_one_of(type, local_without_device))
        return FILESYSTEM_LOCAL;
    return FILESYSTEM_UNKNOWN;
}

const char *filesystem_kind_refusal(enum filesystem_kind kind)
{
    switch (kind) {
    case FILESYSTEM_SERVED:
        return "its files are opened by another process or machine (FUSE, NFS, …), which could hold up every question "
               "by not answering";
    case FILESYSTEM_KERNEL:
        return "it is one of the kernel's own, which the bridge itself reads";
    case FILESYSTEM_UNKNOWN:
        return "its type is not known to be local";
    case FILESYSTEM_LOCAL:
    case FILESYSTEM_STACKED:
        return NULL;
    }
    return NULL;
}
