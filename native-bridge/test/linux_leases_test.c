// Leases on the real kernel: whoever wants to write goes on once all that depended on the lease is forgotten, and never
// before; what is refused; and that nothing which can be lost keeps a writer waiting.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "linux/leases.h"
#include "test/core_check.h"

// A writer that nobody lets go waits for lease-break-time, 45 s: less than half of that tells the two apart.
enum { HUNG_US = 20000000, WRITERS = 400, WHOLE_TEST_SECONDS = 200 };

static struct leases leases;
static char folder[64];

// ---- what depends on a lease, here: a mark in memory that the hook takes back

static _Atomic uint64_t forgotten[65536];      // times, by descriptor

static void forget(void *context, struct lease *lease) {
    (void)context;
    atomic_fetch_add(&forgotten[lease->fd], 1);
}

static void start(int64_t idle_us) {
    char error[256] = "";
    if (!leases_start(&leases, LEASES_MAX, idle_us, forget, NULL, error, sizeof error)) fprintf(stderr, "%s\n", error);
    CHECK(leases.slots != NULL);
}

static const char *path_of(int number) {
    static _Thread_local char paths[2][96];
    char *path = paths[number % 2];
    (void)snprintf(path, sizeof paths[0], "%s/%d", folder, number);
    return path;
}

static void make(int number) {
    int fd = open(path_of(number), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, "content", 7) == 7 && close(fd) == 0);
}

static lease_id take_by(int fd) {
    struct stat file;
    CHECK(fd >= 0 && fstat(fd, &file) == 0);
    return leases_take(&leases, fd, file.st_dev, file.st_ino);
}

static lease_id take(int number) {
    int fd = open(path_of(number), O_RDONLY | O_CLOEXEC);
    lease_id id = take_by(fd);
    CHECK_EQUAL(close(fd), 0);
    return id;
}

static void copy_descriptor(void *context, struct lease *lease) {
    *(int *)context = lease->fd;
}

static void look(void *context, struct lease *lease) {
    (void)context, (void)lease;
}

static bool is_held(lease_id id) {
    return leases_visit(&leases, id, look, NULL);
}

static void wait_until(bool (*is_so)(uint64_t), uint64_t value) {
    int64_t until_us = clock_monotonic_us() + HUNG_US;
    while (!is_so(value)) {
        CHECK(clock_monotonic_us() < until_us);
        (void)usleep(1000);
    }
}

// ---- changes of a file, each by a process of its own: it must not end with a lease, nor share this one's threads

enum change { OPENS_TO_WRITE, OPENS_TO_BOTH, TRUNCATES_BY_PATH, OPENS_NON_BLOCKING };

static int change_file(const char *path, enum change change) {
    switch (change) {
    case OPENS_TO_WRITE: return open(path, O_WRONLY | O_CLOEXEC);
    case OPENS_TO_BOTH: return open(path, O_RDWR | O_CLOEXEC);
    case TRUNCATES_BY_PATH: return truncate(path, 1);
    case OPENS_NON_BLOCKING: return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    }
    return -1;
}

static void breaks_for(enum change change) {
    int fd;
    make(1);
    lease_id id = take(1);
    CHECK(id != 0 && leases_visit(&leases, id, copy_descriptor, &fd));
    uint64_t before = atomic_load(&forgotten[fd]), broken = leases_counts(&leases).broken;
    int64_t began_us = clock_monotonic_us();
    if (change == OPENS_NON_BLOCKING) {
        CHECK(change_file(path_of(1), change) == -1 && errno == EWOULDBLOCK);
        while (is_held(id)) CHECK(clock_monotonic_us() - began_us < HUNG_US);
    } else {
        int result = change_file(path_of(1), change);
        // Already forgotten when the writer goes on.
        CHECK_EQUAL(atomic_load(&forgotten[fd]), before + 1);
        CHECK(result >= 0 && (result == 0 || close(result) == 0));
    }
    CHECK(clock_monotonic_us() - began_us < HUNG_US);
    CHECK(!is_held(id));
    CHECK_EQUAL(leases_counts(&leases).broken, broken + 1);
    CHECK_EQUAL(unlink(path_of(1)), 0);
}

static void test_breaks(void) {
    for (int change = OPENS_TO_WRITE; change <= OPENS_NON_BLOCKING; change++) breaks_for((enum change)change);
    holds("whoever opens for writing or truncates goes on at once, and after all that depended on the lease");
}

// No lease keeps anybody from emptying a file in this way, and the kernel says nothing of it.
static void test_emptied(void) {
    int fd;
    make(1);
    lease_id id = take(1);
    CHECK(leases_visit(&leases, id, copy_descriptor, &fd));
    uint64_t before = atomic_load(&forgotten[fd]);
    int reader = open(path_of(1), O_RDONLY | O_TRUNC | O_CLOEXEC);
    CHECK(reader >= 0 && close(reader) == 0);
    lease_id later = take(1);
    CHECK(later != 0 && later != id && !is_held(id));
    CHECK_EQUAL(atomic_load(&forgotten[fd]), before + 1);
    CHECK_EQUAL(take(1), later);
    CHECK_EQUAL(unlink(path_of(1)), 0);
    holds("the lease of a file that was emptied without opening it for writing is not given again");
}

