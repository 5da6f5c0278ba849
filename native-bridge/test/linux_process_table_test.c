// Texts and processes in memory of a fixed size: whatever happens in whatever order, nothing wrong is told and nothing
// leaks. Needs no privilege.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int main(void)
{
    texts_come_out_as_they_went_in();
    a_child_has_its_parents_image_until_it_execs();
    lost_events_make_every_entry_doubtful();
    a_table_under_pressure_never_tells_a_wrong_image();
    fprintf(stderr, "linux_process_table_test: %u failures\n", failures);
    return failures ? 1 : 0;
}
