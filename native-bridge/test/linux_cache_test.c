// The kernel's cache on the real kernel: a file that may be opened is asked about once, and never opened again without a
// question once its content is one that would be denied, whoever changed it and however. The core here judges by content: it
// reads the file while its opener waits. A file that begins with D is denied.
//
// Guards only filesystems that it mounts itself. Needs root: without it says so and exits with 77.
#include "linux_harness.h"

#include <spawn.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "linux/linux_state.h"

enum { HUNG_US = 20000000, OPENS = 20, MANY = 600, FLIPPED = 4, FLIPS = 400, OPENERS = 3 };

static atomic_uint questions;
static atomic_uint_least64_t epoch = 1;
static atomic_bool waits_next;
static atomic_uint_least64_t waiting;      // 0: no question waits

// ---- rules and policies

static enum verdict by_content(uint64_t token)
{
    char first = 0;
    atomic_fetch_add(&questions, 1);
    uint64_t by = atomic_load(&epoch);
    if (atomic_exchange(&waits_next, false)) {
        atomic_store(&waiting, token);
        return VERDICT_DEFER;
    }
    if (pread(linux_question(token).fd, &first, 1, 0) == 1 && first == 'D')
        return VERDICT_DENY;
    backend->remember(backend->state, token, by);
    return VERDICT_ALLOW;
}

static void apply_epoch(const char *const *filesystems, bool cacheable)
{
    static struct subscription opens = {EVENT_AUTH, {(const uint8_t *)"open", 4}, false, 0};
    static struct action_settings settings[2];
    static struct policy policies[64];
    static struct bytes paths[2];
    static unsigned turn;
    struct policy *policy = &policies[turn++ % 64];
    size_t count = 0;
    for (; filesystems[count]; count++)
        paths[count] = bytes_of_text(filesystems[count]);
    settings[cacheable] = (struct action_settings){bytes_of_text("open"), VERDICT_ALLOW, 1000000, cacheable};
    atomic_init(&policy->references, 1);
    policy->epoch = atomic_load(&epoch) + 1;
    policy->guarded_filesystems = paths;
    policy->guarded_filesystems_count = count;
    policy->new_mounts = NEW_MOUNTS_IGNORE;
    policy->subscriptions = &opens;
    policy->subscriptions_count = 1;
    policy->actions = &settings[cacheable];
    policy->actions_count = 1;
    char error[256] = "";
    CHECK(backend->apply(backend->state, policy, count_unguarded, NULL, error, sizeof error) == 0, "%s", error);
    atomic_store(&epoch, policy->epoch);
}

static struct linux_state *state_of_backend(void)
{
    return backend->state;
}

// ---- the opener: another process, for the bridge's own opens are not asked about

// Shared with it: of each file an even number while it may be opened, an odd one while it may not, none while it changes.
struct page {
    _Atomic uint32_t state[FLIPPED];
    atomic_bool stops;
    atomic_uint opens, wrong_opens, wrong_denials, judged;
};

static struct page *page;
static int opener_socket;
static pid_t opener;

static int serve_opens(void)
{
    char path[256];
    ssize_t length;
    while ((length = read(3, path, sizeof path - 1)) > 0) {
        path[length] = 0;
        int fd = open(path, O_RDONLY | O_CLOEXEC), error = fd < 0 ? errno : 0;
        if (fd >= 0)
            close(fd);
        if (write(3, &error, sizeof error) != sizeof error)
            return 1;
    }
    return 0;
}

static int start_opener(void)
{
    int pair[2];
    posix_spawn_file_actions_t actions;
    const char *const arguments[] = {self, "--serve-opens", NULL};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, pair[1], 3);
    int failure = posix_spawn(&opener, self, &actions, NULL, (char *const *)(uintptr_t)arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    close(pair[1]);
    opener_socket = pair[0];
    return failure;
}

static int opened(const char *path)
{
    int error = -1;
    CHECK(write(opener_socket, path, strlen(path)) == (ssize_t)strlen(path), "%s", strerror(errno));
    CHECK(read(opener_socket, &error, sizeof error) == sizeof error, "%s", strerror(errno));
    return error;
}

// How many questions so many opens took.
static unsigned asked_for(const char *path, int opens, int error)
{
    unsigned before = atomic_load(&questions);
    for (int i = 0; i < opens; i++)
        CHECK(opened(path) == error, "%s", path);
    return atomic_load(&questions) - before;
}

