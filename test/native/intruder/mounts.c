// The same file through other mounts and other roots. Each is in a mount namespace of its own.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "intruder.h"

// Newer than some headers.
enum { CALL_OPEN_TREE = 428, CALL_MOVE_MOUNT = 429, CALL_MOUNT_SETATTR = 442, CLONE_TREE = 1, MOVE_EMPTY_PATH = 4 };

struct idmap_attributes {
    uint64_t set, clear, propagation, user_namespace;
};

static const char *folder_at(const struct target *target, const char *name) {
    const char *folder = join(target->work, name);
    if (mkdir(folder, 0755) != 0 && errno != EEXIST) cannot(folder);
    return folder;
}

static const char *bound(const struct target *target, const char *name) {
    const char *folder = folder_at(target, name);
    must(mount(target->folder, folder, NULL, MS_BIND, NULL), "bind mount");
    return folder;
}

static int namespace(const struct target *target) {
    own_mounts();
    return attempt(target, target->path);
}

const char *bound_folder(const struct target *target) {
    own_mounts();
    return bound(target, "bound");
}

int through_bound_folder(const struct target *target) {
    return attempt(target, join(bound_folder(target), target->name));
}

// In the namespace that the bridge is in, too.
static int bind_folder_in_sight(const struct target *target) {
    const char *folder = bound(target, "in-sight");
    int result = attempt(target, join(folder, target->name));
    must(umount2(folder, MNT_DETACH), "umount");
    return result;
}

static int bind_file(const struct target *target) {
    own_mounts();
    const char *file = join(target->work, "file");
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    must(fd, file);
    close(fd);
    must(mount(target->path, file, NULL, MS_BIND, NULL), "bind mount");
    return attempt(target, file);
}

static int move(const struct target *target) {
    own_mounts();
    const char *from = bound(target, "from"), *to = folder_at(target, "to");
    must(mount(from, to, NULL, MS_MOVE, NULL), "mount --move");
    return attempt(target, join(to, target->name));
}

static int change_root(const struct target *target) {
    must(chroot(target->folder), "chroot");
    must(chdir("/"), "chdir");
    return attempt(target, join("", target->name));
}

static int pivot(const struct target *target) {
    own_mounts();
    const char *folder = bound(target, "root");
    must(chdir(folder), "chdir");
    // The old root is put on top of the new one and taken away.
    must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "umount of the old root");
    must(chdir("/"), "chdir");
    return attempt(target, join("", target->name));
}

static int clone_tree(const struct target *target) {
    int tree = (int)syscall(CALL_OPEN_TREE, AT_FDCWD, target->folder, CLONE_TREE | O_CLOEXEC);
    must(tree, "open_tree");
    return tree;
}

static int detached(const struct target *target) {
    own_mounts();
    return attempt_at(target, clone_tree(target), target->name, 0);
}

static void wait_for_parents_end(pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) pause();  // else it has ended before
    _exit(0);
}

static int child_waits(void *parent) {
    wait_for_parents_end(*(const pid_t *)parent);
    return 0;
}

static pid_t start_waiting(int flags) {
    static char stack[65536] __attribute__((aligned(16)));
    static pid_t self;
    self = getpid();
    pid_t child = clone(child_waits, stack + sizeof stack, flags | SIGCHLD, &self);
    must(child, "clone");
    return child;
}

static void map_all(pid_t child, const char *which) {
    const char *path = text("/proc/%d/%s", child, which);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    must(fd, path);
    must(write(fd, "0 1000000 65536", 15), path);
    close(fd);
}

static int idmapped(const struct target *target) {
    own_mounts();
    pid_t child = start_waiting(CLONE_NEWUSER);
    map_all(child, "uid_map");
    map_all(child, "gid_map");
    const char *path = text("/proc/%d/ns/user", child);
    int user = open(path, O_RDONLY | O_CLOEXEC), tree = clone_tree(target);
    must(user, path);
    struct idmap_attributes attributes = {.set = 0x00100000 /* MOUNT_ATTR_IDMAP */, .user_namespace = (uint64_t)user};
    must(syscall(CALL_MOUNT_SETATTR, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes), "mount_setattr");
    const char *folder = folder_at(target, "idmapped");
    must(syscall(CALL_MOVE_MOUNT, tree, "", AT_FDCWD, folder, MOVE_EMPTY_PATH), "move_mount");
    int result = attempt(target, join(folder, target->name));
    kill(child, SIGKILL);
    return result;
}

// Another process's root, in which the file lies elsewhere.
static int root_of_other(const struct target *target) {
    int ready[2];
    must(pipe2(ready, O_CLOEXEC), "pipe");
    pid_t self = getpid(), child = fork();
    must(child, "fork");
    if (child == 0) {
        own_mounts();
        (void)bound(target, "bound");
        must(write(ready[1], "", 1), "write");
        wait_for_parents_end(self);
    }
    char byte;
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) cannot("the other process");
    int result = attempt(target, text("/proc/%d/root%s/bound/%s", child, target->work, target->name));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return result;
}

// The device once more. Of a filesystem without one there is no second mount.
static int second_mount(const struct target *target) {
    own_mounts();
    struct stat file;
    must(stat(target->path, &file), "stat");
    const char *device = join(target->work, "device"), *folder = folder_at(target, "second");
    must(mknod(device, S_IFBLK | 0600, file.st_dev), "mknod");
    must(mount(device, folder, "ext4", MS_RDONLY, NULL) == 0 ? 0 : mount(device, folder, "ext4", 0, NULL), "mount");
    unlink(device);
    return attempt(target, text("%s%s/%s", folder, strrchr(target->folder, '/'), target->name));
}

// Something else is mounted over the folder, where the bridge is, too; the intruder is in there already.
static int covered(const struct target *target) {
    int folder = open(target->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    must(folder, target->folder);
    must(mount("cover", target->folder, "tmpfs", 0, "size=4k"), "mount of the cover");
    int result = attempt_at(target, folder, target->name, 0);
    must(umount2(target->folder, MNT_DETACH), "umount of the cover");
    return result;
}

const struct way mount_ways[] = {
    {"namespace", namespace}, {"bind-folder", through_bound_folder}, {"bind-folder-in-sight", bind_folder_in_sight},
    {"bind-file", bind_file}, {"move", move}, {"chroot", change_root}, {"pivot-root", pivot}, {"detached", detached},
    {"idmapped", idmapped}, {"root-of-other", root_of_other}, {"second-mount", second_mount}, {"covered", covered},
    {NULL, NULL},
};
