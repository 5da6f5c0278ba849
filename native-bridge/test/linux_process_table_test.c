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

static struct moment at(uint64_t ns)
{
    return (struct moment){ns, ns};
}

static void look(struct process_table *table, struct process_entry *entry)
{
    process_table_view(table, entry, entry->image, entry->owns_image, &view);
}

// As the kernel's reading would be of a process whose program lies at `stack`.
static struct process_reading reading_at(uint32_t pid, uint32_t parent, uint64_t start, const char *executable,
                                         uint64_t stack, uint64_t read_ns)
{
    struct process_reading reading = reading_of(pid, parent, start, executable);
    reading.layout = (struct layout){1000, stack};
    reading.read_ns = read_ns;
    return reading;
}

static void a_child_has_its_parents_image_until_it_execs(void)
{
    struct process_table table;
    CHECK(process_table_init(&table, 16, 256));
    struct process_reading shell = reading_at(10, 1, 100, "/bin/sh", 5, 100);
    process_table_insert(&table, &shell);
    struct process_entry *child = process_table_fork(&table, 10, 11, at(200));
    look(&table, child);
    CHECK(is_text(view.process.executable, "/bin/sh") && view.process.start_ticks == 200);
    CHECK(view.parent.pid == 10 && is_text(view.parent.executable, "/bin/sh"));

    uint32_t previous;
    bool certain;
    child = process_table_exec(&table, 11, at(210), &previous, &certain);
    struct process_reading program = reading_at(11, 10, 199, "/bin/true", 6, 215);
    process_table_learn(&table, child, &program);
    process_table_set_args(&table, child->image, (struct bytes){(const uint8_t *)"true\0-x", 8});
    look(&table, child);
    CHECK(is_text(view.process.executable, "/bin/true") && view.process.args_known && view.process.args.length == 8);
    CHECK(!view.process.executable_unresolved && view.process.user_known && view.process.uid == 7);
    struct process_view before;
    process_table_view_image(&table, previous, &view, &before);
    CHECK(is_text(before.executable, "/bin/sh") && !certain);
    process_table_drop_image(&table, previous);

    // The pid is used again: neither the image nor the parent of the one before is told.
    process_table_exit(&table, 11, at(250));
    child = process_table_fork(&table, 99, 11, at(300));
    look(&table, child);
    CHECK(view.process.executable_unresolved && view.process.start_ticks == 300 && !view.process.user_known);
    CHECK(view.parent.pid == 99 && view.parent.executable.length == 0);

    // A parent whose pid went to another process is told by its pid alone.
    child = process_table_fork(&table, 10, 12, at(400));
    process_table_fork(&table, 1, 10, at(500));
    look(&table, child);
    CHECK(view.parent.pid == 10 && view.parent.executable.length == 0);
    process_table_destroy(&table);
}

// clone(CLONE_PARENT): the connector names the caller's parent, which did not make the child.
static void what_a_child_took_over_is_a_guess_until_it_is_read(void)
{
    struct process_table table;
    CHECK(process_table_init(&table, 16, 256));
    struct process_reading root = reading_at(10, 1, 100, "/usr/sbin/sshd", 5, 100);
    root.uid = root.real_uid = 0;
    process_table_insert(&table, &root);
    struct process_entry *child = process_table_fork(&table, 10, 11, at(200));
    look(&table, child);
    CHECK(view.process.executable_unresolved && !view.process.user_known);

    struct process_reading real = reading_at(11, 10, 200, "/home/evil", 6, 210);
    process_table_learn(&table, child, &real);
    look(&table, child);
    CHECK(is_text(view.process.executable, "/home/evil") && !view.process.executable_unresolved);
    CHECK(view.process.uid == 7 && view.process.user_known && !view.process.args_known);

    child = process_table_fork(&table, 10, 12, at(220));  // its memory is laid out as its parent's: a fork of it
    struct process_reading forked = reading_at(12, 10, 219, "/usr/sbin/sshd", 5, 230);
    forked.executable = (struct bytes){NULL, 0};
    process_table_recognise(&table, child, &forked);
    look(&table, child);
    CHECK(is_text(view.process.executable, "/usr/sbin/sshd") && !view.process.executable_unresolved);
    CHECK(view.process.start_ticks == 219 && view.process.uid == 7);
    process_table_destroy(&table);
}