static void make_kept(const char *path)
{
    write_file(path, "Allowed", 0644);
    CHECK(asked_for(path, 1, 0) == 1, "%s", path);
    CHECK(asked_for(path, OPENS, 0) == 0, "%s is kept", path);
}

// ---- changes of content

static void put_denied(int fd)
{
    CHECK(fd >= 0 && pwrite(fd, "D", 1, 0) == 1, "%s", strerror(errno));
}

static void by_write(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    put_denied(fd);
    close(fd);
}

static void by_both(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    put_denied(fd);
    close(fd);
}

static void write_shared(int fd)
{
    char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(shared != MAP_FAILED, "%s", strerror(errno));
    close(fd);
    shared[0] = 'D';
    munmap(shared, 4096);
}

static void by_new_mapping(const char *path)
{
    write_shared(open(path, O_RDWR | O_CLOEXEC));
}

static void by_truncate(const char *path)
{
    CHECK(truncate(path, 0) == 0, "%s", strerror(errno));
    by_write(path);
}

static void by_opening_truncated(const char *path)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    put_denied(fd);
    close(fd);
}

// To empty it breaks no lease; to write to it then does.
static void by_emptying(const char *path)
{
    int fd = open(path, O_RDONLY | O_TRUNC | O_CLOEXEC);
    CHECK(fd >= 0 && close(fd) == 0, "%s", strerror(errno));
    CHECK(opened(path) == 0, "an empty file may be opened");
    by_write(path);
}

static void by_rename_over(const char *path)
{
    char other[300];
    snprintf(other, sizeof other, "%s.new", path);
    write_file(other, "Denied", 0644);
    CHECK(rename(other, path) == 0, "%s", strerror(errno));
}

// The inode's number may be the same.
static void by_another_file(const char *path)
{
    CHECK(unlink(path) == 0, "%s", strerror(errno));
    write_file(path, "Denied", 0644);
}

static void by_other_name(const char *path)
{
    char other[300];
    snprintf(other, sizeof other, "%s.link", path);
    CHECK(link(path, other) == 0, "%s", strerror(errno));
    by_write(other);
    CHECK(unlink(other) == 0, "%s", strerror(errno));
}

static const struct {
    const char *name;
    void (*change)(const char *path);
} changes[] = {
    {"write", by_write},
    {"open for both and write", by_both},
    {"write through a new mapping", by_new_mapping},
    {"truncate and write", by_truncate},
    {"open truncated and write", by_opening_truncated},
    {"empty and write", by_emptying},
    {"rename over it", by_rename_over},
    {"another file in its place", by_another_file},
    {"write by a hard link", by_other_name},
};
enum { CHANGES = sizeof changes / sizeof changes[0] };

static void changes_are_seen(void)
{
    for (size_t i = 0; i < CHANGES; i++) {
        const char *path = path_in(guarded, "changed");
        make_kept(path);
        int64_t began_us = clock_monotonic_us();
        changes[i].change(path);
        CHECK(clock_monotonic_us() - began_us < HUNG_US, "%s waited", changes[i].name);
        CHECK(opened(path) == EPERM, "after %s", changes[i].name);
        CHECK(unlink(path) == 0, "%s", strerror(errno));
    }
}

static void what_is_no_content_is_not_asked_about(void)
{
    const char *path = path_in(guarded, "kept"), *moved = path_in(guarded, "moved"), *linked = path_in(guarded, "linked");
    make_kept(path);
    CHECK(chmod(path, 0600) == 0 && asked_for(path, OPENS, 0) == 0, "chmod");
    CHECK(chown(path, 1, 1) == 0 && asked_for(path, OPENS, 0) == 0, "chown");
    CHECK(link(path, linked) == 0 && asked_for(linked, OPENS, 0) == 0, "link");
    CHECK(rename(path, moved) == 0 && asked_for(moved, OPENS, 0) == 0, "rename");
    by_write(linked);
    CHECK(opened(moved) == EPERM && opened(linked) == EPERM, "by each name");
    CHECK(unlink(linked) == 0 && unlink(moved) == 0, "%s", strerror(errno));
}

