#include "leases.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/lock.h"
#include "core/thread.h"
#include "core/vigil.h"
#include "urgent.h"

_Static_assert(LEASE_BUCKETS == 1 << (64 - 51), "the upper bits of a hash are a bucket");

enum {
    NO_SLOT = LEASES_MAX,
    SLOT_BITS = 12,
    GENERATIONS = 1 << (LEASE_ID_BITS - SLOT_BITS),
    PART_TO_GIVE_UP = 8,
    SIGNALS_A_READ = 64,
    // A signal may be lost to a limit: each lease is looked at as often as this, long before the kernel's patience with it
    // ends (lease-break-time, 45 s).
    SWEEP_US = 1000000,
};
_Static_assert(LEASES_MAX <= 1 << SLOT_BITS, "a slot's number has its bits in a lease_id");

// Carries the lease's descriptor. Where too many of them are queued already the kernel sends SIGIO, which carries nothing.
static int signal_of_leases(void)
{
    return SIGRTMAX;
}

// ---- the table: all of it under the mutex

static uint16_t *bucket_of(struct leases *leases, uint64_t device, uint64_t inode)
{
    uint64_t hash = (inode ^ device << 32) * 0x9e3779b97f4a7c15u;
    return &leases->buckets[hash >> 51];
}

static uint16_t find(struct leases *leases, uint64_t device, uint64_t inode)
{
    uint16_t slot = *bucket_of(leases, device, inode);
    while (slot != NO_SLOT && (leases->slots[slot].lease.device != device || leases->slots[slot].lease.inode != inode))
        slot = leases->slots[slot].next_in_bucket;
    return slot;
}

static uint16_t find_id(struct leases *leases, lease_id id)
{
    uint16_t slot = id & ((1 << SLOT_BITS) - 1);
    return id != 0 && leases->slots[slot].is_held && leases->slots[slot].generation == id >> SLOT_BITS ? slot : NO_SLOT;
}

static lease_id id_of(const struct leases *leases, uint16_t slot)
{
    return leases->slots[slot].generation << SLOT_BITS | slot;
}

static void leave_line(struct leases *leases, uint16_t number)
{
    struct lease_slot *slot = &leases->slots[number];
    *(slot->older == NO_SLOT ? &leases->oldest : &leases->slots[slot->older].newer) = slot->newer;
    *(slot->newer == NO_SLOT ? &leases->newest : &leases->slots[slot->newer].older) = slot->older;
}

static void join_line(struct leases *leases, uint16_t number)
{
    struct lease_slot *slot = &leases->slots[number];
    slot->used_us = clock_monotonic_us();
    slot->newer = NO_SLOT;
    slot->older = leases->newest;
    *(leases->newest == NO_SLOT ? &leases->oldest : &leases->slots[leases->newest].newer) = number;
    leases->newest = number;
}

static void touch(struct leases *leases, uint16_t slot)
{
    leave_line(leases, slot);
    join_line(leases, slot);
}

static void leave_bucket(struct leases *leases, uint16_t number)
{
    const struct lease *lease = &leases->slots[number].lease;
    uint16_t *link = bucket_of(leases, lease->device, lease->inode);
    while (*link != number)
        link = &leases->slots[*link].next_in_bucket;
    *link = leases->slots[number].next_in_bucket;
}

static bool is_room(const struct leases *leases)
{
    return leases->held + leases->closing_count < leases->most;
}

static lease_id hold(struct leases *leases, const struct lease *lease)
{
    uint16_t number = leases->first_free;
    struct lease_slot *slot = &leases->slots[number];
    leases->first_free = slot->next_in_bucket;
    slot->lease = *lease;
    slot->is_held = true;
    uint16_t *bucket = bucket_of(leases, lease->device, lease->inode);
    slot->next_in_bucket = *bucket;
    *bucket = number;
    join_line(leases, number);
    leases->held++;
    leases->counts.taken++;
    return id_of(leases, number);
}

