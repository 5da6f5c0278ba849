// What the Linux backend reads from the kernel and from files. Each parser also meets bytes at random, under the
// sanitizers.
#include <elf.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>

#include "linux/digits.h"
#include "linux/exec_stage.h"
#include "linux/fanotify_event.h"
#include "linux/filesystems.h"
#include "linux/host_identity.h"
#include "linux/proc_connector.h"
#include "linux/proc_files.h"

static unsigned failures;
static uint64_t random_state = 88172645463325252u;

#define CHECK(condition)                                                                \
    do {                                                                                \
        if (!(condition)) {                                                             \
            failures++;                                                                 \
            fprintf(stderr, "  %s:%d: not so: %s\n", __FILE__, __LINE__, #condition);   \
        }                                                                               \
    } while (0)

static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % bound;
}

static bool is_text(struct bytes bytes, const char *text)
{
    return bytes.length == strlen(text) && memcmp(bytes.data, text, bytes.length) == 0;
}

static void stat_and_status_are_read_whatever_the_name(void)
{
    const char stat[] = "42 (a) b (c) ) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 987654 100 200 5 4096 6 8192 0";
    uint32_t uid, real_uid, gid;
    struct process_reading reading;
    CHECK(proc_parse_stat(stat, sizeof stat - 1, &reading));
    CHECK(reading.parent_pid == 7 && reading.start_ticks == 987654 && strcmp(reading.name, "a) b (c) ") == 0);
    CHECK(reading.threads == 3 && reading.layout.code == 4096 && reading.layout.stack == 8192);
    CHECK(!proc_parse_stat(stat, 20, &reading) && !proc_parse_stat("", 0, &reading));
    const char untraceable[] = "42 (a) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 100 200 5 1 1 0 0";
    CHECK(proc_parse_stat(untraceable, sizeof untraceable - 1, &reading) && reading.layout.code == 0);
    const char status[] = "Name:\tUid:\\nUid:\nUmask:\t0022\nUid:\t1000\t0\t0\t0\nGid:\t1\t2\t3\t4\n";
    CHECK(proc_parse_status(status, sizeof status - 1, &uid, &real_uid, &gid));
    CHECK(uid == 0 && real_uid == 1000 && gid == 2);
    CHECK(!proc_parse_status("Name:\tx\n", 8, &uid, &real_uid, &gid));
}

static void mount_lines_are_read_with_their_escapes(void)
{
    static struct mount_line mount;
    CHECK(mount_line_parse("36 35 98:4 / /mnt/a\\040b rw,noatime shared:1 - ext3 /dev/root rw\n", &mount));
    CHECK(mount.mount_id == 36 && mount.major == 98 && mount.minor == 4 && mount.is_whole);
    CHECK(strcmp((char *)mount.mount_point, "/mnt/a b") == 0);
    CHECK(mount_line_parse("36 35 98:4 /sub /mnt rw - ext3 /dev/root rw\n", &mount) && !mount.is_whole);
    // Whoever mounts a FUSE filesystem chooses what follows the dot; the field of an event is text.
    CHECK(mount_line_parse("36 35 0:4 / /mnt rw - fuse.a\xff\033[2J none rw\n", &mount));
    CHECK(strcmp(mount.type, "fuse.a??[2J") == 0);
    CHECK(!mount_line_parse("", &mount) && !mount_line_parse("36 35 98:4\n", &mount));
}

struct peeked {
    const uint8_t *data;
    size_t length;
};

static long peek_bytes(void *context, void *out, size_t length, uint64_t offset)
{
    const struct peeked *file = context;
    if (offset >= file->length)
        return 0;
    size_t left = file->length - (size_t)offset;
    length = length < left ? length : left;
    memcpy(out, file->data + offset, length);
    return (long)length;
}

static struct exec_next next_of(const void *data, size_t length)
{
    struct peeked file = {data, length};
    struct exec_next next;
    CHECK(exec_next_of(peek_bytes, &file, &next));
    return next;
}

static void a_files_head_names_what_comes_next(void)
{
    struct exec_next next = next_of("#! /bin/sh -e\n", 14);
    CHECK(next.stage == EXEC_STAGE_INTERPRETER && strcmp(next.path, "/bin/sh") == 0);
    next = next_of("#!/bin/sh", 9);
    CHECK(next.stage == EXEC_STAGE_INTERPRETER && strcmp(next.path, "/bin/sh") == 0);
    CHECK(next_of("#!\n", 3).stage == EXEC_STAGE_NONE && next_of("", 0).stage == EXEC_STAGE_NONE);
    CHECK(next_of("text", 4).stage == EXEC_STAGE_NONE);

    static union {
        struct {
            Elf64_Ehdr head;
            Elf64_Phdr headers[3];
            char loader[10];
        } file;
        uint8_t bytes[4096];
    } elf;
    memcpy(elf.file.head.e_ident, ELFMAG, SELFMAG);
    elf.file.head.e_ident[EI_CLASS] = ELFCLASS64;
    elf.file.head.e_phoff = sizeof elf.file.head;
    elf.file.head.e_phentsize = sizeof(Elf64_Phdr);
    elf.file.head.e_phnum = 3;
    elf.file.headers[2].p_type = PT_INTERP;
    elf.file.headers[2].p_offset = (uint64_t)((uint8_t *)elf.file.loader - elf.bytes);
    elf.file.headers[2].p_filesz = sizeof elf.file.loader;
    memcpy(elf.file.loader, "/lib/ld.s", 10);
    next = next_of(elf.bytes, sizeof elf.bytes);
    CHECK(next.stage == EXEC_STAGE_LOADER && strcmp(next.path, "/lib/ld.s") == 0);

    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[512];
        memcpy(bytes, elf.bytes, sizeof bytes);
        for (uint32_t changes = 1 + random_below(6); changes > 0; changes--)
            bytes[EI_CLASS + random_below(sizeof bytes - EI_CLASS)] = (uint8_t)random_below(256);
        next = next_of(bytes, random_below(sizeof bytes));
        CHECK(memchr(next.path, 0, sizeof next.path) != NULL);
    }
}