static void who_can_write_already_keeps_it_asked_about(void)
{
    const char *path = path_in(guarded, "written");
    write_file(path, "Allowed", 0644);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(asked_for(path, OPENS, 0) == OPENS, "open for writing");
    put_denied(fd);
    CHECK(opened(path) == EPERM, "written by who had it open");
    CHECK(pwrite(fd, "A", 1, 0) == 1, "%s", strerror(errno));
    char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(shared != MAP_FAILED && close(fd) == 0, "%s", strerror(errno));
    CHECK(asked_for(path, OPENS, 0) == OPENS, "mapped for writing");
    shared[0] = 'D';
    CHECK(opened(path) == EPERM, "written through an old mapping");
    shared[0] = 'A';
    CHECK(munmap(shared, 4096) == 0, "%s", strerror(errno));
    CHECK(asked_for(path, OPENS, 0) == 1, "kept when nobody can write");
    CHECK(unlink(path) == 0, "%s", strerror(errno));
}

// The kernel lets everybody pass by a file while a question waits that met a mark which is taken away: so none is.
static void beside_a_waiting_question(void)
{
    const char *path = path_in(guarded, "waiting");
    make_kept(path);
    by_write(path);
    write_file(path, "Allowed", 0644);
    atomic_store(&waits_next, true);
    const char *const arguments[] = {self, "--open", path, NULL};
    pid_t waits = start_child(arguments);
    int64_t until_us = clock_monotonic_us() + HUNG_US;
    while (atomic_load(&waiting) == 0 && clock_monotonic_us() < until_us)
        usleep(100);
    CHECK(asked_for(path, OPENS, 0) == 1, "kept beside it");
    by_write(path);
    CHECK(asked_for(path, OPENS, EPERM) == OPENS, "written beside it");
    write_file(path, "Allowed", 0644);
    CHECK(asked_for(path, OPENS, 0) == 1, "kept again");
    apply_epoch((const char *const[]){guarded, NULL}, true);
    CHECK(asked_for(path, 1, 0) == 1, "a new policy beside it");
    backend->respond(backend->state, atomic_exchange(&waiting, 0), VERDICT_ALLOW);
    CHECK(wait_child(waits) == 0, "it goes on");
    CHECK(unlink(path) == 0, "%s", strerror(errno));
}

static void epochs_forget(void)
{
    const char *path = path_in(guarded, "epochs");
    make_kept(path);
    apply_epoch((const char *const[]){guarded, NULL}, true);
    CHECK(asked_for(path, OPENS, 0) == 1, "a new policy");
    // A verdict of rules of before.
    atomic_fetch_sub(&epoch, 1);
    by_both(path);
    write_file(path, "Allowed", 0644);
    CHECK(asked_for(path, OPENS, 0) == OPENS, "an old verdict");
    atomic_fetch_add(&epoch, 1);
    CHECK(asked_for(path, OPENS, 0) == 1, "a verdict of this policy");
    apply_epoch((const char *const[]){guarded, NULL}, false);
    CHECK(asked_for(path, OPENS, 0) == OPENS, "a policy that keeps nothing");
    apply_epoch((const char *const[]){guarded, NULL}, true);
    CHECK(asked_for(path, OPENS, 0) == 1, "and one that does");
    backend->ask(backend->state, false, count_unguarded, NULL);
    CHECK(asked_for(path, OPENS, 0) == 0, "switched off");
    by_write(path);
    backend->ask(backend->state, true, count_unguarded, NULL);
    CHECK(asked_for(path, OPENS, EPERM) == OPENS, "denied again");
    CHECK(unlink(path) == 0, "%s", strerror(errno));
}

static const char *numbered(int number)
{
    char name[32];
    snprintf(name, sizeof name, "many-%d", number);
    return path_in(guarded, name);
}

// Also where the queue of signals is of no length, and the kernel tells of a break without telling whose.
static void many_at_once(bool overflows)
{
    struct rlimit before, none;
    for (int i = 0; i < MANY; i++) {
        write_file(numbered(i), "Allowed", 0644);
        CHECK(opened(numbered(i)) == 0, "%d", i);
    }
    CHECK(asked_for(numbered(MANY - 1), 1, 0) == 0, "kept");
    CHECK(getrlimit(RLIMIT_SIGPENDING, &before) == 0, "%s", strerror(errno));
    none = (struct rlimit){0, before.rlim_max};
    if (overflows)
        CHECK(setrlimit(RLIMIT_SIGPENDING, &none) == 0, "%s", strerror(errno));
    int64_t began_us = clock_monotonic_us();
    for (int i = 0; i < MANY; i++)
        by_write(numbered(i));
    CHECK(clock_monotonic_us() - began_us < HUNG_US, "all together");
    CHECK(setrlimit(RLIMIT_SIGPENDING, &before) == 0, "%s", strerror(errno));
    for (int i = 0; i < MANY; i++) {
        CHECK(opened(numbered(i)) == EPERM, "%d", i);
        CHECK(unlink(numbered(i)) == 0, "%d", i);
    }
}

