// Other names for the same file, and other calls than open(2).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "intruder.h"

static int plain(const struct target *target) {
    return attempt(target, target->path);
}

static int spelled(const struct target *target) {
    const char *last = strrchr(target->folder, '/') + 1;
    return attempt(target, text("/.//%s/.././//%s//%s", target->folder, last, target->name));
}

static int relative(const struct target *target) {
    must(chdir(target->folder), "chdir");
    return attempt(target, target->name);
}

static int proc_cwd(const struct target *target) {
    must(chdir(target->folder), "chdir");
    return attempt(target, join("/proc/thread-self/cwd", target->name));
}

static int proc_root(const struct target *target) {
    return attempt(target, join("/proc/self/root", target->path));
}

static int symbolic_link(const struct target *target) {
    const char *link = join(target->work, "link");
    must(symlink(target->path, link), "symlink");
    int result = attempt(target, link);
    unlink(link);
    return result;
}

static int symbolic_folder(const struct target *target) {
    const char *link = join(target->work, "folder");
    must(symlink(target->folder, link), "symlink");
    int result = attempt(target, join(link, target->name));
    unlink(link);
    return result;
}

static int descriptor(const struct target *target, const char *folder) {
    int fd = open(target->path, O_PATH | O_CLOEXEC);
    must(fd, "open with O_PATH");
    return attempt(target, text("%s/%d", folder, fd));
}

static int proc_fd(const struct target *target) {
    return descriptor(target, "/proc/self/fd");
}

static int dev_fd(const struct target *target) {
    return descriptor(target, "/dev/fd");
}

// fexecve(3) is this call, too.
static int execveat_empty(const struct target *target) {
    int fd = open(target->path, O_PATH | O_CLOEXEC);
    must(fd, "open with O_PATH");
    return attempt_at(target, fd, "", AT_EMPTY_PATH);
}

static int openat2_with(const struct target *target, const char *folder, const char *name, uint64_t resolve) {
    int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    must(at, folder);
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = resolve};
    return attempt_got(target, (int)syscall(SYS_openat2, at, name, &how, sizeof how));
}

static int openat2_in_root(const struct target *target) {
    return openat2_with(target, target->folder, join("", target->name), RESOLVE_IN_ROOT);
}

