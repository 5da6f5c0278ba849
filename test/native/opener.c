// Opens (or executes) files over and over from several threads and keeps its own account of how long each call took.
// It is the client whose syscalls Picket makes wait, so its clock, not Picket's, says what Picket costs.
//
// It raises its own priority where it may: what it measures is the answer, not its place in the scheduler's queue.
//
//   opener [--exec] [--threads N] [--rate PER_SECOND] [--count N | --seconds S] [--log FILE] [--pause-us U]
//          [--numbered N] PATH...
//
// With --numbered each PATH stands for N files, PATH0 to PATH<N-1>: their names as arguments would be part of every event.
// With --rate arrivals are fixed in advance (open loop) and each wait counts from its scheduled time; without, each
// thread calls again as soon as its call returned. SIGTERM ends it early and cleanly. On stdout: one JSON object
// {calls, ok, denied, other, late, max_us, longest_call_us}; in --log: one record a call, little-endian
// u64 scheduled_ns, u64 started_ns, u64 ended_ns (CLOCK_MONOTONIC), i32 errno, u32 index of the path.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct record {
    uint64_t scheduled_ns, started_ns, ended_ns;
    int32_t error;
    uint32_t path;
};

enum { MAX_RECORDS_PER_THREAD = 4 * 1024 * 1024, LATE_NS = 1000 * 1000, CHILD_STACK = 64 * 1024, PATH_BYTES = 4096 };

static struct {
    bool exec;
    int threads;
    double rate;
    uint64_t count;
    double seconds;
    const char *log;
    unsigned pause_us, numbered;
    char **paths;
    int path_count;
} options = {.threads = 1, .seconds = 5};

struct opener {
    pthread_t thread;
    int index;
    struct record *records;
    size_t recorded, capacity;
};

static volatile sig_atomic_t stopping;
static uint64_t epoch_ns;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_term(int signal_number) {
    (void)signal_number;
    stopping = 1;
}

static int try_open(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    close(fd);
    return 0;
}

struct exec_attempt {
    const char *path;
    int error;
};

static int exec_child(void *argument) {
    struct exec_attempt *attempt = argument;
    char *const argv[] = {(char *)attempt->path, NULL};
    char *const envp[] = {NULL};
    execve(attempt->path, argv, envp);
    attempt->error = errno;
    _exit(127);
}

// The parent of a CLONE_VFORK child is suspended until the child's execve has succeeded or failed: what it waited is
// what the exec took. `ended_ns` is taken before the program's own run time is waited for.
static int try_exec(const char *path, char *stack, uint64_t *ended_ns) {
    struct exec_attempt attempt = {.path = path};
    pid_t child = clone(exec_child, stack + CHILD_STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, &attempt);
    *ended_ns = now_ns();
    if (child < 0) return errno;
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    return attempt.error;
}

// `buffer` holds it where it is a numbered one.
static const char *path_of(uint32_t index, char buffer[PATH_BYTES]) {
    const char *path = options.paths[index % (uint32_t)options.path_count];
    if (options.numbered == 0) return path;
    snprintf(buffer, PATH_BYTES, "%s%u", path, index / (uint32_t)options.path_count);
    return buffer;
}

