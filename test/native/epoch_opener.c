// Opens files while rules change, and judges each answer by what it knew of the rules: no answer may come from rules older
// than those that were acknowledged before the open began.
//
//   epoch_opener --page FILE [--threads N] [--pause-us U] EVEN ODD
//
// The page, shared with whoever changes the rules, little-endian: u64 newest epoch that was asked for, u64 newest epoch that
// was acknowledged, u64 opens so far (this program's to write). An even epoch denies EVEN and an odd one ODD, nothing else.
// Where both numbers are the same epoch from an open's begin to its end, only that epoch may have answered.
//
// SIGTERM ends it. On stdout: one JSON object {opens, judged, between, old_allows, old_denies, other, epochs, longest_call_us}:
// `between` fell into a change, `epochs` is in how many of them an open was judged.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 64, EPOCHS_MAX = 65536 };

struct page {
    _Atomic uint64_t asked_for, acknowledged, opens;
};

struct counts {
    uint64_t opens, judged, between, old_allows, old_denies, other, longest_ns;
};

static struct page *page;
static const char *paths[2];
static unsigned pause_us;
static atomic_bool stopping;
static atomic_bool seen[EPOCHS_MAX];

static void on_term(int number) {
    (void)number;
    atomic_store(&stopping, true);
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int error_of_open(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    close(fd);
    return 0;
}

static void judge(struct counts *counts, uint64_t epoch, int error, bool is_to_be_denied) {
    counts->judged++;
    atomic_store_explicit(&seen[epoch % EPOCHS_MAX], true, memory_order_relaxed);
    if (is_to_be_denied && error == 0) counts->old_allows++;
    if (!is_to_be_denied && error == EPERM) counts->old_denies++;
}

static void *run(void *argument) {
    struct counts *counts = argument;
    while (!atomic_load(&stopping)) {
        unsigned file = counts->opens % 2;
        uint64_t before = atomic_load(&page->acknowledged), began_ns = now_ns();
        int error = error_of_open(paths[file]);
        uint64_t took_ns = now_ns() - began_ns, after = atomic_load(&page->asked_for);
        counts->opens++;
        if (took_ns > counts->longest_ns) counts->longest_ns = took_ns;
        if (error != 0 && error != EPERM) counts->other++;
        else if (before == after) judge(counts, before, error, before % 2 == file);
        else counts->between++;
        atomic_fetch_add(&page->opens, 1);
        if (pause_us > 0) usleep(pause_us);
    }
    return NULL;
}

int main(int argc, char **argv) {
    static const struct option long_options[] = {
        {"page", required_argument, NULL, 'p'},
        {"threads", required_argument, NULL, 't'},
        {"pause-us", required_argument, NULL, 'u'},
        {NULL, 0, NULL, 0},
    };
    const char *page_path = NULL;
    int option, threads = 1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (option) {
        case 'p': page_path = optarg; break;
        case 't': threads = atoi(optarg); break;
        case 'u': pause_us = (unsigned)atoi(optarg); break;
        default: return 2;
        }
    }
    if (page_path == NULL || argc - optind != 2 || threads < 1 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: epoch_opener --page FILE [--threads N] [--pause-us U] EVEN ODD\n");
        return 2;
    }
    paths[0] = argv[optind];
    paths[1] = argv[optind + 1];
    int fd = open(page_path, O_RDWR | O_CLOEXEC);
    page = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        perror(page_path);
        return 1;
    }
    struct sigaction action = {.sa_handler = on_term};
    sigaction(SIGTERM, &action, NULL);

    static struct counts counts[THREADS_MAX];
    pthread_t running[THREADS_MAX];
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&running[i], NULL, run, &counts[i]) == 0) continue;
        fprintf(stderr, "epoch_opener: thread %d did not start\n", i);
        return 1;
    }
    struct counts all = {0};
    for (int i = 0; i < threads; i++) {
        pthread_join(running[i], NULL);
        all.opens += counts[i].opens;
        all.judged += counts[i].judged;
        all.between += counts[i].between;
        all.old_allows += counts[i].old_allows;
        all.old_denies += counts[i].old_denies;
        all.other += counts[i].other;
        if (counts[i].longest_ns > all.longest_ns) all.longest_ns = counts[i].longest_ns;
    }
    uint64_t epochs = 0;
    for (int i = 0; i < EPOCHS_MAX; i++) epochs += atomic_load(&seen[i]);
    printf("{\"opens\":%llu,\"judged\":%llu,\"between\":%llu,\"old_allows\":%llu,\"old_denies\":%llu,\"other\":%llu,"
           "\"epochs\":%llu,\"longest_call_us\":%llu}\n",
           (unsigned long long)all.opens, (unsigned long long)all.judged, (unsigned long long)all.between,
           (unsigned long long)all.old_allows, (unsigned long long)all.old_denies, (unsigned long long)all.other,
           (unsigned long long)epochs, (unsigned long long)(all.longest_ns / 1000));
    return 0;
}
