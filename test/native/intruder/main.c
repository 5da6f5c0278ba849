// Tries one way around a rule that denies a file, and says what came of it.
//
//   intruder [--user-namespace] [--as UID] WAY open|run FILE WORK
//
// Exit code: 0 where FILE was opened (or run), else the errno of that attempt; 200 with a sentence where the way itself
// could not be gone; 201 for wrong usage.
#define _GNU_SOURCE
#include "intruder.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 50 };

void cannot(const char *what) {
    fprintf(stderr, "intruder: %s: %s\n", what, strerror(errno));
    exit(EXIT_CANNOT);
}

void must(long result, const char *what) {
    if (result < 0) cannot(what);
}

const char *text(const char *format, ...) {
    static char texts[4][PATH_ROOM];
    static unsigned turn;
    char *out = texts[turn++ % 4];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(out, PATH_ROOM, format, arguments);
    va_end(arguments);
    errno = ENAMETOOLONG;
    if (length < 0 || length >= PATH_ROOM) cannot("a text");
    return out;
}

const char *join(const char *folder, const char *name) {
    return text("%s/%s", folder, name);
}

int attempt_open(const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC, 0644);
    if (fd < 0) return errno;
    close(fd);
    return 0;
}

int attempt_got(const struct target *target, int fd) {
    (void)target;
    if (fd < 0) return errno;
    char byte;
    if (read(fd, &byte, 1) < 0 && errno != EBADF) return errno;
    close(fd);
    return 0;
}

int attempt_at(const struct target *target, int folder, const char *name, int execveat_flags) {
    if (!target->run) return attempt_got(target, openat(folder, name, O_RDONLY | O_CLOEXEC));
    char *const arguments[] = {(char *)"program", NULL}, *const environment[] = {NULL};
    volatile int failure = 0;
    pid_t child = vfork();
    if (child < 0) cannot("vfork");
    if (child == 0) {
        syscall(SYS_execveat, folder, name, arguments, environment, execveat_flags);
        failure = errno;
        _exit(127);
    }
    int status;
    must(waitpid(child, &status, 0), "waitpid");
    if (failure != 0) return failure;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        errno = ENOEXEC;
        cannot("the program did not run to its end");
    }
    return 0;
}

int attempt(const struct target *target, const char *path) {
    return attempt_at(target, AT_FDCWD, path, 0);
}

void own_mounts(void) {
    must(unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)");
    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make / private");
}

static void write_text(const char *path, const char *content) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    must(fd, path);
    must(write(fd, content, strlen(content)), path);
    close(fd);
}

void own_user(void) {
    unsigned user = geteuid(), group = getegid();
    must(unshare(CLONE_NEWUSER), "unshare(CLONE_NEWUSER)");
    write_text("/proc/self/setgroups", "deny");
    write_text("/proc/self/uid_map", text("0 %u 1", user));
    write_text("/proc/self/gid_map", text("0 %u 1", group));
}

static const struct way *find(const char *name) {
    const struct way *const families[] = {open_ways, mount_ways, file_ways, program_ways,
                                          early_ways, served_ways};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (const struct way *way = families[i]; way->name != NULL; way++)
            if (strcmp(way->name, name) == 0) return way;
    return NULL;
}

int main(int argc, char **argv) {
    alarm(SECONDS);
    bool user_namespace = false;
    long user = -1;
    int at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--user-namespace") == 0) user_namespace = true;
        else if (strcmp(argv[at], "--as") == 0 && at + 1 < argc) user = atol(argv[++at]);
        else return EXIT_USAGE;
    }
    const struct way *way = argc - at == 4 ? find(argv[at]) : NULL;
    if (way == NULL || (strcmp(argv[at + 1], "open") != 0 && strcmp(argv[at + 1], "run") != 0)) {
        fprintf(stderr, "usage: intruder [--user-namespace] [--as UID] WAY open|run FILE WORK\n");
        return EXIT_USAGE;
    }
    if (user >= 0) {
        must(setgroups(0, NULL), "setgroups");
        must(setresgid((gid_t)user, (gid_t)user, (gid_t)user), "setresgid");
        must(setresuid((uid_t)user, (uid_t)user, (uid_t)user), "setresuid");
        // As after an execve: who has changed his user does not own his /proc/self otherwise.
        must(prctl(PR_SET_DUMPABLE, 1), "prctl");
    }
    if (user_namespace) own_user();
    char folder[PATH_ROOM], name[PATH_ROOM];
    snprintf(folder, sizeof folder, "%s", argv[at + 2]);
    snprintf(name, sizeof name, "%s", argv[at + 2]);
    const struct target target = {strcmp(argv[at + 1], "run") == 0, argv[at + 2], dirname(folder), basename(name),
                                  argv[at + 3]};
    return way->go(&target);
}
