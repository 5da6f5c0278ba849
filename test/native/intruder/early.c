// A process that was there before anything was denied. It says "ready" and goes on when its standard input ends.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "intruder.h"

static void wait_until_told(void) {
    char byte;
    must(write(1, "ready\n", 6), "write");
    while (read(0, &byte, 1) > 0) {
    }
}

static int folder_held(const struct target *target) {
    int folder = open(target->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(folder, target->folder);
    wait_until_told();
    return attempt_at(target, folder, target->name, 0);
}

static int working_folder(const struct target *target) {
    must(chdir(target->folder), "chdir");
    wait_until_told();
    return attempt(target, target->name);
}

static int file_held(const struct target *target) {
    int fd = open(target->path, O_RDONLY | O_CLOEXEC), copy = memfd_create("copy", MFD_CLOEXEC);
    must(fd, target->path);
    must(copy, "memfd_create");
    wait_until_told();
    char byte;
    if (read(fd, &byte, 1) != 1 || sendfile(copy, fd, NULL, 1) != 1) return errno;
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) != MAP_FAILED ? 0 : errno;
}

// In a mount namespace that keeps what is unmounted elsewhere.
static int namespace_held(const struct target *target) {
    own_mounts();
    wait_until_told();
    return attempt(target, target->path);
}

// The file that runs is open, too: /proc leads back to it.
static int held_and_opened_again(const struct target *target) {
    int fd = open(target->path, O_RDONLY | O_CLOEXEC);
    must(fd, target->path);
    wait_until_told();
    return attempt(target, text("/proc/self/fd/%d", fd));
}

const struct way early_ways[] = {
    {"folder-held", folder_held}, {"working-folder", working_folder}, {"file-held", file_held},
    {"namespace-held", namespace_held}, {"held-and-opened-again", held_and_opened_again}, {NULL, NULL},
};