// ---- opens beside changes: who finds a file denied before and after his open must have been denied

static void path_of_flipped(char path[300], int file)
{
    snprintf(path, 300, "%s/flipped-%d", guarded, file);
}

static void *open_flipped(void *argument)
{
    unsigned turn = (unsigned)(uintptr_t)argument;
    while (!atomic_load(&page->stops)) {
        int file = (int)(turn++ % FLIPPED);
        char path[300];
        path_of_flipped(path, file);
        uint32_t before = atomic_load(&page->state[file]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            close(fd);
        uint32_t after = atomic_load(&page->state[file]);
        atomic_fetch_add(&page->opens, 1);
        if (before != after || before == 0)
            continue;
        atomic_fetch_add(&page->judged, 1);
        if (fd >= 0 && before % 2 == 1)
            atomic_fetch_add(&page->wrong_opens, 1);
        if (fd < 0 && before % 2 == 0)
            atomic_fetch_add(&page->wrong_denials, 1);
    }
    return NULL;
}

static int open_while_flipped(const char *folder, const char *page_path)
{
    pthread_t threads[OPENERS];
    int fd = open(page_path, O_RDWR | O_CLOEXEC);
    snprintf(guarded, sizeof guarded, "%s", folder);
    page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return 1;
    for (uintptr_t i = 0; i < OPENERS; i++)
        if (pthread_create(&threads[i], NULL, open_flipped, (void *)i) != 0)
            return 1;
    for (int i = 0; i < OPENERS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static uint64_t random_number = 1;

static unsigned random_below(unsigned bound)
{
    random_number = random_number * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_number >> 33) % bound;
}

static void opens_beside_changes(void)
{
    const char *page_path = path_in(root, "page");
    int fd = open(page_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, sizeof *page) == 0, "%s", strerror(errno));
    page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char path[300];
    uint32_t number = 2;
    for (int file = 0; file < FLIPPED; file++) {
        path_of_flipped(path, file);
        write_file(path, "Allowed", 0644);
        atomic_store(&page->state[file], number);
    }
    const char *const arguments[] = {self, "--open-while-flipped", guarded, page_path, NULL};
    pid_t child_pid = start_child(arguments);
    for (int i = 0; i < FLIPS; i++) {
        int file = (int)random_below(FLIPPED);
        bool is_denied = atomic_load(&page->state[file]) % 2 == 1;
        path_of_flipped(path, file);
        atomic_store(&page->state[file], 0);
        if (is_denied)
            write_file(path, "Allowed", 0644);
        else
            changes[random_below(CHANGES)].change(path);
        number += 2;
        atomic_store(&page->state[file], number + !is_denied);
        // Until it has been opened some times, so that it may be kept.
        unsigned opens = atomic_load(&page->opens) + random_below(8 * FLIPPED);
        int64_t until_us = clock_monotonic_us() + HUNG_US;
        while (atomic_load(&page->opens) < opens && clock_monotonic_us() < until_us)
            usleep(50);
    }
    atomic_store(&page->stops, true);
    CHECK(wait_child(child_pid) == 0, "the openers end");
    CHECK(atomic_load(&page->wrong_opens) == 0, "%u of %u", atomic_load(&page->wrong_opens), atomic_load(&page->judged));
    CHECK(atomic_load(&page->wrong_denials) == 0, "%u of %u", atomic_load(&page->wrong_denials), atomic_load(&page->judged));
    CHECK(atomic_load(&page->judged) > FLIPS, "%u", atomic_load(&page->judged));
    fprintf(stderr, "  %u opens beside %d changes, %u judged, %u questions\n", atomic_load(&page->opens), FLIPS,
            atomic_load(&page->judged), atomic_load(&questions));
    for (int file = 0; file < FLIPPED; file++) {
        path_of_flipped(path, file);
        unlink(path);
    }
    munmap(page, sizeof *page);
    close(fd);
    unlink(page_path);
}

// ---- filesystems

// What an overlay shows of a file is asked about each time, and so is the file below once it is changed there.
static void overlay_above(void)
{
    const char *lower = path_in(guarded, "lower"), *upper = path_in(guarded, "upper"), *work = path_in(guarded, "work");
    const char *merged = path_in(root, "merged");
    char options[600];
    mkdir(lower, 0755);
    mkdir(upper, 0755);
    mkdir(work, 0755);
    mkdir(merged, 0755);
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work);
    char below[300], above[300];
    snprintf(below, sizeof below, "%s/file", lower);
    snprintf(above, sizeof above, "%s/file", merged);
    write_file(below, "Allowed", 0644);
    if (mount("picket", merged, "overlay", 0, options) != 0) {
        fprintf(stderr, "  left out: no overlay here (%s)\n", strerror(errno));
        return;
    }
    apply_epoch((const char *const[]){guarded, merged, NULL}, true);
    CHECK(asked_for(below, 1, 0) == 1 && asked_for(below, OPENS, 0) == 0, "the file below is kept");
    CHECK(asked_for(above, OPENS, 0) >= OPENS, "what is shown of it is not");
    by_write(below);
    CHECK(opened(below) == EPERM && opened(above) == EPERM, "written below");
    write_file(below, "Allowed", 0644);
    CHECK(opened(below) == 0 && opened(above) == 0, "and back");
    by_write(above);
    CHECK(opened(above) == EPERM && opened(below) == 0, "written above");
    apply_epoch((const char *const[]){guarded, NULL}, true);
    CHECK(umount(merged) == 0, "%s", strerror(errno));
    rmdir(merged);
    unlink(below);
}