// What depends on the lease goes first; the writer goes on with the call that unlocks.
static void let_go(struct leases *leases, uint16_t number)
{
    struct lease_slot *slot = &leases->slots[number];
    uint64_t one = 1;
    leave_line(leases, number);
    leave_bucket(leases, number);
    leases->letting_go(leases->context, &slot->lease);
    (void)fcntl(slot->lease.fd, F_SETLEASE, F_UNLCK);
    leases->closing[leases->closing_count++] = slot->lease.fd;
    slot->is_held = false;
    slot->generation = slot->generation + 1 < GENERATIONS ? slot->generation + 1 : 1;
    slot->next_in_bucket = NO_SLOT;
    *(leases->first_free == NO_SLOT ? &leases->first_free : &leases->slots[leases->last_free].next_in_bucket) = number;
    leases->last_free = number;
    leases->held--;
    (void)!write(leases->closer_wake, &one, sizeof one);
}

// ---- any thread's

static bool is_of_size(int fd, uint64_t size)
{
    struct stat file;
    return fstat(fd, &file) == 0 && (uint64_t)file.st_size == size;
}

static bool take_from_kernel(int fd, struct lease *lease)
{
    struct stat file;
    lease->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (lease->fd < 0)
        return false;
    // To the process, for the thread that takes it may end; who it is for must be known before it can be sent.
    if (fcntl(lease->fd, F_SETOWN, getpid()) == 0 && fcntl(lease->fd, F_SETSIG, signal_of_leases()) == 0 &&
        fcntl(lease->fd, F_SETLEASE, F_RDLCK) == 0 && fstat(lease->fd, &file) == 0) {
        lease->size = (uint64_t)file.st_size;
        return true;
    }
    close(lease->fd);   // never the last: the caller has another
    return false;
}

lease_id leases_take(struct leases *leases, int fd, uint64_t device, uint64_t inode)
{
    struct lease lease = {.device = device, .inode = inode};
    lease_id id = 0;
    bool finds_full = false;
    lock(&leases->mutex);
    uint16_t slot = find(leases, device, inode);
    if (slot != NO_SLOT && !is_of_size(fd, leases->slots[slot].lease.size)) {
        let_go(leases, slot);
        leases->counts.broken++;
        slot = NO_SLOT;
    }
    if (slot != NO_SLOT) {
        touch(leases, slot);
        id = id_of(leases, slot);
    } else if (!is_room(leases)) {
        // Else room is being made: what was let go is not closed yet.
        finds_full = !leases->is_full && leases->held == leases->most;
        leases->is_full = leases->is_full || finds_full;
    } else if (take_from_kernel(fd, &lease)) {
        id = hold(leases, &lease);
    }
    if (id == 0)
        leases->counts.refused++;
    unlock(&leases->mutex);
    uint64_t one = 1;
    if (finds_full)
        (void)!write(leases->wake, &one, sizeof one);
    return id;
}

bool leases_visit(struct leases *leases, lease_id id, lease_visitor *visit, void *context)
{
    lock(&leases->mutex);
    uint16_t slot = find_id(leases, id);
    if (slot != NO_SLOT) {
        touch(leases, slot);
        visit(context, &leases->slots[slot].lease);
    }
    unlock(&leases->mutex);
    return slot != NO_SLOT;
}

bool leases_visit_file(struct leases *leases, uint64_t device, uint64_t inode, uint64_t size, lease_visitor *visit,
                       void *context)
{
    lock(&leases->mutex);
    uint16_t slot = find(leases, device, inode);
    if (slot != NO_SLOT && size != LEASE_ANY_SIZE && leases->slots[slot].lease.size != size)
        slot = NO_SLOT;     // it was emptied: whoever takes a lease on it lets this one go
    if (slot != NO_SLOT) {
        touch(leases, slot);
        visit(context, &leases->slots[slot].lease);
    }
    unlock(&leases->mutex);
    return slot != NO_SLOT;
}

void leases_visit_all(struct leases *leases, lease_visitor *visit, void *context)
{
    lock(&leases->mutex);
    for (uint16_t slot = leases->oldest; slot != NO_SLOT; slot = leases->slots[slot].newer)
        visit(context, &leases->slots[slot].lease);
    unlock(&leases->mutex);
}

void leases_give_up_all(struct leases *leases)
{
    uint64_t one = 1;
    lock(&leases->mutex);
    leases->is_over = true;
    unlock(&leases->mutex);
    (void)!write(leases->wake, &one, sizeof one);
}