static struct process_reading told_at(uint32_t pid, uint64_t ticks, uint32_t uid)
{
    return (struct process_reading){.pid = pid, .read_ns = at(ticks).ns, .start_ticks = ticks, .uid = uid, .real_uid = uid,
                                    .user_known = true, .name = "told"};
}

static void a_child_that_is_told_with_its_maker_is_known(void)
{
    struct process_table table;
    CHECK(process_table_init(&table, 16, 256));
    struct process_reading parent = reading_at(10, 1, 100, "/usr/sbin/sshd", 5, 100);
    struct process_reading maker = reading_at(11, 10, 110, "/home/evil", 6, 110);
    process_table_insert(&table, &parent);
    process_table_insert(&table, &maker);
    struct process_entry *child = process_table_fork(&table, 10, 12, at(200));  // clone(CLONE_PARENT)
    struct process_reading told = told_at(12, 200, 33);
    process_table_take_birth(&table, child, 11, &told);
    look(&table, child);
    CHECK(is_text(view.process.executable, "/home/evil") && !view.process.executable_unresolved);
    CHECK(is_text(view.parent.executable, "/usr/sbin/sshd") && view.process.uid == 33 && view.process.user_known);
    CHECK(child->learnt_ns != 0 && process_table_could_be(child, 200) && !process_table_could_be(child, 199));

    process_table_doubt_all(&table);  // the maker may run something else by now
    child = process_table_fork(&table, 10, 13, at(300));
    told = told_at(13, 300, 34);
    process_table_take_birth(&table, child, 11, &told);
    look(&table, child);
    CHECK(view.process.executable_unresolved && view.process.uid == 34 && child->learnt_ns == 0);
    process_table_destroy(&table);
}

static void an_older_change_of_user_does_not_undo_what_an_exec_told(void)
{
    struct process_table table;
    CHECK(process_table_init(&table, 16, 256));
    uint32_t previous;
    bool certain;
    struct process_entry *entry = process_table_fork(&table, 1, 20, at(100));
    struct process_reading told = told_at(20, 100, 1000);
    process_table_take_birth(&table, entry, 1, &told);
    entry = process_table_exec(&table, 20, at(200), &previous, &certain);
    process_table_drop_image(&table, previous);
    told = told_at(20, 100, 0);
    told.read_ns = at(200).ns;
    process_table_take_exec(&table, entry, &told);
    process_table_set_user(&table, 20, 1000, 1000, at(150).ns);
    process_table_set_group(&table, 20, 1000, at(150).ns);
    look(&table, entry);
    CHECK(view.process.uid == 0 && view.process.gid == 0 && strcmp(view.process.name, "told") == 0);
    process_table_set_user(&table, 20, 7, 7, at(250).ns);
    look(&table, entry);
    CHECK(view.process.uid == 7);
    process_table_destroy(&table);
}

static void the_program_of_a_process_that_is_gone_is_certain_or_a_hint(void)
{
    struct process_table table;
    CHECK(process_table_init(&table, 16, 256));
    uint32_t previous;
    bool certain;
    for (uint32_t pid = 30; pid < 32; pid++) {
        struct process_entry *entry = process_table_exec(&table, pid, at(200), &previous, &certain);
        struct process_reading told = told_at(pid, 100, 0);
        told.executable = text_of("/opt/gone");
        told.executable_unresolved = pid == 31;
        process_table_hint_image(&table, entry->image, &told, entry);
        look(&table, entry);
        CHECK(is_text(view.process.executable, "/opt/gone") && view.process.executable_unresolved == (pid == 31));
        told.executable = text_of("/opt/other");
        told.executable_unresolved = true;
        process_table_hint_image(&table, entry->image, &told, entry);
        look(&table, entry);
        CHECK(is_text(view.process.executable, "/opt/gone"));
    }
    process_table_destroy(&table);
}

static void a_start_once_told_stays(void)
{
    struct process_table table;
    CHECK(process_table_init(&table, 16, 256));
    struct process_entry *told = process_table_fork(&table, 1, 20, at(300));
    look(&table, told);
    struct process_reading late = reading_at(20, 1, 299, "/bin/sh", 5, 310);
    CHECK(process_table_could_be(told, 299) && !process_table_could_be(told, 301));
    process_table_learn(&table, told, &late);
    look(&table, told);
    CHECK(view.process.start_ticks == 300 && process_table_could_be(told, 299));

    struct process_entry *untold = process_table_fork(&table, 1, 21, at(300));
    late.pid = 21;
    process_table_learn(&table, untold, &late);
    look(&table, untold);
    CHECK(view.process.start_ticks == 299 && !process_table_could_be(untold, 300));
    process_table_destroy(&table);
}

