// The Linux backend's parts that need no privilege: texts, process table, parsers of what kernel and files say. Each
// parser also meets bytes at random, under the sanitizers.
#include <elf.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>

#include "linux/exec_stage.h"
#include "linux/fanotify_event.h"
#include "linux/filesystems.h"
#include "linux/host_identity.h"
#include "linux/proc_connector.h"
#include "linux/proc_files.h"
#include "linux/process_table.h"

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

static struct bytes text_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static bool is_text(struct bytes bytes, const char *text)
{
    return bytes.length == strlen(text) && memcmp(bytes.data, text, bytes.length) == 0;
}

// ---- texts

static void texts_come_out_as_they_went_in(void)
{
    enum { TEXTS = 40, LONGEST = 1000 };
    struct text_pool pool;
    struct text texts[TEXTS] = {{0, 0}};
    static uint8_t models[TEXTS][LONGEST];
    CHECK(text_pool_init(&pool, 128));
    for (int step = 0; step < 20000; step++) {
        uint32_t i = random_below(TEXTS);
        uint8_t out[LONGEST];
        size_t length = text_pool_copy(&pool, texts[i], out, sizeof out);
        if (length != texts[i].length || memcmp(out, models[i], length) != 0) {
            CHECK(!"a text has changed");
            break;
        }
        text_pool_free(&pool, &texts[i]);
        length = random_below(LONGEST);
        for (size_t b = 0; b < length; b++)
            models[i][b] = (uint8_t)random_below(256);
        if (!text_pool_put(&pool, &texts[i], models[i], length))
            CHECK(texts[i].length == 0 && length > (size_t)pool.free_count * TEXT_BLOCK_BYTES);
    }
    for (int i = 0; i < TEXTS; i++)
        text_pool_free(&pool, &texts[i]);
    CHECK(pool.free_count == 128);
    text_pool_destroy(&pool);
}

// ---- processes

static struct process_reading reading_of(uint32_t pid, uint32_t parent, uint64_t start, const char *executable)
{
    struct process_reading reading = {.pid = pid, .parent_pid = parent, .start_ticks = start, .uid = 7, .real_uid = 7,
                                      .gid = 8, .user_known = true, .executable = text_of(executable)};
    snprintf(reading.name, sizeof reading.name, "name");
    return reading;
}

static struct actor_view view;

static void a_child_has_its_parents_image_until_it_execs(void)
{
    struct process_table table;
    CHECK(process_table_init(&table, 16, 256));
    struct process_reading shell = reading_of(10, 1, 100, "/bin/sh");
    process_table_insert(&table, &shell);
    struct process_entry *child = process_table_fork(&table, 10, 11, 200);
    process_table_view(&table, child, &view);
    CHECK(is_text(view.process.executable, "/bin/sh") && view.process.uid == 7 && view.process.start_ticks == 200);
    CHECK(view.parent.pid == 10 && is_text(view.parent.executable, "/bin/sh"));

    struct process_reading program = reading_of(11, 10, 200, "/bin/true");
    uint32_t previous;
    child = process_table_exec(&table, 11, &program, &previous);
    process_table_set_args(&table, child->image, (struct bytes){(const uint8_t *)"true\0-x", 8});
    process_table_view(&table, child, &view);
    CHECK(is_text(view.process.executable, "/bin/true") && view.process.args_known && view.process.args.length == 8);
    struct process_view before;
    process_table_view_image(&table, previous, &view, &before);
    CHECK(is_text(before.executable, "/bin/sh"));
    process_table_drop_image(&table, previous);

    // The pid is used again: neither the image nor the parent of the one before is told.
    process_table_exit(&table, 11);
    child = process_table_fork(&table, 99, 11, 300);
    process_table_view(&table, child, &view);
    CHECK(view.process.executable_unresolved && view.process.start_ticks == 300 && !view.process.user_known);
    CHECK(view.parent.pid == 99 && view.parent.executable.length == 0);

    // A parent whose pid went to another process is told by its pid alone.
    child = process_table_fork(&table, 10, 12, 400);
    process_table_fork(&table, 1, 10, 500);
    process_table_view(&table, child, &view);
    CHECK(view.parent.pid == 10 && view.parent.executable.length == 0);
    process_table_destroy(&table);
}