// Once nobody guards it, nothing keeps it busy: given up leases are let go by another thread.
static void unmounted_when_unguarded(const char *mounted)
{
    char path[300];
    snprintf(path, sizeof path, "%s/busy", mounted);
    make_kept(path);
    apply_epoch((const char *const[]){NULL}, false);
    int64_t until_us = clock_monotonic_us() + HUNG_US;
    while (umount(mounted) != 0 && clock_monotonic_us() < until_us)
        usleep(1000);
    CHECK(umount(mounted) != 0 && errno == EINVAL, "%s is unmounted", mounted);
}

static void on(const char *type)
{
    fprintf(stderr, "on %s\n", type);
    apply_epoch((const char *const[]){guarded, NULL}, true);
    changes_are_seen();
    what_is_no_content_is_not_asked_about();
    who_can_write_already_keeps_it_asked_about();
    beside_a_waiting_question();
    epochs_forget();
    many_at_once(false);
    many_at_once(true);
    opens_beside_changes();
    overlay_above();
    unmounted_when_unguarded(guarded);
    CHECK(leases_counts(&state_of_backend()->leases).held == 0, "nothing is held any more");
}

static bool mount_image(void)
{
    const char *image = path_in(root, "image");
    int fd = open(image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, 64 << 20) == 0 && close(fd) == 0, "%s", strerror(errno));
    return RUN("/sbin/mkfs.ext4", "-q", "-F", image) == 0 && RUN("/bin/mount", "-o", "loop", image, guarded) == 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--serve-opens") == 0)
        _exit(serve_opens());
    if (argc == 4 && strcmp(argv[1], "--open-while-flipped") == 0)
        _exit(open_while_flipped(argv[2], argv[3]));
    if (argc > 1)
        _exit(child(argc, argv));
    int code = begin_test("linux_cache_test");
    if (code != 0)
        return code;
    backend = linux_backend();
    judge = by_content;
    CHECK(mount_image(), "an ext4 image is mounted");
    CHECK(start_opener() == 0, "the opener starts");
    char error[256] = "";
    CHECK(backend->start(backend->state, NULL, error, sizeof error) == 0, "%s", error);
    if (failures == 0) {
        on("ext4");
        CHECK(mount("picket", guarded, "tmpfs", 0, "size=8m") == 0, "%s", strerror(errno));
        on("tmpfs");
    }
    close(opener_socket);
    wait_child(opener);
    backend->stop(backend->state);
    unlink(path_in(root, "image"));
    return end_test("linux_cache_test");
}