static int openat2_beneath(const struct target *target) {
    return openat2_with(target, target->folder, target->name, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

static int openat2_cached(const struct target *target) {
    struct stat stat_of_it;
    must(stat(target->path, &stat_of_it), "stat");
    return openat2_with(target, target->folder, target->name, RESOLVE_CACHED | RESOLVE_NO_XDEV);
}

static int by_handle(const struct target *target) {
    union {
        struct file_handle handle;
        char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } place;
    int mount_id, folder = open(target->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    place.handle.handle_bytes = MAX_HANDLE_SZ;
    must(folder, target->folder);
    must(name_to_handle_at(AT_FDCWD, target->path, &place.handle, &mount_id, 0), "name_to_handle_at");
    if (!target->run) return attempt_got(target, open_by_handle_at(folder, &place.handle, O_RDONLY | O_CLOEXEC));
    int fd = open_by_handle_at(folder, &place.handle, O_PATH | O_CLOEXEC);
    must(fd, "open_by_handle_at with O_PATH");
    return attempt_at(target, fd, "", AT_EMPTY_PATH);
}

// One request through a ring of one entry, the kernel's interface without a library.
static int ring_open(const struct target *target, uint8_t operation, uint32_t setup_flags) {
    struct io_uring_params parameters = {.flags = setup_flags, .sq_thread_idle = 1000};
    int ring = (int)syscall(SYS_io_uring_setup, 1, &parameters);
    must(ring, "io_uring_setup");
    size_t ring_bytes = parameters.cq_off.cqes + parameters.cq_entries * sizeof(struct io_uring_cqe);
    uint8_t *rings = mmap(NULL, ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entry = mmap(NULL, sizeof *entry, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
    if (rings == MAP_FAILED || entry == MAP_FAILED) cannot("mmap of the ring");
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};
    memset(entry, 0, sizeof *entry);
    entry->opcode = operation;
    entry->fd = AT_FDCWD;
    entry->addr = (uint64_t)(uintptr_t)target->path;
    if (operation == IORING_OP_OPENAT2) {
        entry->len = sizeof how;
        entry->off = (uint64_t)(uintptr_t)&how;
    } else {
        entry->open_flags = O_RDONLY | O_CLOEXEC;
    }
    *(uint32_t *)(rings + parameters.sq_off.array) = 0;
    __atomic_store_n((uint32_t *)(rings + parameters.sq_off.tail), 1, __ATOMIC_RELEASE);
    uint32_t wake = setup_flags & IORING_SETUP_SQPOLL ? IORING_ENTER_SQ_WAKEUP : 0;
    must(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS | wake, NULL, 0), "io_uring_enter");
    const struct io_uring_cqe *result = (struct io_uring_cqe *)(rings + parameters.cq_off.cqes);
    if (result->res >= 0) return 0;
    return -result->res;
}

static int ring_openat(const struct target *target) {
    return ring_open(target, IORING_OP_OPENAT, 0);
}

static int ring_openat2(const struct target *target) {
    return ring_open(target, IORING_OP_OPENAT2, 0);
}

// A thread of the kernel's makes the call.
static int ring_polled(const struct target *target) {
    return ring_open(target, IORING_OP_OPENAT, IORING_SETUP_SQPOLL);
}

static int compat(const struct target *target) {
#ifdef __x86_64__
    char *low = mmap(NULL, PATH_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (low == MAP_FAILED) cannot("mmap below 4 GiB");
    snprintf(low, PATH_ROOM, "%s", target->path);
    int result = target->run ? 11 : 5;  // execve, open
    char **arguments = (char **)(low + PATH_ROOM / 2);
    __asm__ volatile("int $0x80"
                     : "+a"(result)
                     : "b"(low), "c"(target->run ? (long)arguments : O_RDONLY | O_CLOEXEC), "d"(target->run ? (long)arguments : 0)
                     : "memory", "r8", "r9", "r10", "r11");
    return result >= 0 ? 0 : -result;
#else
    (void)target;
    errno = ENOSYS;
    cannot("32-bit system calls");
#endif
}

static int write_only(const struct target *target) {
    return attempt_open(target->path, O_WRONLY);
}

static int read_write(const struct target *target) {
    return attempt_open(target->path, O_RDWR | O_APPEND);
}

static int truncating(const struct target *target) {
    return attempt_open(target->path, O_WRONLY | O_TRUNC);
}

static int creating(const struct target *target) {
    return attempt_open(target->path, O_WRONLY | O_CREAT);
}

static int truncate_by_name(const struct target *target) {
    return truncate(target->path, 1) == 0 ? 0 : errno;
}

static int look_at(const struct target *target) {
    struct stat found;
    return stat(target->path, &found) == 0 && access(target->path, R_OK) == 0 ? 0 : errno;
}

static int list_folder(const struct target *target) {
    return attempt_open(target->folder, O_RDONLY | O_DIRECTORY);
}

const struct way open_ways[] = {
    {"plain", plain}, {"spelled", spelled}, {"relative", relative}, {"proc-cwd", proc_cwd}, {"proc-root", proc_root},
    {"symbolic-link", symbolic_link}, {"symbolic-folder", symbolic_folder}, {"proc-fd", proc_fd}, {"dev-fd", dev_fd},
    {"execveat-empty", execveat_empty}, {"openat2-in-root", openat2_in_root}, {"openat2-beneath", openat2_beneath},
    {"openat2-cached", openat2_cached}, {"by-handle", by_handle}, {"ring-openat", ring_openat},
    {"ring-openat2", ring_openat2}, {"ring-polled", ring_polled}, {"compat", compat}, {"write-only", write_only},
    {"read-write", read_write}, {"truncating", truncating}, {"creating", creating},
    {"truncate-by-name", truncate_by_name}, {"look-at", look_at}, {"list-folder", list_folder}, {NULL, NULL},
};