static void sleep_until(uint64_t at_ns) {
    struct timespec t = {.tv_sec = (time_t)(at_ns / 1000000000u), .tv_nsec = (long)(at_ns % 1000000000u)};
    while (!stopping && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {
    }
}

static void *run(void *argument) {
    struct opener *self = argument;
    prctl(PR_SET_TIMERSLACK, 1UL);  // the default of 50 us would drown what is measured
    char *stack = options.exec ? malloc(CHILD_STACK) : NULL;
    uint64_t end_ns = epoch_ns + (uint64_t)(options.seconds * 1e9);
    double interval_ns = options.rate > 0 ? 1e9 * options.threads / options.rate : 0;
    uint64_t offset_ns = (uint64_t)(interval_ns * self->index / options.threads);
    uint64_t files = (uint64_t)options.path_count * (options.numbered > 0 ? options.numbered : 1);
    char numbered_path[PATH_BYTES];

    // Stopped, each thread has made a call all the same.
    for (uint64_t i = 0; (!stopping || i == 0) && self->recorded < self->capacity; i++) {
        if (options.count > 0 ? i >= options.count : now_ns() >= end_ns) break;
        struct record *record = &self->records[self->recorded];
        record->path = (uint32_t)((i * (uint64_t)options.threads + (uint64_t)self->index) % files);
        const char *path = path_of(record->path, numbered_path);
        record->scheduled_ns = interval_ns > 0 ? epoch_ns + offset_ns + (uint64_t)(interval_ns * (double)i) : now_ns();
        if (interval_ns > 0) sleep_until(record->scheduled_ns);
        if (stopping && i > 0) break;
        record->started_ns = now_ns();
        if (options.exec) {
            record->error = try_exec(path, stack, &record->ended_ns);
        } else {
            record->error = try_open(path);
            record->ended_ns = now_ns();
        }
        self->recorded++;
        if (options.pause_us > 0) usleep(options.pause_us);
    }
    free(stack);
    return NULL;
}

static int parse(int argc, char **argv) {
    static const struct option long_options[] = {
        {"exec", no_argument, NULL, 'e'},          {"threads", required_argument, NULL, 't'},
        {"rate", required_argument, NULL, 'r'},    {"count", required_argument, NULL, 'c'},
        {"seconds", required_argument, NULL, 's'}, {"log", required_argument, NULL, 'l'},
        {"pause-us", required_argument, NULL, 'p'}, {"numbered", required_argument, NULL, 'n'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (option) {
        case 'e': options.exec = true; break;
        case 't': options.threads = atoi(optarg); break;
        case 'r': options.rate = atof(optarg); break;
        case 'c': options.count = strtoull(optarg, NULL, 10); break;
        case 's': options.seconds = atof(optarg); break;
        case 'l': options.log = optarg; break;
        case 'p': options.pause_us = (unsigned)atoi(optarg); break;
        case 'n': options.numbered = (unsigned)atoi(optarg); break;
        default: return -1;
        }
    }
    options.paths = argv + optind;
    options.path_count = argc - optind;
    return options.path_count > 0 && options.threads > 0 ? 0 : -1;
}

int main(int argc, char **argv) {
    if (parse(argc, argv) != 0) {
        fprintf(stderr, "usage: opener [--exec] [--threads N] [--rate PER_SECOND] [--count N | --seconds S] [--log FILE] "
                        "[--pause-us U] [--numbered N] PATH...\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = on_term};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    (void)setpriority(PRIO_PROCESS, 0, -15);

    struct opener *openers = calloc((size_t)options.threads, sizeof *openers);
    if (openers == NULL) return 1;
    size_t capacity = options.count > 0 ? options.count : MAX_RECORDS_PER_THREAD / (size_t)options.threads;
    epoch_ns = now_ns() + 10 * 1000 * 1000;
    for (int i = 0; i < options.threads; i++) {
        openers[i].index = i;
        openers[i].capacity = capacity;
        openers[i].records = malloc(capacity * sizeof(struct record));
        if (openers[i].records == NULL || pthread_create(&openers[i].thread, NULL, run, &openers[i]) != 0) {
            fprintf(stderr, "opener: thread %d did not start\n", i);
            return 1;
        }
    }

    uint64_t calls = 0, ok = 0, denied = 0, other = 0, late = 0, max_ns = 0, longest_ns = 0;
    FILE *log = options.log != NULL ? fopen(options.log, "wb") : NULL;
    for (int i = 0; i < options.threads; i++) {
        pthread_join(openers[i].thread, NULL);
        for (size_t n = 0; n < openers[i].recorded; n++) {
            const struct record *r = &openers[i].records[n];
            uint64_t wait_ns = r->ended_ns - r->scheduled_ns, call_ns = r->ended_ns - r->started_ns;
            calls++;
            if (r->error == 0) ok++;
            else if (r->error == EPERM) denied++;
            else other++;
            if (r->started_ns > r->scheduled_ns + LATE_NS) late++;
            if (wait_ns > max_ns) max_ns = wait_ns;
            if (call_ns > longest_ns) longest_ns = call_ns;
        }
        if (log != NULL) fwrite(openers[i].records, sizeof(struct record), openers[i].recorded, log);
        free(openers[i].records);
    }
    if (log != NULL && fclose(log) != 0) fprintf(stderr, "opener: %s: %s\n", options.log, strerror(errno));
    free(openers);
    printf("{\"calls\":%llu,\"ok\":%llu,\"denied\":%llu,\"other\":%llu,\"late\":%llu,\"max_us\":%llu,"
           "\"longest_call_us\":%llu}\n",
           (unsigned long long)calls, (unsigned long long)ok, (unsigned long long)denied, (unsigned long long)other,
           (unsigned long long)late, (unsigned long long)(max_ns / 1000), (unsigned long long)(longest_ns / 1000));
    return 0;
}
