// The file as part of another program's start, and the kernel's own opens.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "intruder.h"

static void write_file(const char *path, const char *content) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    must(fd, path);
    must(write(fd, content, strlen(content)), path);
    close(fd);
}

static int interpreter(const struct target *target) {
    const char *script = join(target->work, "script");
    write_file(script, text("#!%s\n", target->path));
    return attempt(target, script);
}

// 126, 127: what a shell says of a file that it may not read.
static int run_by(const char *program, const char *path) {
    pid_t child = fork();
    must(child, "fork");
    if (child == 0) {
        int none = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(none, 2);
        execl(program, program, path, (char *)NULL);
        _exit(99);
    }
    int status;
    must(waitpid(child, &status, 0), "waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 99) cannot(program);
    return EPERM;
}

static int by_shell(const struct target *target) {
    return run_by("/bin/sh", target->path);
}

static int by_loader(const struct target *target) {
    return run_by("/lib64/ld-linux-x86-64.so.2", target->path);
}

static void copy(int in, int out) {
    char buffer[65536];
    for (ssize_t length; (length = read(in, buffer, sizeof buffer)) > 0;) must(write(out, buffer, (size_t)length), "write");
    close(in);
}

static int copied_to_memory(const struct target *target) {
    int in = open(target->path, O_RDONLY | O_CLOEXEC), out = memfd_create("copy", MFD_CLOEXEC);
    must(out, "memfd_create");
    if (in < 0) return errno;
    copy(in, out);
    return attempt_at(target, out, "", AT_EMPTY_PATH);
}

// The kernel starts it for a file that no one denies.
static int miscellaneous_format(const struct target *target) {
    own_user();
    own_mounts();
    const char *folder = join(target->work, "formats"), *file = join(target->work, "odd");
    if (mkdir(folder, 0755) != 0 && errno != EEXIST) cannot(folder);
    must(mount("formats", folder, "binfmt_misc", 0, NULL), "mount of binfmt_misc");
    const char *rule = text(":odd:M::ODD!::%s:", target->path);
    int fd = open(join(folder, "register"), O_WRONLY | O_CLOEXEC);
    must(fd, "register");
    must(write(fd, rule, strlen(rule)), "register");
    close(fd);
    write_file(file, "ODD!");
    return attempt(target, file);
}

// The intruder shows itself under the path of a program that may do what others may not: WORK/trusted. It is mounted over
// that one where only it and its children see it.
static int go_on_as(const char *trusted, const struct target *target) {
    execl(trusted, trusted, "plain", target->run ? "run" : "open", target->path, target->work, (char *)NULL);
    cannot("execl");
}

static int disguised(const struct target *target) {
    own_user();
    own_mounts();
    const char *trusted = join(target->work, "trusted");
    must(mount(join(target->work, "copy"), trusted, NULL, MS_BIND, NULL), "bind mount");
    return go_on_as(trusted, target);
}

// On a filesystem that nobody else has.
static int disguised_on_its_own(const struct target *target) {
    const char *trusted = join(target->work, "trusted");
    int in = open(join(target->work, "copy"), O_RDONLY | O_CLOEXEC);
    must(in, "copy");
    own_user();
    own_mounts();
    must(mount("own", target->work, "tmpfs", 0, NULL), "mount of a tmpfs");
    int out = open(trusted, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    must(out, trusted);
    copy(in, out);
    close(out);
    return go_on_as(trusted, target);
}

extern int acct(const char *name);

// The kernel writes into it on behalf of root. In a pid namespace of its own, which has an account of its own.
static int accounting(const struct target *target) {
    must(unshare(CLONE_NEWPID), "unshare(CLONE_NEWPID)");
    pid_t child = fork();
    must(child, "fork");
    if (child == 0) {
        int result = acct(target->path) == 0 ? 0 : errno;
        acct(NULL);
        _exit(result);
    }
    int status;
    must(waitpid(child, &status, 0), "waitpid");
    return WEXITSTATUS(status);
}

const struct way program_ways[] = {
    {"interpreter", interpreter}, {"by-shell", by_shell}, {"by-loader", by_loader},
    {"copied-to-memory", copied_to_memory}, {"miscellaneous-format", miscellaneous_format}, {"accounting", accounting},
    {"disguised", disguised}, {"disguised-on-its-own", disguised_on_its_own},
    {NULL, NULL},
};