struct lease_counts leases_counts(struct leases *leases)
{
    lock(&leases->mutex);
    struct lease_counts counts = leases->counts;
    counts.held = leases->held;
    unlock(&leases->mutex);
    return counts;
}

// ---- the keeper

// A lease that is to be broken is told as what it is to become.
static bool is_awaited(const struct lease *lease)
{
    return fcntl(lease->fd, F_GETLEASE) != F_RDLCK;
}

static bool has_no_name(const struct lease *lease)
{
    struct stat file;
    return fstat(lease->fd, &file) == 0 && file.st_nlink == 0;
}

static void let_go_if_awaited(struct leases *leases, uint16_t slot)
{
    if (!leases->slots[slot].is_held || !is_awaited(&leases->slots[slot].lease))
        return;
    let_go(leases, slot);
    leases->counts.broken++;
}

// The signal may be older than the descriptor's present use.
static void on_signal(struct leases *leases, int fd)
{
    lock(&leases->mutex);
    for (uint16_t slot = leases->newest; slot != NO_SLOT; slot = leases->slots[slot].older) {
        if (leases->slots[slot].lease.fd != fd)
            continue;
        let_go_if_awaited(leases, slot);
        break;
    }
    unlock(&leases->mutex);
}

// In steps, so that nobody waits for the lock as long as it takes.
static void look_at_all(struct leases *leases)
{
    for (uint16_t slot = 0; slot < LEASES_MAX; slot++) {
        vigil_beat(VIGIL_LEASES);
        lock(&leases->mutex);
        let_go_if_awaited(leases, slot);
        if (leases->slots[slot].is_held && has_no_name(&leases->slots[slot].lease)) {
            let_go(leases, slot);
            leases->counts.given_up++;
        }
        unlock(&leases->mutex);
    }
}

static bool give_up_oldest(struct leases *leases, int64_t used_before_us)
{
    lock(&leases->mutex);
    uint16_t slot = leases->oldest;
    bool gives_up = slot != NO_SLOT && leases->slots[slot].used_us < used_before_us;
    if (gives_up) {
        let_go(leases, slot);
        leases->counts.given_up++;
    }
    unlock(&leases->mutex);
    return gives_up;
}

static void give_up_idle(struct leases *leases)
{
    int64_t before_us = clock_monotonic_us() - leases->idle_us;
    while (give_up_oldest(leases, before_us))
        vigil_beat(VIGIL_LEASES);
}

static void make_room(struct leases *leases)
{
    lock(&leases->mutex);
    uint32_t too_many = leases->is_over ? leases->held : leases->is_full ? leases->most / PART_TO_GIVE_UP + 1 : 0;
    leases->is_full = leases->is_over = false;
    unlock(&leases->mutex);
    for (uint32_t i = 0; i < too_many && give_up_oldest(leases, INT64_MAX); i++)
        vigil_beat(VIGIL_LEASES);
}

static void take_signals(struct leases *leases)
{
    struct signalfd_siginfo told[SIGNALS_A_READ];
    ssize_t length;
    while ((length = read(leases->signals, told, sizeof told)) > 0) {
        for (size_t i = 0; i < (size_t)length / sizeof told[0]; i++) {
            vigil_beat(VIGIL_LEASES);
            if (told[i].ssi_signo == SIGIO)
                look_at_all(leases);
            else
                on_signal(leases, told[i].ssi_fd);
        }
    }
}

static void drain(int event)
{
    uint64_t count;
    (void)!read(event, &count, sizeof count);
}

static void *keep(void *argument)
{
    struct leases *leases = argument;
    struct pollfd waiting[2] = {{.fd = leases->signals, .events = POLLIN}, {.fd = leases->wake, .events = POLLIN}};
    int64_t sweep_us = clock_monotonic_us() + SWEEP_US;
    urgent_thread(URGENT_TO_ANSWER);
    vigil_sit(VIGIL_LEASES);
    while (!atomic_load(&leases->stopping)) {
        vigil_beat(VIGIL_LEASES);
        (void)poll(waiting, 2, VIGIL_TURN_MS);
        drain(leases->wake);
        take_signals(leases);
        make_room(leases);
        if (clock_monotonic_us() < sweep_us)
            continue;
        look_at_all(leases);
        give_up_idle(leases);
        sweep_us = clock_monotonic_us() + SWEEP_US;
    }
    vigil_leave(VIGIL_LEASES);
    return NULL;
}

