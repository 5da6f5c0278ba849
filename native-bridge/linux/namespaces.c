#include "namespaces.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc_files.h"

// 0: the process is gone, or is one of the kernel's threads.
static uint64_t namespace_of(const char *process, const char *kind)
{
    char path[48], text[48];
    snprintf(path, sizeof path, "/proc/%s/ns/%s", process, kind);
    ssize_t length = readlink(path, text, sizeof text - 1);  // mnt:[4026531841]
    if (length <= 0)
        return 0;
    text[length] = 0;
    const char *number = strchr(text, '[');
    return number ? strtoull(number + 1, NULL, 10) : 0;
}

static uint64_t mount_namespace_of(uint32_t pid)
{
    char process[16];
    snprintf(process, sizeof process, "%u", pid);
    return namespace_of(process, "mnt");
}

bool namespaces_open(struct namespaces *namespaces)
{
    memset(namespaces, 0, sizeof *namespaces);
    namespaces->own = namespace_of("self", "mnt");
    namespaces->own_user = namespace_of("self", "user");
    return namespaces->own != 0;
}

static void let_go(struct mount_namespace *item)
{
    if (item->pidfd >= 0)
        close(item->pidfd);
    if (item->mountinfo >= 0)
        close(item->mountinfo);
}

void namespaces_close(struct namespaces *namespaces)
{
    for (size_t i = 0; i < namespaces->count; i++)
        let_go(&namespaces->items[i]);
    namespaces->count = 0;
}

bool namespaces_is_other(uint64_t own, uint32_t pid)
{
    uint64_t inode = own == 0 ? 0 : mount_namespace_of(pid);
    return inode != 0 && inode != own;
}

// Whose the namespace is decides who may mount in it. Not known: anybody's.
static bool is_of_user(uint32_t pid, uint64_t own_user)
{
    char path[32];
    struct stat owner;
    snprintf(path, sizeof path, "/proc/%u/ns/mnt", pid);
    int mounts = open(path, O_RDONLY | O_CLOEXEC);
    int user = mounts >= 0 ? ioctl(mounts, NS_GET_USERNS) : -1;
    bool is_own = user >= 0 && fstat(user, &owner) == 0 && owner.st_ino == own_user;
    if (user >= 0)
        close(user);
    if (mounts >= 0)
        close(mounts);
    return !is_own;
}

static uint32_t parent_of(uint32_t pid)
{
    struct process_reading reading;
    static uint8_t path[PROCESS_PATH_BYTES];  // of the mount watcher alone
    return proc_read(pid, -1, &reading, path) ? reading.parent_pid : 0;
}

// Who began the namespace stays longest, as a rule: the highest ancestor in it.
static uint32_t eldest_in(uint64_t inode, uint32_t pid)
{
    enum { GENERATIONS = 16 };
    uint32_t eldest = pid;
    for (int i = 0; i < GENERATIONS; i++) {
        uint32_t parent = parent_of(eldest);
        if (parent == 0 || mount_namespace_of(parent) != inode)
            break;
        eldest = parent;
    }
    return eldest;
}

bool namespaces_look_at(struct namespaces *namespaces, uint32_t pid)
{
    uint64_t inode = mount_namespace_of(pid);
    if (inode == 0 || inode == namespaces->own)
        return false;
    for (size_t i = 0; i < namespaces->count; i++)
        if (namespaces->items[i].inode == inode)
            return false;
    if (namespaces->count == NAMESPACES_MAX) {
        bool is_first = !namespaces->is_cut;
        namespaces->is_cut = true;
        return is_first;
    }
    pid = eldest_in(inode, pid);
    struct mount_namespace item = {.inode = inode, .pid = pid, .mountinfo = -1};
    char path[32];
    snprintf(path, sizeof path, "/proc/%u/mountinfo", pid);
    item.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    item.mountinfo = item.pidfd >= 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    item.is_of_user = is_of_user(pid, namespaces->own_user);
    // Only if the pid was this process's all the while, and in this namespace, do the descriptors belong together.
    if (item.mountinfo < 0 || mount_namespace_of(pid) != inode || !pidfd_is_alive(item.pidfd)) {
        let_go(&item);
        return false;
    }
    namespaces->items[namespaces->count++] = item;
    return true;
}

bool namespaces_look_at_all(struct namespaces *namespaces)
{
    bool found = false;
    DIR *directory = opendir("/proc");
    if (!directory)
        return false;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            found = namespaces_look_at(namespaces, (uint32_t)strtoul(entry->d_name, NULL, 10)) || found;
    closedir(directory);
    return found;
}

bool namespaces_drop_ended(struct namespaces *namespaces)
{
    size_t kept = 0, count = namespaces->count;
    for (size_t i = 0; i < count; i++) {
        struct mount_namespace item = namespaces->items[i];
        // A zombie's namespaces can't be read any more either.
        if (mount_namespace_of(item.pid) == item.inode && pidfd_is_alive(item.pidfd))
            namespaces->items[kept++] = item;
        else
            let_go(&item);
    }
    namespaces->count = kept;
    if (kept < count)
        namespaces->is_cut = false;
    return kept < count;
}
