// The children of the backend's test: the test program again, with an order as its first argument.
#ifndef PICKET_TEST_LINUX_CHILDREN_H
#define PICKET_TEST_LINUX_CHILDREN_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/backends.h"

extern char **environ;

static const char *path_in(const char *folder, const char *name)
{
    static char paths[8][512];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, 512, "%s/%s", folder, name);
    return path;
}

// Its exit code is for _exit: a sanitizer's search for leaks takes longer than all that a child does.
static int child(int argc, char **argv)
{
    alarm(200);
    const char *order = argv[1];
    if (argc > 2 && strcmp(order, "--open") == 0)
        return open(argv[2], O_RDONLY) >= 0 ? 0 : errno;
    if (argc > 2 && strcmp(order, "--open-in-namespace") == 0) {
        // A bind mount in a mount namespace of its own, where no mark on a mount would reach.
        if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
            mount(argv[2], argv[3], NULL, MS_BIND, NULL))
            return 200;
        return open(path_in(argv[3], argv[4]), O_RDONLY) >= 0 ? 0 : errno;
    }
    if (argc > 2 && strcmp(order, "--open-deleted") == 0) {
        int fd = open(argv[2], O_RDONLY);
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        return fd < 0 || unlink(argv[2]) ? 200 : open(link, O_RDONLY) >= 0 ? 0 : errno;
    }
    if (argc > 3 && strcmp(order, "--as-user") == 0) {
        if (chdir("/") || setgid(65534) || setuid((uid_t)atoi(argv[2])))
            return 200;
        return open(argv[3], O_RDONLY) >= 0 ? 0 : errno;
    }
    if (argc > 2 && strcmp(order, "--open-when-told") == 0) {
        char byte;
        (void)!read(0, &byte, 1);
        return open(argv[2], O_RDONLY) >= 0 ? 0 : errno;
    }
    if (strcmp(order, "--start-unprivileged") == 0) {
        char error[256] = "";
        struct backend *started = linux_backend();
        if (setgid(65534) || setuid(65534) || started->start(started->state, NULL, error, sizeof error) == 0)
            return 200;
        started->stop(started->state);
        return strstr(error, "CAP_SYS_ADMIN") && strstr(error, "as root") ? 0 : 202;
    }
    if (strcmp(order, "--wait") == 0)
        pause();
    if (strcmp(order, "--exit") == 0)
        return argc > 2 ? atoi(argv[2]) : 0;
    return 201;
}

// vfork-like, so that no copy of this process ever holds the permission group.
static pid_t start_child(const char *const arguments[])
{
    pid_t pid = -1;
    int failure = posix_spawn(&pid, arguments[0], NULL, NULL, (char *const *)(uintptr_t)arguments, environ);
    errno = failure;
    return failure ? -1 : pid;
}

static int wait_child(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(const char *const arguments[])
{
    pid_t pid = start_child(arguments);
    return pid < 0 ? -errno : wait_child(pid);
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

#endif