static void test_what_does_not_break(void) {
    make(1);
    lease_id id = take(1);
    CHECK(id != 0);
    CHECK_EQUAL(chmod(path_of(1), 0640), 0);
    CHECK_EQUAL(chown(path_of(1), 1, 1), 0);
    char other[96];
    (void)snprintf(other, sizeof other, "%s/other", folder);
    CHECK_EQUAL(link(path_of(1), other), 0);
    CHECK_EQUAL(rename(path_of(1), path_of(2)), 0);
    CHECK_EQUAL(unlink(path_of(2)), 0);
    int fd = open(other, O_RDONLY | O_CLOEXEC);
    CHECK_EQUAL(take_by(fd), id);
    CHECK_EQUAL(close(fd), 0);
    CHECK_EQUAL(unlink(other), 0);
    holds("mode, owner and names may change: it is the content that is held, and it is one lease by every name");
}

static void test_refusals(void) {
    make(1);
    uint64_t refused = leases_counts(&leases).refused;
    int writer = open(path_of(1), O_RDWR | O_CLOEXEC);
    CHECK_EQUAL(take(1), 0);
    void *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);
    CHECK(mapped != MAP_FAILED && close(writer) == 0);
    CHECK_EQUAL(take(1), 0);
    CHECK_EQUAL(munmap(mapped, 4096), 0);
    // It could become writable by mprotect().
    writer = open(path_of(1), O_RDWR | O_CLOEXEC);
    mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, writer, 0);
    CHECK(mapped != MAP_FAILED && close(writer) == 0);
    CHECK_EQUAL(take(1), 0);
    CHECK_EQUAL(munmap(mapped, 4096), 0);
    int directory = open(folder, O_RDONLY | O_CLOEXEC);
    CHECK_EQUAL(take_by(directory), 0);
    CHECK_EQUAL(close(directory), 0);
    CHECK_EQUAL(leases_counts(&leases).refused, refused + 4);
    CHECK(take(1) != 0);
    CHECK_EQUAL(unlink(path_of(1)), 0);
    holds("no lease on a file that is open or mapped for writing, nor on a folder");
}

static void give_digest(void *context, struct lease *lease) {
    (void)context;
    lease->has_digest = true;
    lease->digest[0] = 7;
}

static void check_digest(void *context, struct lease *lease) {
    *(bool *)context = lease->has_digest && lease->digest[0] == 7;
}

static void test_what_is_known(void) {
    bool has_digest = false;
    make(1);
    lease_id first = take(1);
    CHECK(leases_visit(&leases, first, give_digest, NULL));
    CHECK(take(1) == first && leases_visit(&leases, first, check_digest, &has_digest) && has_digest);
    int writer = open(path_of(1), O_WRONLY | O_CLOEXEC);
    CHECK(writer >= 0 && close(writer) == 0);
    lease_id second = take(1);
    CHECK(second != 0 && second != first);
    CHECK(!leases_visit(&leases, first, give_digest, NULL));
    CHECK(leases_visit(&leases, second, check_digest, &has_digest) && !has_digest);
    CHECK_EQUAL(unlink(path_of(1)), 0);
    holds("what is known of a content ends with its lease, and an old id is nobody's");
}

static bool is_given_up(uint64_t count) {
    return leases_counts(&leases).given_up >= count;
}

static void test_no_name(void) {
    make(1);
    lease_id id = take(1);
    uint64_t given_up = leases_counts(&leases).given_up;
    CHECK(id != 0 && unlink(path_of(1)) == 0);
    wait_until(is_given_up, given_up + 1);
    CHECK(!is_held(id));
    holds("a file that has no name left is let go, with the space that it takes");
}

static bool holds_no_more_than(uint64_t count) {
    return leases_counts(&leases).held <= count;
}

static bool can_be_taken(uint64_t number) {
    return take((int)number) != 0;
}

static void test_bound(void) {
    for (int i = 0; i < LEASES_MAX; i++) {
        make(i);
        CHECK(take(i) != 0);
    }
    CHECK_EQUAL(leases_counts(&leases).held, LEASES_MAX);
    make(LEASES_MAX);
    CHECK(take(0) != 0);        // in use: no more the oldest
    CHECK_EQUAL(take(LEASES_MAX), 0);
    wait_until(holds_no_more_than, LEASES_MAX - LEASES_MAX / 8);
    uint64_t taken = leases_counts(&leases).taken;
    CHECK(take(0) != 0);
    CHECK_EQUAL(leases_counts(&leases).taken, taken);
    wait_until(can_be_taken, LEASES_MAX);       // once what was let go is closed, too
    wait_until(can_be_taken, 1);
    CHECK_EQUAL(leases_counts(&leases).taken, taken + 2);
    holds("the one that is too many is refused, and the oldest are given up for the next");
}

