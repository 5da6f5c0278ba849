#include "account.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc_files.h"

// The first uid that can be a subordinate one: those of a system's own users and of its people fit 16 bits.
enum { SUBORDINATE_LEAST = 65536, NESTED_MAX = 32 };

// From Linux 6.11: a process's user namespace by its pidfd, without /proc.
#ifndef PIDFD_GET_USER_NAMESPACE
#define PIDFD_GET_USER_NAMESPACE _IO(0xFF, 9)
#endif

// From Linux 6.13: struct pidfd_info, as it was then.
struct process_users {
    uint64_t mask, cgroup;
    uint32_t pid, thread_group, parent, real, real_group, effective, others[6];
};
_Static_assert(sizeof(struct process_users) == 64, "the kernel's layout");
#define PIDFD_GET_USERS _IOWR(0xFF, 11, struct process_users)
enum { USERS_WANTED = 1 << 1 };

static const uint64_t NAMESPACE_ACCOUNT = (uint64_t)1 << 32;

static struct {
    bool known;
    dev_t device;
    ino_t inode;
} own;

void account_init(void)
{
    struct stat status;
    own.known = stat("/proc/self/ns/user", &status) == 0;
    if (!own.known)
        return;
    own.device = status.st_dev;
    own.inode = status.st_ino;
}

uint32_t account_user(uint32_t real_uid, uint32_t uid)
{
    return real_uid != 0 ? real_uid : uid;
}

static int open_namespace(uint32_t pid, int pidfd)
{
    char path[64];
    int namespace = pidfd >= 0 ? ioctl(pidfd, PIDFD_GET_USER_NAMESPACE, 0) : -1;
    if (namespace >= 0)
        return namespace;
    snprintf(path, sizeof path, "/proc/%u/ns/user", pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

// The outermost one below the bridge's own, in which the process lives; -1: it lives in the bridge's own. Takes the
// descriptor.
static int outermost(int namespace, struct stat *status)
{
    for (int depth = 0; depth < NESTED_MAX; depth++) {
        if (fstat(namespace, status) != 0 || (status->st_dev == own.device && status->st_ino == own.inode))
            break;
        int parent = ioctl(namespace, NS_GET_PARENT);
        struct stat above;
        // No parent to be seen: the bridge itself lives in a namespace, and the process somewhere beside it.
        if (parent < 0)
            return namespace;
        if (fstat(parent, &above) == 0 && above.st_dev == own.device && above.st_ino == own.inode) {
            close(parent);
            return namespace;
        }
        close(namespace);
        namespace = parent;
    }
    close(namespace);
    return -1;
}

uint64_t account_of(uint32_t pid, int pidfd, uint32_t user)
{
    if (user < SUBORDINATE_LEAST || user == UINT32_MAX || !own.known)
        return user;
    struct stat status;
    int namespace = open_namespace(pid, pidfd);
    if (namespace >= 0)
        namespace = outermost(namespace, &status);
    if (namespace < 0)
        return user;
    uid_t owner = 0;
    bool has_owner = ioctl(namespace, NS_GET_OWNER_UID, &owner) == 0 && owner != 0;
    close(namespace);
    return has_owner ? owner : NAMESPACE_ACCOUNT | (status.st_ino & UINT32_MAX);
}

// Its folder in /proc belongs to the effective user, which of a set-uid program says nothing.
static uint32_t user_by_folder(uint32_t pid)
{
    char path[32];
    struct stat status;
    struct process_reading reading;
    snprintf(path, sizeof path, "/proc/%u", pid);
    if (stat(path, &status) != 0)
        return UINT32_MAX;
    if (status.st_uid != 0)
        return status.st_uid;
    return proc_read_child(pid, &reading) && reading.user_known ? account_user(reading.real_uid, reading.uid) : UINT32_MAX;
}

uint64_t account_glance(uint32_t pid, int pidfd)
{
    struct process_users users = {.mask = USERS_WANTED};
    bool is_known = pidfd >= 0 && ioctl(pidfd, PIDFD_GET_USERS, &users) == 0 && (users.mask & USERS_WANTED) != 0;
    return account_of(pid, pidfd, is_known ? account_user(users.real, users.effective) : user_by_folder(pid));
}
