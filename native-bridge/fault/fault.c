#include "fault/fault.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum fault { FAULT_LOOP = 0, FAULT_DISK = 8, FAULT_FORK = 16, FAULT_SPAWN, FAULT_STACK, FAULT_DUMP, FAULTS };

static atomic_bool wanted[FAULTS];

static void want(int number) {
    atomic_store(&wanted[number - SIGRTMIN], true);
}

// The dispositions are the watchdog's child's as well.
__attribute__((constructor)) static void listen_for_faults(void) {
    struct sigaction action = {.sa_handler = want, .sa_flags = SA_RESTART};
    for (int fault = 0; fault < FAULTS; fault++) (void)sigaction(SIGRTMIN + fault, &action, NULL);
}

static bool is_wanted(int fault) {
    return atomic_exchange(&wanted[fault], false);
}

static void write_to_disk(void) {
    const char *path = getenv("PICKET_FAULT_FILE");
    int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || write(fd, "x", 1) < 0 || close(fd) != 0) abort();
}

static int recurse(int depth) {
    volatile char frame[4096];
    frame[0] = (char)depth;
    return depth == -1 ? 0 : recurse(depth + 1) + frame[0];
}

static void start_program(void) {
    static char program[] = "/bin/true";
    char *const arguments[] = {program, NULL};
    pid_t pid;
    (void)posix_spawn(&pid, program, NULL, NULL, arguments, arguments + 1);
}

static void dump_core(void) {
    const struct rlimit any = {RLIM_INFINITY, RLIM_INFINITY};
    (void)setrlimit(RLIMIT_CORE, &any);
    (void)prctl(PR_SET_DUMPABLE, 1);
    (void)signal(SIGABRT, SIG_DFL);
    abort();
}

void fault_at(enum vigil_seat_name seat) {
    if (is_wanted(FAULT_LOOP + (int)seat)) {
        for (volatile bool forever = true; forever;) {
        }
    }
    if (is_wanted(FAULT_DISK + (int)seat)) write_to_disk();
    if (seat == VIGIL_EVENTS && is_wanted(FAULT_FORK) && fork() == 0) (void)pause();
    if (seat == VIGIL_EVENTS && is_wanted(FAULT_SPAWN)) start_program();
    if (seat == VIGIL_EVENTS && is_wanted(FAULT_DUMP)) dump_core();
    if (seat == VIGIL_PERMISSIONS && is_wanted(FAULT_STACK)) (void)recurse(0);
}
