#include "proc_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/clock.h"
#include "digits.h"
#include "fd_links.h"
#include "mount_names.h"

static size_t read_file(int directory, const char *name, char *out, size_t capacity)
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    size_t length = 0;
    while (length < capacity) {
        ssize_t part = read(fd, out + length, capacity - length);
        if (part <= 0)
            break;
        length += (size_t)part;
    }
    close(fd);
    return length;
}

static int open_process(uint32_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%u", pid);
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

enum {
    STAT_STATE = 3, STAT_PARENT = 4, STAT_THREADS = 20, STAT_START = 22, STAT_CODE = 26, STAT_STACK = 28, STAT_FIELDS = 29,
    NOT_PERMITTED = 1,  // what stands for an address that the reader may not know
};

bool proc_parse_stat(const char *text, size_t length, struct process_reading *reading)
{
    // pid (name) state ppid …: the name may hold anything, also ") ", so the last parenthesis ends it.
    const char *open = memchr(text, '(', length);
    const char *close = memrchr(text, ')', length);
    if (!open || !close || close < open)
        return false;
    size_t name_length = (size_t)(close - open - 1);
    if (name_length > PROCESS_NAME_BYTES)
        name_length = PROCESS_NAME_BYTES;
    memcpy(reading->name, open + 1, name_length);
    reading->name[name_length] = 0;

    uint64_t fields[STAT_FIELDS] = {0};
    const char *at = close + 1, *end = text + length;
    int field = STAT_STATE;
    for (; at < end && field < STAT_FIELDS; field++) {
        while (at < end && *at == ' ')
            at++;
        if (field == STAT_STATE && at < end)
            reading->state = *at;
        for (; at < end && *at >= '0' && *at <= '9'; at++)
            fields[field] = fields[field] * 10 + (uint64_t)(*at - '0');
        while (at < end && *at != ' ')
            at++;
    }
    if (field < STAT_FIELDS)
        return false;
    reading->parent_pid = (uint32_t)fields[STAT_PARENT];
    reading->threads = (uint32_t)fields[STAT_THREADS];
    reading->start_ticks = fields[STAT_START];
    reading->layout.code = fields[STAT_CODE] == NOT_PERMITTED ? 0 : fields[STAT_CODE];
    reading->layout.stack = fields[STAT_STACK];
    return true;
}

// Reads up to `wanted` numbers behind a label at the start of a line.
static bool numbers_after(const char *text, size_t length, const char *label, uint32_t *out, int wanted)
{
    const char *at = memmem(text, length, label, strlen(label));
    if (!at)
        return false;
    const char *end = text + length;
    at += strlen(label);
    for (int i = 0; i < wanted; i++) {
        while (at < end && (*at == ' ' || *at == '\t'))
            at++;
        if (at >= end || *at < '0' || *at > '9')
            return false;
        uint64_t value = 0;
        for (; at < end && *at >= '0' && *at <= '9'; at++)
            value = value * 10 + (uint64_t)(*at - '0');
        out[i] = (uint32_t)value;
    }
    return true;
}

bool proc_parse_status(const char *text, size_t length, uint32_t *uid, uint32_t *real_uid, uint32_t *gid)
{
    // The name stands in the first line with its newlines escaped, so a label after a newline is the kernel's own.
    uint32_t users[2], groups[2];
    if (!numbers_after(text, length, "\nUid:", users, 2) || !numbers_after(text, length, "\nGid:", groups, 2))
        return false;
    *real_uid = users[0];
    *uid = users[1];
    *gid = groups[1];
    return true;
}

bool proc_strip_deleted(struct bytes *path)
{
    static const char mark[] = " (deleted)";
    size_t length = sizeof mark - 1;
    if (path->length > length && memcmp(path->data + path->length - length, mark, length) == 0) {
        path->length -= length;
        return true;
    }
    return path->length == 0 || path->data[0] != '/';
}

enum { THREADS_TRIED = 64 };

size_t proc_any_thread(uint32_t pid, size_t (*use)(int folder, void *context), void *context)
{
    int process = open_process(pid);
    if (process < 0)
        return 0;
    size_t got = use(process, context);
    int tasks = got > 0 ? -1 : openat(process, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char entries[4096] __attribute__((aligned(8)));
    ssize_t length = tasks < 0 ? 0 : syscall(SYS_getdents64, tasks, entries, sizeof entries);
    int tried = 0;
    for (ssize_t at = 0; at < length && got == 0 && tried < THREADS_TRIED;) {
        const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
        at += entry->d_reclen;
        if (entry->d_name[0] == '.' || strtoul(entry->d_name, NULL, 10) == pid)
            continue;
        int thread = openat(tasks, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        got = thread < 0 ? 0 : use(thread, context);
        if (thread >= 0)
            close(thread);
        tried++;
    }
    if (tasks >= 0)
        close(tasks);
    close(process);
    return got;
}

struct link_reading {
    const char *name;
    char *out;
    size_t capacity;
};

static size_t read_link(int folder, void *context)
{
    const struct link_reading *reading = context;
    ssize_t length = readlinkat(folder, reading->name, reading->out, reading->capacity);
    return length > 0 ? (size_t)length : 0;
}

// stat and status of a process's folder.
static bool read_numbers(int process, struct process_reading *reading)
{
    char text[4096];
    size_t length = read_file(process, "stat", text, 1024);
    bool found = length > 0 && proc_parse_stat(text, length, reading);
    length = read_file(process, "status", text, sizeof text);
    reading->user_known = length > 0 && proc_parse_status(text, length, &reading->uid, &reading->real_uid,
                                                          &reading->gid);
    return found;
}

struct program_reading {
    uint32_t pid;
    uint8_t *path;              // PROCESS_PATH_BYTES
    size_t length;
    bool settled;               // `path` is what rules know it by
};

// In a mount namespace of its own a process may show any path as its program's. Held first: it may end meanwhile.
static size_t read_program(int folder, void *context)
{
    struct program_reading *reading = context;
    int program = openat(folder, "exe", O_PATH | O_CLOEXEC);
    if (program < 0)
        return 0;
    (void)fd_link_read(program, reading->path, PROCESS_PATH_BYTES, &reading->length);
    reading->settled = mount_names_settle(reading->pid, program, reading->path, PROCESS_PATH_BYTES, &reading->length);
    close(program);
    return reading->length;
}

bool proc_read(uint32_t pid, int pidfd, struct process_reading *reading, uint8_t path[PROCESS_PATH_BYTES])
{
    memset(reading, 0, sizeof *reading);
    reading->pid = pid;
    reading->read_ns = clock_ns(CLOCK_MONOTONIC);
    int process = open_process(pid);
    if (process < 0)
        return false;
    // First what is gone first when a process ends.
    struct program_reading program = {pid, path, 0, false};
    (void)read_program(process, &program);
    bool found = read_numbers(process, reading);
    close(process);
    if (program.length == 0 && found && reading->threads > 1)
        (void)proc_any_thread(pid, read_program, &program);
    reading->executable = (struct bytes){path, program.length};
    reading->executable_unresolved = proc_strip_deleted(&reading->executable) || !program.settled;
    return found && (pidfd < 0 || pidfd_is_alive(pidfd));
}

bool proc_read_child(uint32_t pid, struct process_reading *reading)
{
    memset(reading, 0, sizeof *reading);
    reading->pid = pid;
    reading->read_ns = clock_ns(CLOCK_MONOTONIC);
    int process = open_process(pid);
    bool found = process >= 0 && read_numbers(process, reading);
    if (process >= 0)
        close(process);
    return found;
}

bool proc_read_cgroup(uint32_t pid, char *out, size_t capacity, size_t *length, uint64_t *start_ticks)
{
    struct process_reading reading = {0};
    char text[1024];
    int process = open_process(pid);
    if (process < 0)
        return false;
    errno = ESRCH;  // where nothing comes
    *length = read_file(process, "cgroup", out, capacity);
    int saved_errno = errno;
    size_t stat_length = read_file(process, "stat", text, sizeof text);
    bool is_same = stat_length > 0 && proc_parse_stat(text, stat_length, &reading);
    close(process);
    *start_ticks = reading.start_ticks;
    errno = is_same ? saved_errno : ESRCH;
    return is_same && *length > 0;
}

static bool read_stat(uint32_t pid, struct process_reading *reading)
{
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    size_t length = read_file(AT_FDCWD, path, text, sizeof text);
    return length > 0 && proc_parse_stat(text, length, reading);
}

uint32_t proc_read_threads(uint32_t pid)
{
    struct process_reading reading;
    return read_stat(pid, &reading) ? reading.threads : 0;
}

bool proc_is_running(uint32_t pid)
{
    struct process_reading reading;
    return read_stat(pid, &reading) && reading.state != 'Z' && reading.state != 'X';
}

bool pidfd_is_alive(int pidfd)
{
    // EPERM: another user's, and there.
    return pidfd >= 0 && (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0 || errno == EPERM);
}

uint64_t proc_read_start(uint32_t pid)
{
    struct process_reading reading;
    return read_stat(pid, &reading) ? reading.start_ticks : 0;
}

size_t proc_read_cwd(uint32_t pid, uint8_t *out, size_t capacity)
{
    char path[32] = "/proc/";
    memcpy(put_decimal(path + strlen(path), pid), "/cwd", sizeof "/cwd");
    ssize_t link = readlink(path, (char *)out, capacity);
    if (link < 0 && errno == ENOENT) {
        struct link_reading of_threads = {"cwd", (char *)out, capacity};
        link = (ssize_t)proc_any_thread(pid, read_link, &of_threads);
    }
    if (link <= 0 || (size_t)link == capacity)
        return 0;
    struct bytes directory = {out, (size_t)link};
    return proc_strip_deleted(&directory) ? 0 : directory.length;
}

size_t proc_read_strings(int process, const char *name, uint8_t *out, size_t capacity)
{
    size_t length = read_file(process, name, (char *)out, capacity);
    // A process may overwrite them and so leave out the last zero byte.
    if (length > 0 && length < capacity && out[length - 1] != 0)
        out[length++] = 0;
    return length;
}
