#include "proc_files.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

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

bool proc_parse_stat(const char *text, size_t length, uint32_t *parent_pid, uint64_t *start_ticks,
                     char name[PROCESS_NAME_BYTES + 1])
{
    // pid (name) state ppid …: the name may hold anything, also ") ", so the last parenthesis ends it.
    const char *open = memchr(text, '(', length);
    const char *close = memrchr(text, ')', length);
    if (!open || !close || close < open)
        return false;
    size_t name_length = (size_t)(close - open - 1);
    if (name_length > PROCESS_NAME_BYTES)
        name_length = PROCESS_NAME_BYTES;
    memcpy(name, open + 1, name_length);
    name[name_length] = 0;

    const char *at = close + 1, *end = text + length;
    int field = 2;
    while (at < end) {
        while (at < end && *at == ' ')
            at++;
        field++;
        if (field == 4 || field == 22) {
            uint64_t value = 0;
            const char *digits = at;
            for (; at < end && *at >= '0' && *at <= '9'; at++)
                value = value * 10 + (uint64_t)(*at - '0');
            if (at == digits)
                return false;
            if (field == 4)
                *parent_pid = (uint32_t)value;
            else {
                *start_ticks = value;
                return true;
            }
        }
        while (at < end && *at != ' ')
            at++;
    }
    return false;
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

bool proc_read(uint32_t pid, int pidfd, struct process_reading *reading, uint8_t path[PROCESS_PATH_BYTES])
{
    memset(reading, 0, sizeof *reading);
    reading->pid = pid;
    int process = open_process(pid);
    if (process < 0)
        return false;
    // First what is gone first when a process ends.
    ssize_t link = readlinkat(process, "exe", (char *)path, PROCESS_PATH_BYTES);
    reading->executable = (struct bytes){path, link > 0 ? (size_t)link : 0};
    reading->executable_unresolved = proc_strip_deleted(&reading->executable) || link == PROCESS_PATH_BYTES;
    char text[4096];
    size_t length = read_file(process, "stat", text, 1024);
    bool found = length > 0 && proc_parse_stat(text, length, &reading->parent_pid, &reading->start_ticks,
                                               reading->name);
    length = read_file(process, "status", text, sizeof text);
    reading->user_known = length > 0 && proc_parse_status(text, length, &reading->uid, &reading->real_uid,
                                                          &reading->gid);
    close(process);
    return found && (pidfd < 0 || pidfd_is_alive(pidfd));
}

bool pidfd_is_alive(int pidfd)
{
    return pidfd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0;
}

uint64_t proc_read_start(uint32_t pid)
{
    char path[32], text[1024], name[PROCESS_NAME_BYTES + 1];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    uint32_t parent_pid;
    uint64_t start = 0;
    size_t length = read_file(AT_FDCWD, path, text, sizeof text);
    return proc_parse_stat(text, length, &parent_pid, &start, name) ? start : 0;
}

size_t proc_read_cwd(uint32_t pid, uint8_t *out, size_t capacity)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%u/cwd", pid);
    ssize_t link = readlink(path, (char *)out, capacity);
    if (link <= 0 || (size_t)link == capacity)
        return 0;
    struct bytes directory = {out, (size_t)link};
    return proc_strip_deleted(&directory) ? 0 : directory.length;
}

static size_t read_strings(uint32_t pid, const char *name, uint8_t *out, size_t capacity)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%u/%s", pid, name);
    size_t length = read_file(AT_FDCWD, path, (char *)out, capacity);
    // A process may overwrite them and so leave out the last zero byte.
    if (length > 0 && length < capacity && out[length - 1] != 0)
        out[length++] = 0;
    return length;
}

size_t proc_read_args(uint32_t pid, uint8_t *out, size_t capacity)
{
    return read_strings(pid, "cmdline", out, capacity);
}

size_t proc_read_env(uint32_t pid, uint8_t *out, size_t capacity)
{
    size_t length = read_strings(pid, "environ", out, capacity);
    while (length > 0 && out[length - 1] != 0)
        length--;
    return length;
}
