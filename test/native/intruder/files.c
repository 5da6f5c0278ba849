// The file under another name, or under none. What a way changes is put back, for the next one needs the file.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "intruder.h"

static int hard_link(const struct target *target) {
    const char *other = text("%s/../another-name", target->folder);
    must(link(target->path, other), "link");
    int result = attempt(target, other);
    unlink(other);
    return result;
}

// The other name is the same one in another folder, and the folder of the first is seen through another mount.
static int hard_link_of_one_name(const struct target *target) {
    const char *folder = text("%s/../linked", target->folder), *other = join(folder, target->name);
    umask(0);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) cannot("mkdir");
    unlink(other);
    must(link(target->path, other), "link");
    int result = through_bound_folder(target);
    unlink(other);
    rmdir(folder);
    return result;
}

static int renamed(const struct target *target) {
    const char *other = text("%s/../moved-away", target->folder);
    must(rename(target->path, other), "rename");
    int result = attempt(target, other);
    must(rename(other, target->path), "rename back");
    return result;
}

// What others may open takes the denied name.
static int renamed_over(const struct target *target) {
    const char *aside = join(target->folder, "aside"), *other = join(target->folder, "newcomer");
    must(rename(target->path, aside), "rename");
    must(link(aside, other), "link");
    must(unlink(aside), "unlink");
    must(rename(other, target->path), "rename over");
    return attempt(target, target->path);
}

static int deleted(const struct target *target) {
    int fd = open(target->path, O_PATH | O_CLOEXEC);
    must(fd, "open with O_PATH");
    must(unlink(target->path), "unlink");
    return attempt(target, text("/proc/self/fd/%d", fd));
}

// A file that has no name yet gets the denied one.
static int named_late(const struct target *target) {
    int fd = open(join(target->folder, ".."), O_TMPFILE | O_RDWR | O_CLOEXEC, 0755);
    must(fd, "open with O_TMPFILE");
    must(write(fd, "#!/bin/true\n", 12), "write");
    must(unlink(target->path), "unlink");
    must(linkat(AT_FDCWD, text("/proc/self/fd/%d", fd), AT_FDCWD, target->path, AT_SYMLINK_FOLLOW), "linkat");
    close(fd);
    return attempt(target, target->path);
}

static int renamed_folder(const struct target *target) {
    int above = (int)(strrchr(target->folder, '/') - target->folder);
    const char *other = text("%.*s/moved-folder", above, target->folder);
    must(rename(target->folder, other), "rename");
    int result = attempt(target, join(other, target->name));
    must(rename(other, target->folder), "rename back");
    return result;
}

static int nameless(const struct target *target) {
    return attempt_open(target->folder, O_TMPFILE | O_RDWR);
}

// Through another mount.
static int nameless_elsewhere(const struct target *target) {
    return attempt_open(bound_folder(target), O_TMPFILE | O_RDWR);
}

// Below so many folders that no path from the root is short enough for the kernel to tell.
static int deep(const struct target *target) {
    static char name[201];
    for (size_t i = 0; i < sizeof name - 1; i++) name[i] = 'd';
    must(chdir(target->folder), "chdir");
    umask(0);
    for (int i = 0; i < 25; i++) {
        if (mkdir(name, 0777) != 0 && errno != EEXIST) cannot("mkdir");
        must(chdir(name), "chdir");
    }
    if (link(target->path, target->name) != 0 && errno != EEXIST) cannot("link");
    int result = attempt(target, target->name);
    unlink(target->name);
    return result;
}

const struct way file_ways[] = {
    {"hard-link", hard_link}, {"hard-link-of-one-name", hard_link_of_one_name}, {"renamed", renamed}, {"renamed-folder", renamed_folder},
    {"renamed-over", renamed_over}, {"deleted", deleted}, {"named-late", named_late}, {"nameless", nameless},
    {"nameless-elsewhere", nameless_elsewhere},     {"deep", deep}, {NULL, NULL},
};