static void connector_messages_are_read_or_refused(void)
{
    struct {
        struct nlmsghdr header;
        struct cn_msg message;
        struct proc_event event;
    } __attribute__((packed)) datagram;
    struct proc_change change;
    memset(&datagram, 0, sizeof datagram);
    datagram.header.nlmsg_type = NLMSG_DONE;
    datagram.message.id.idx = CN_IDX_PROC;
    datagram.message.id.val = CN_VAL_PROC;
    datagram.message.len = sizeof datagram.event;
    struct proc_event event = {.what = PROC_EVENT_EXIT};
    event.event_data.exit.process_pid = event.event_data.exit.process_tgid = 5;
    event.event_data.exit.exit_code = 3 << 8;
    memcpy(&datagram.event, &event, sizeof event);
    CHECK(proc_connector_parse(&datagram, sizeof datagram, &change));
    CHECK(change.kind == PROC_EXITED && change.pid == 5 && change.exit_code == 3);
    event.event_data.exit.exit_code = 9;
    memcpy(&datagram.event, &event, sizeof event);
    CHECK(proc_connector_parse(&datagram, sizeof datagram, &change) && change.exit_code == 137);
    event.event_data.exit.process_pid = 6;  // a thread
    memcpy(&datagram.event, &event, sizeof event);
    CHECK(proc_connector_parse(&datagram, sizeof datagram, &change));
    CHECK(change.kind == PROC_THREAD_EXITED && change.pid == 5);
    for (size_t length = 0; length < sizeof datagram; length++)
        CHECK(!proc_connector_parse(&datagram, length, &change));
}

static void kernel_events_are_walked_within_their_bytes(void)
{
    struct fanotify_event_metadata metadata = {.event_len = 32, .vers = FANOTIFY_METADATA_VERSION, .metadata_len = 24,
                                               .mask = FAN_OPEN_PERM, .fd = 5, .pid = 77};
    struct fanotify_event_info_pidfd pidfd = {.hdr = {.info_type = FAN_EVENT_INFO_TYPE_PIDFD, .len = 8}, .pidfd = 6};
    uint8_t bytes[64];
    memcpy(bytes, &metadata, sizeof metadata);
    memcpy(bytes + 24, &pidfd, sizeof pidfd);
    memcpy(bytes + 32, bytes, 32);
    struct fanotify_event event;
    size_t offset = 0;
    CHECK(fanotify_event_next(bytes, sizeof bytes, &offset, &event) && offset == 32);
    CHECK(event.fd == 5 && event.pidfd == 6 && event.pid == 77 && event.mask == FAN_OPEN_PERM);
    CHECK(fanotify_event_next(bytes, sizeof bytes, &offset, &event) && offset == 64);
    CHECK(!fanotify_event_next(bytes, sizeof bytes, &offset, &event));

    for (int i = 0; i < 200000; i++) {
        uint8_t *noise = malloc(64);  // its end is watched by the sanitizer
        if (!noise)
            abort();
        memcpy(noise, bytes, 64);
        for (uint32_t changes = random_below(8); changes > 0; changes--)
            noise[random_below(64)] = (uint8_t)random_below(20);
        for (offset = 0; fanotify_event_next(noise, 64, &offset, &event);)
            CHECK(offset <= 64 && (!event.name.present || strlen(event.name.name) < 64));
        free(noise);
    }
}

static void users_are_found_by_number(void)
{
    char path[] = "/tmp/picket-passwd-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file)
        abort();
    fputs("root:x:0:0:root:/root:/bin/sh\nbroken\nno:number:x\nbig:x:99999999999:0::/:\nalice:x:1000:1000::/:/bin/sh\n", file);
    fclose(file);
    struct user_names users;
    user_names_load(&users, path);
    CHECK(users.count == 2 && is_text(user_names_find(&users, 1000), "alice") && is_text(user_names_find(&users, 0), "root"));
    CHECK(user_names_find(&users, 5).length == 0);
    user_names_free(&users);
    remove(path);
    user_names_load(&users, path);
    CHECK(users.count == 0 && user_names_find(&users, 0).length == 0);
}

static void numbers_are_written_as_printf_does(void)
{
    static const uint32_t edges[] = {0, 9, 10, 99, 100, 4194304, 999999999, 1000000000, UINT32_MAX};
    char text[32], wanted[32];
    for (int i = 0; i < 10000; i++) {
        uint32_t number = i < 9 ? edges[i] : random_below(UINT32_MAX) >> random_below(32);
        *put_decimal(text, number) = 0;
        snprintf(wanted, sizeof wanted, "%u", number);
        CHECK(strcmp(text, wanted) == 0);
        uint64_t large = (uint64_t)number << random_below(33);
        *put_hex(text, large, 12) = 0;
        snprintf(wanted, sizeof wanted, "%012llx", (unsigned long long)(large & 0xffffffffffffu));
        CHECK(strcmp(text, wanted) == 0);
    }
}

int main(void)
{
    numbers_are_written_as_printf_does();
    stat_and_status_are_read_whatever_the_name();
    mount_lines_are_read_with_their_escapes();
    a_files_head_names_what_comes_next();
    connector_messages_are_read_or_refused();
    kernel_events_are_walked_within_their_bytes();
    users_are_found_by_number();
    fprintf(stderr, "linux_parsers_test: %u failures\n", failures);
    return failures ? 1 : 0;
}