static void an_exec_that_is_over_has_the_file_that_was_asked_about(void)
{
    struct process_table table;
    CHECK(process_table_init(&table, 16, 256));
    uint32_t previous;
    bool certain;
    struct process_entry *entry = process_table_fork(&table, 1, 30, at(1000));
    process_table_set_asked(&table, entry, text_of("/opt/tool"), 1100);
    entry = process_table_exec(&table, 30, at(1200), &previous, &certain);
    look(&table, entry);
    CHECK(is_text(view.process.executable, "/opt/tool") && view.process.executable_unresolved);
    entry = process_table_exec(&table, 30, at(1300), &previous, &certain);  // another, of which nothing was asked
    process_table_drop_image(&table, previous);
    look(&table, entry);
    CHECK(view.process.executable.length == 0);
    process_table_set_asked(&table, entry, text_of("/opt/failed"), 1400);
    entry = process_table_exec(&table, 30, at(1400 + 2000000000u), &previous, &certain);
    process_table_drop_image(&table, previous);
    look(&table, entry);
    CHECK(view.process.executable.length == 0);
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
    struct process_entry *child = process_table_fork(&table, 10, 11, at(200));
    CHECK(!process_table_is_doubtful(&table, child));  // what it took over is a guess anyway
    // It was right all along, but a lost exec shows in the memory's layout.
    struct process_reading other = reading_at(10, 1, 100, "/bin/dash", 6, 300);
    shell.layout = (struct layout){1000, 5};
    process_table_learn(&table, entry, &shell);
    CHECK(!process_table_is_doubtful(&table, entry));
    process_table_learn(&table, entry, &other);
    look(&table, entry);
    CHECK(is_text(view.process.executable, "/bin/dash"));
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
    for (int step = 1; step < 40000; step++) {
        uint32_t pid = 1 + random_below(PIDS - 1), other = 1 + random_below(PIDS - 1), previous = PROCESS_NONE;
        char executable[200] = "/";
        bool certain;
        memset(executable + 1, 'a' + (int)random_below(26), random_below(190));
        struct process_reading reading = reading_at(pid, other, (uint64_t)step, executable, (uint64_t)step, (uint64_t)step);
        struct process_entry *entry = NULL;
        switch (random_below(5)) {
        case 0:
            entry = process_table_fork(&table, other, pid, at((uint64_t)step));
            if (other != pid)
                memcpy(executables[pid], executables[other], sizeof executable);
            break;
        case 1:
            entry = process_table_exec(&table, pid, at((uint64_t)step), &previous, &certain);
            process_table_learn(&table, entry, &reading);
            memcpy(executables[pid], executable, sizeof executable);
            break;
        case 2:
            entry = process_table_insert(&table, &reading);
            memcpy(executables[pid], executable, sizeof executable);
            break;
        case 3:
            entry = process_table_exit(&table, pid, at((uint64_t)step));
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
        look(&table, entry);
        if (view.process.executable.length > 0 && !is_text(view.process.executable, executables[pid])) {
            CHECK(!"an image of another process");
            break;
        }
    }
    CHECK(table.count <= ROOM);
    for (uint32_t pid = 1000; pid < 1000 + ROOM; pid++)
        process_table_fork(&table, 0, pid, at(1));  // without an image: pushes all others out
    CHECK(table.texts.free_count == 64);
    process_table_destroy(&table);
}

// ---- the same history in any order

enum { LIVES = 12, LIFE_NS = 1000, NEWS = 3 };

struct news {
    enum { BORN, RAN, ENDED } kind;
    uint32_t parent;
    struct moment when;
};

// One pid, owned by LIVES processes one after the other, each of a parent of its own. What is told of it arrives in any
// order and not whole; whoever is read in between is the process of that time. At no point may the entry hold what
// belongs to a later or an earlier owner than the newest that is known of.
static void one_history_in_any_order(void)
{
    const uint32_t pid = 500;
    struct process_table table;
    CHECK(process_table_init(&table, 64, 64));
    struct news news[LIVES * NEWS];
    for (uint32_t life = 0; life < LIVES; life++) {
        uint64_t birth = (uint64_t)(life + 1) * LIFE_NS;
        news[life * NEWS] = (struct news){BORN, 600 + life, at(birth)};
        news[life * NEWS + 1] = (struct news){RAN, 600 + life, at(birth + 100)};
        news[life * NEWS + 2] = (struct news){ENDED, 600 + life, at(birth + 900)};
    }
    for (uint32_t i = LIVES * NEWS - 1; i > 0; i--) {  // any order, though most often near its own place
        uint32_t j = random_below(2) ? random_below(i + 1) : i - random_below(i < 4 ? i + 1 : 4);
        struct news kept = news[i];
        news[i] = news[j];
        news[j] = kept;
    }
    uint64_t newest = 0;    // the latest news that the table was given, by its time
    uint64_t newest_birth = 0;
    bool ended = false;
    for (uint32_t i = 0; i < LIVES * NEWS; i++) {
        if (random_below(8) == 0)
            continue;  // lost
        struct process_entry *entry = NULL;
        uint32_t previous = PROCESS_NONE;
        bool certain;
        switch (news[i].kind) {
        case BORN: entry = process_table_fork(&table, news[i].parent, pid, news[i].when); break;
        case RAN: entry = process_table_exec(&table, pid, news[i].when, &previous, &certain); break;
        case ENDED: entry = process_table_exit(&table, pid, news[i].when); break;
        }
        process_table_drop_image(&table, previous);
        uint64_t life_before = newest / LIFE_NS, life = news[i].when.ns / LIFE_NS;
        bool is_ahead = news[i].when.ns > newest;
        newest = is_ahead ? news[i].when.ns : newest;
        ended = life > life_before ? news[i].kind == ENDED : ended || (life == life_before && news[i].kind == ENDED);
        CHECK(entry || life < life_before || (life == life_before && news[i].when.ns < newest) || !is_ahead);
        const struct process_entry *now = process_table_peek(&table, pid);
        CHECK(now && now->met_ns / LIFE_NS <= newest / LIFE_NS);
        newest_birth = news[i].kind == BORN && news[i].when.ns > newest_birth ? news[i].when.ns : newest_birth;
        CHECK(now && (!now->is_born || now->met_ns >= newest_birth));
        CHECK(now && (now->parent_pid == 0 || now->parent_pid == 600 + (uint32_t)(now->met_ns / LIFE_NS) - 1));
        CHECK(now && (!now->is_born || !process_table_could_be(now, newest + LIFE_NS)));
        CHECK(now && (life < life_before || !now->exited || ended));
    }
    process_table_destroy(&table);
}

static void histories_in_any_order(void)
{
    for (int i = 0; i < 3000 && failures == 0; i++)
        one_history_in_any_order();
}

// A change that waits to be told keeps its process's entry, whoever has the pid meanwhile.
static void a_pinned_process_stays_itself(void)
{
    struct process_table table;
    CHECK(process_table_init(&table, 8, 16));
    struct process_reading shell = reading_at(10, 1, 100, "/bin/sh", 5, 100);
    struct process_entry *entry = process_table_insert(&table, &shell);
    process_table_pin(entry);
    process_table_exit(&table, 10, at(150));
    for (uint32_t pid = 10; pid < 40; pid++)
        process_table_fork(&table, 1, pid, at(200));
    look(&table, entry);
    CHECK(is_text(view.process.executable, "/bin/sh") && view.process.start_ticks == 100);
    CHECK(process_table_peek(&table, 10) != entry);
    process_table_unpin(&table, entry);
    for (uint32_t pid = 50; pid < 90; pid++)
        process_table_fork(&table, 0, pid, at(300));
    CHECK(table.count == 8 && table.texts.free_count == 16);
    process_table_destroy(&table);
}

int main(void)
{
    texts_come_out_as_they_went_in();
    a_child_has_its_parents_image_until_it_execs();
    what_a_child_took_over_is_a_guess_until_it_is_read();
    a_child_that_is_told_with_its_maker_is_known();
    an_older_change_of_user_does_not_undo_what_an_exec_told();
    the_program_of_a_process_that_is_gone_is_certain_or_a_hint();
    a_start_once_told_stays();
    an_exec_that_is_over_has_the_file_that_was_asked_about();
    lost_events_make_every_entry_doubtful();
    a_table_under_pressure_never_tells_a_wrong_image();
    histories_in_any_order();
    a_pinned_process_stays_itself();
    fprintf(stderr, "linux_process_table_test: %u failures\n", failures);
    return failures ? 1 : 0;
}