static void lost_events_make_every_entry_doubtful(void)
{
    struct process_table table;
    CHECK(process_table_init(&table, 4, 16));
    struct process_reading shell = reading_of(10, 1, 100, "/bin/sh");
    struct process_entry *entry = process_table_insert(&table, &shell);
    CHECK(!process_table_is_doubtful(&table, entry));
    process_table_doubt_all(&table);
    CHECK(process_table_is_doubtful(&table, entry));
    entry = process_table_insert(&table, &shell);
    CHECK(!process_table_is_doubtful(&table, entry));
    process_table_destroy(&table);
}

// Fork, exec, exit, insertions and views in any order, with little room: whatever is told of a process is what was
// last said of it, and at the end no text or image is left over.
static void a_table_under_pressure_never_tells_a_wrong_image(void)
{
    enum { PIDS = 60, ROOM = 24 };
    static char executables[PIDS][200];
    struct process_table table;
    CHECK(process_table_init(&table, ROOM, 64));
    memset(executables, 0, sizeof executables);
    for (int step = 0; step < 40000; step++) {
        uint32_t pid = 1 + random_below(PIDS - 1), other = 1 + random_below(PIDS - 1), previous = PROCESS_NONE;
        char executable[200] = "/";
        memset(executable + 1, 'a' + (int)random_below(26), random_below(190));
        struct process_reading reading = reading_of(pid, other, (uint64_t)step + 1, executable);
        struct process_entry *entry = NULL;
        switch (random_below(5)) {
        case 0:
            entry = process_table_fork(&table, other, pid, (uint64_t)step + 1);
            if (other != pid)
                memcpy(executables[pid], executables[other], sizeof executable);
            break;
        case 1:
            entry = process_table_exec(&table, pid, &reading, &previous);
            memcpy(executables[pid], executable, sizeof executable);
            break;
        case 2:
            entry = process_table_insert(&table, &reading);
            memcpy(executables[pid], executable, sizeof executable);
            break;
        case 3:
            entry = process_table_exit(&table, pid);
            break;
        default:
            entry = process_table_find(&table, pid);
            if (entry)
                process_table_set_args(&table, entry->image, text_of(executable));
        }
        process_table_drop_image(&table, previous);
        entry = process_table_find(&table, pid);
        if (!entry)
            continue;
        process_table_view(&table, entry, &view);
        if (view.process.executable.length > 0 && !is_text(view.process.executable, executables[pid])) {
            CHECK(!"an image of another process");
            break;
        }
    }
    CHECK(table.count <= ROOM);
    for (uint32_t pid = 1000; pid < 1000 + ROOM; pid++)
        process_table_fork(&table, 0, pid, 1);  // without an image: pushes all others out
    CHECK(table.texts.free_count == 64);
    process_table_destroy(&table);
}

// ---- parsers

static void stat_and_status_are_read_whatever_the_name(void)
{
    const char stat[] = "42 (a) b (c) ) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 100 200";
    uint32_t parent, uid, real_uid, gid;
    uint64_t start;
    char name[PROCESS_NAME_BYTES + 1];
    CHECK(proc_parse_stat(stat, sizeof stat - 1, &parent, &start, name));
    CHECK(parent == 7 && start == 987654 && strcmp(name, "a) b (c) ") == 0);
    CHECK(!proc_parse_stat(stat, 20, &parent, &start, name) && !proc_parse_stat("", 0, &parent, &start, name));
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
    CHECK(!proc_connector_parse(&datagram, sizeof datagram, &change));
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

int main(void)
{
    texts_come_out_as_they_went_in();
    a_child_has_its_parents_image_until_it_execs();
    lost_events_make_every_entry_doubtful();
    a_table_under_pressure_never_tells_a_wrong_image();
    stat_and_status_are_read_whatever_the_name();
    mount_lines_are_read_with_their_escapes();
    a_files_head_names_what_comes_next();
    connector_messages_are_read_or_refused();
    kernel_events_are_walked_within_their_bytes();
    users_are_found_by_number();
    fprintf(stderr, "linux_nouns_test: %u failures\n", failures);
    return failures ? 1 : 0;
}