// ---- many writers at once

static void *write_each(void *argument) {
    int first = *(int *)argument;
    for (int i = first; i < WRITERS; i += 4) {
        int64_t began_us = clock_monotonic_us();
        int fd = open(path_of(i), O_WRONLY | O_CLOEXEC);
        CHECK(fd >= 0 && close(fd) == 0);
        CHECK(clock_monotonic_us() - began_us < HUNG_US);
    }
    return NULL;
}

static void write_all(void) {
    pthread_t threads[4];
    int first[4] = {0, 1, 2, 3};
    for (int i = 0; i < 4; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, write_each, &first[i]), 0);
    for (int i = 0; i < 4; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
}

static void take_all(void) {
    for (int i = 0; i < WRITERS; i++) {
        make(i);
        CHECK(take(i) != 0);
    }
}

// With no signal to be queued at all the kernel sends SIGIO, which does not say for which file.
static void test_overflow(void) {
    struct rlimit before, none;
    take_all();
    uint64_t broken = leases_counts(&leases).broken;
    CHECK_EQUAL(getrlimit(RLIMIT_SIGPENDING, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    CHECK_EQUAL(setrlimit(RLIMIT_SIGPENDING, &none), 0);
    write_all();
    CHECK_EQUAL(setrlimit(RLIMIT_SIGPENDING, &before), 0);
    CHECK_EQUAL(leases_counts(&leases).broken, broken + WRITERS);
    holds("where the queue of signals overflows every writer goes on all the same");
}

static atomic_bool steals;

static void *steal(void *argument) {
    uint64_t *stolen = argument;
    sigset_t both;
    const struct timespec a_moment = {0, 10000000};
    (void)sigemptyset(&both);
    (void)sigaddset(&both, SIGIO);
    (void)sigaddset(&both, SIGRTMAX);
    while (atomic_load(&steals))
        if (sigtimedwait(&both, NULL, &a_moment) > 0) (*stolen)++;
    return NULL;
}

static void test_lost_signal(void) {
    pthread_t thief;
    uint64_t stolen = 0;
    atomic_store(&steals, true);
    CHECK_EQUAL(pthread_create(&thief, NULL, steal, &stolen), 0);
    int64_t until_us = clock_monotonic_us() + HUNG_US;
    for (bool lost = false; !lost;) {
        make(1);
        CHECK(take(1) != 0);
        uint64_t before = leases_counts(&leases).broken;
        int64_t began_us = clock_monotonic_us();
        int fd = open(path_of(1), O_WRONLY | O_CLOEXEC);
        CHECK(fd >= 0 && close(fd) == 0);
        CHECK(clock_monotonic_us() - began_us < HUNG_US);
        CHECK_EQUAL(leases_counts(&leases).broken, before + 1);
        // The keeper sees each sooner or later; one that the thief got took a sweep.
        lost = clock_monotonic_us() - began_us > 100000 || clock_monotonic_us() > until_us;
    }
    atomic_store(&steals, false);
    CHECK_EQUAL(pthread_join(thief, NULL), 0);
    CHECK(stolen > 0);
    holds("a writer whose signal is lost waits for the next look at all leases, and no longer");
}

static void test_idle(void) {
    start(1);
    make(1);
    lease_id id = take(1);
    uint64_t given_up = leases_counts(&leases).given_up;
    CHECK(id != 0);
    wait_until(is_given_up, given_up + 1);
    CHECK(!leases_visit(&leases, id, look, NULL));
    leases_stop(&leases);
    holds("what is not used for a time is given up");
}

static void test_stop(void) {
    make(1);
    CHECK(take(1) != 0);
    leases_stop(&leases);
    leases_stop(&leases);
    int64_t began_us = clock_monotonic_us();
    int fd = open(path_of(1), O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK(clock_monotonic_us() - began_us < HUNG_US);
    holds("who stops holds nobody up, and may stop twice");
}

int main(void) {
    struct rlimit descriptors;
    (void)alarm(WHOLE_TEST_SECONDS);
    if (geteuid() != 0) {
        fprintf(stderr, "linux_leases_test: skipped: other users' files can be leased by root alone\n");
        return 77;
    }
    CHECK_EQUAL(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
    descriptors.rlim_cur = descriptors.rlim_max;
    CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
    (void)snprintf(folder, sizeof folder, "/tmp/picket-leases-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    start(LEASE_IDLE_US);
    test_breaks();
    test_emptied();
    test_what_does_not_break();
    test_refusals();
    test_what_is_known();
    test_no_name();
    test_overflow();
    test_lost_signal();
    test_bound();
    test_stop();
    test_idle();
    for (int i = 0; i <= LEASES_MAX; i++) (void)unlink(path_of(i));
    CHECK_EQUAL(rmdir(folder), 0);
    return 0;
}