// ---- the closer: the last close of a deleted file takes as long as the disk likes

// Off the list first: once closed, its number may be another lease's, and that one be let go at once.
static int next_to_close(struct leases *leases)
{
    lock(&leases->mutex);
    int fd = leases->closing_count > 0 ? leases->closing[--leases->closing_count] : -1;
    unlock(&leases->mutex);
    return fd;
}

static void close_all(struct leases *leases)
{
    int fd;
    while ((fd = next_to_close(leases)) >= 0)
        close(fd);
}

static void *close_when_told(void *argument)
{
    struct leases *leases = argument;
    struct pollfd waiting = {.fd = leases->closer_wake, .events = POLLIN};
    while (!atomic_load(&leases->stopping)) {
        (void)poll(&waiting, 1, VIGIL_TURN_MS);
        drain(leases->closer_wake);
        close_all(leases);
    }
    return NULL;
}

// ---- start and stop

static void empty(struct leases *leases)
{
    for (size_t i = 0; i < LEASE_BUCKETS; i++)
        leases->buckets[i] = NO_SLOT;
    for (uint16_t i = 0; i < LEASES_MAX; i++)
        leases->slots[i] = (struct lease_slot){.generation = 1, .next_in_bucket = (uint16_t)(i + 1)};
    leases->first_free = 0;     // the last one's next is NO_SLOT
    leases->last_free = LEASES_MAX - 1;
    leases->oldest = leases->newest = NO_SLOT;
}

// Delivered otherwise, either would end the process. Ignored signals are kept all the same while they are blocked.
static int block_signals(void)
{
    sigset_t both;
    (void)sigemptyset(&both);
    (void)sigaddset(&both, SIGIO);
    (void)sigaddset(&both, signal_of_leases());
    if (pthread_sigmask(SIG_BLOCK, &both, NULL) != 0)
        return -1;
    (void)signal(SIGIO, SIG_IGN);
    (void)signal(signal_of_leases(), SIG_IGN);
    return signalfd(-1, &both, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool leases_start(struct leases *leases, uint32_t most, int64_t idle_us, lease_visitor *letting_go, void *context,
                  char *error, size_t error_size)
{
    *leases = (struct leases){.most = most < LEASES_MAX ? most : LEASES_MAX, .idle_us = idle_us, .letting_go = letting_go,
                              .context = context, .signals = -1, .wake = -1, .closer_wake = -1};
    lock_init(&leases->mutex);
    leases->slots = calloc(LEASES_MAX, sizeof *leases->slots);
    leases->closing = calloc(LEASES_MAX, sizeof *leases->closing);
    if (!leases->slots || !leases->closing) {
        snprintf(error, error_size, "out of memory");
        leases_stop(leases);
        return false;
    }
    empty(leases);
    leases->signals = block_signals();
    leases->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    leases->closer_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (leases->signals >= 0 && leases->wake >= 0 && leases->closer_wake >= 0) {
        leases->keeper_started = thread_start(&leases->keeper, "picket-leases", keep, leases) == 0;
        leases->closer_started = thread_start(&leases->closer, "picket-closer", close_when_told, leases) == 0;
    }
    if (leases->keeper_started && leases->closer_started)
        return true;
    snprintf(error, error_size, "leases on files can't be kept: %s", strerror(errno));
    leases_stop(leases);
    return false;
}

static void join(struct leases *leases, pthread_t thread, bool *started, int wake)
{
    uint64_t one = 1;
    atomic_store(&leases->stopping, true);
    if (!*started)
        return;
    (void)!write(wake, &one, sizeof one);
    pthread_join(thread, NULL);
    *started = false;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void leases_stop(struct leases *leases)
{
    if (!leases->slots)
        return;
    join(leases, leases->keeper, &leases->keeper_started, leases->wake);
    join(leases, leases->closer, &leases->closer_started, leases->closer_wake);
    while (leases->closing && give_up_oldest(leases, INT64_MAX)) {
    }
    if (leases->closing)
        close_all(leases);
    close_fd(&leases->signals);
    close_fd(&leases->wake);
    close_fd(&leases->closer_wake);
    free(leases->slots);
    free(leases->closing);
    leases->slots = NULL;
    leases->closing = NULL;
}
