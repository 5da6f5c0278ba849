#include "core/process_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "core/log.h"
#include "core/pipe.h"
#include "core/thread.h"
#include "core/vigil.h"

#ifdef __linux__
static const size_t MORE_THAN_WE_MAP = (size_t)1 << 30;
enum { STACK_TOUCHED = 256 * 1024 };

static int spare_from_oom_killer(void) {
    static const char score[] = "-1000";
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t count = write(fd, score, sizeof score - 1);
    int failure = count < 0 ? errno : 0;
    (void)close(fd);
    errno = failure;
    return count == (ssize_t)sizeof score - 1 ? 0 : -1;
}
#endif

#ifdef __linux__
// Locks what is mapped now and later. Under RLIMIT_MEMLOCK that would make each later allocation beyond it fail (a
// container's root is bound by it): whether it does is tried, and then nothing is locked.
static bool lock_memory(int flags) {
    const struct rlimit no_limit = {RLIM_INFINITY, RLIM_INFINITY};
    (void)setrlimit(RLIMIT_MEMLOCK, &no_limit);     // may be refused; with CAP_IPC_LOCK no limit holds anyway
    if (mlockall(flags) != 0) return false;
    void *more = mmap(NULL, MORE_THAN_WE_MAP, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (more != MAP_FAILED) return munmap(more, MORE_THAN_WE_MAP) == 0;
    int failure = errno;
    (void)munlockall();
    errno = failure;
    return false;
}
#endif

void process_guard_harden(bool privileged) {
    struct rlimit no_core = {0, 0};
    if (setrlimit(RLIMIT_CORE, &no_core) != 0)
        log_line(LOG_LEVEL_WARN, "core dumps can't be switched off", "error=\"%s\"", strerror(errno));
    // A stopped bridge answers nobody: Ctrl-Z in its terminal would be enough.
    static const int of_terminals[] = {SIGTSTP, SIGTTIN, SIGTTOU};
    for (size_t i = 0; i < sizeof of_terminals / sizeof of_terminals[0]; i++) (void)signal(of_terminals[i], SIG_IGN);
    (void)privileged;
#ifdef __linux__
    if (!privileged) return;    // what follows would be refused, and such a bridge holds nobody up
    // RLIMIT_CORE is not enough: a piped core_pattern ignores it. A bridge that dumps core waits for its own answer.
    // Each later change of user or group would make the process dumpable again.
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        log_line(LOG_LEVEL_WARN, "the process stays dumpable", "error=\"%s\"", strerror(errno));
    if (spare_from_oom_killer() != 0)
        log_line(LOG_LEVEL_WARN, "the OOM killer may choose the bridge", "error=\"%s\"", strerror(errno));
#endif
}

#ifdef __linux__
// The first thread's stack grows as it is touched; those of threads are mapped, and so locked, whole.
static __attribute__((noinline)) void touch_stack(void) {
    volatile char pages[STACK_TOUCHED];
    for (size_t i = 0; i < sizeof pages; i += 1024) pages[i] = 0;
}
#endif

void process_guard_lock_memory(void) {
#ifdef __linux__
#ifdef M_ARENA_MAX
    (void)mallopt(M_ARENA_MAX, 1);      // each further one reserves 64 MiB of addresses, which count as locked
#endif
    // Not MCL_ONFAULT: a page that comes with its first use comes too late.
    if (!lock_memory(MCL_CURRENT | MCL_FUTURE))
        log_line(LOG_LEVEL_WARN, "memory is not locked: the bridge may be paged out", "error=\"%s\"", strerror(errno));
    touch_stack();
#endif
}

enum { SIGNAL_STACK_BYTES = 32 * 1024, FIRST_OF_OURS = 3, MORE_THAN_THREADS = 32 };

static struct backend *guarded;
static int stop_descriptor = -1;
static pid_t parent;

enum { FROM_PARENT, FROM_OTHERS };
static volatile sig_atomic_t stops[FROM_OTHERS + 1];

static void die_of(int number) {
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

// Several threads may be here at once, for the watchdog asks them all: closing the group can take its time, and whoever
// is first at the end ends the others. So each does all of it, and the signal stays handled until one has.
static void on_fatal(int number) {
    static atomic_int entered;
    if (atomic_fetch_add(&entered, 1) > MORE_THAN_THREADS) die_of(number);     // this handler itself fails
    // Whoever waits for an answer is let go before anything else: what comes next may take long, or hang.
    if (guarded != NULL) guarded->release(guarded->state);
#ifdef SYS_close_range
    // A thread that waits for a disk outlives this, and would keep the socket's lock from the next bridge.
    (void)syscall(SYS_close_range, FIRST_OF_OURS, UINT_MAX, 0);
#endif
    atomic_store(&vigil()->let_go, true);   // the watchdog waits for it before it kills
    die_of(number);
}

// Ctrl-C and service managers signal the whole group, and the watchdog passes on what it gets: one wish comes twice.
static void on_stop(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    int from = info->si_pid == parent ? FROM_PARENT : FROM_OTHERS;
    if (stops[from]) {
        if (guarded != NULL) guarded->release(guarded->state);
        _exit(1);
    }
    stops[from] = 1;
    pipe_wake(stop_descriptor);
}

void process_guard_handle_signals(struct backend *backend, int stop_fd) {
    static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGQUIT, SIGTRAP, SIGXCPU,
#ifdef SIGSTKFLT
                                SIGSTKFLT,
#endif
    };
    static const int stop[] = {SIGTERM, SIGINT, SIGHUP};
    struct sigaction action;
    guarded = backend;
    stop_descriptor = stop_fd;
    parent = getppid();
    memset(&action, 0, sizeof action);
    (void)sigemptyset(&action.sa_mask);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
    (void)sigaction(SIGXFSZ, &action, NULL);    // a write over the limit fails, and is told as such
    action.sa_sigaction = on_stop;
    action.sa_flags = (int)(SA_RESTART | SA_SIGINFO);
    for (size_t i = 0; i < sizeof stop / sizeof stop[0]; i++) (void)sigaction(stop[i], &action, NULL);
#if !defined(__SANITIZE_ADDRESS__)      // the sanitizers report through handlers of their own
    static uint8_t signal_stack[SIGNAL_STACK_BYTES];
    thread_use_signal_stack(signal_stack, sizeof signal_stack);
    action.sa_handler = on_fatal;
    action.sa_flags = (int)(SA_NODEFER | SA_ONSTACK);
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) (void)sigaction(fatal[i], &action, NULL);
#else
    (void)fatal, (void)on_fatal;
#endif
}
