#include "core/process_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "core/log.h"
#include "core/pipe.h"

#ifdef __linux__
static const size_t MORE_THAN_WE_MAP = (size_t)1 << 30;

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
    (void)privileged;
#ifdef __linux__
    if (!privileged) return;    // what follows would be refused, and such a bridge holds nobody up
    // RLIMIT_CORE is not enough: a piped core_pattern ignores it. A bridge that dumps core waits for its own answer.
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        log_line(LOG_LEVEL_WARN, "the process stays dumpable", "error=\"%s\"", strerror(errno));
#ifdef MCL_ONFAULT
    int flags = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
#else
    int flags = MCL_CURRENT | MCL_FUTURE;
#endif
    if (!lock_memory(flags))
        log_line(LOG_LEVEL_WARN, "memory is not locked: the bridge may be paged out", "error=\"%s\"", strerror(errno));
    if (spare_from_oom_killer() != 0)
        log_line(LOG_LEVEL_WARN, "the OOM killer may choose the bridge", "error=\"%s\"", strerror(errno));
#endif
}

static struct backend *guarded;
static int stop_descriptor = -1;
static volatile sig_atomic_t stopping;

static void on_fatal(int number) {
    // Whoever waits for an answer is let go before anything else: what comes next may take long, or hang.
    if (guarded != NULL) guarded->release(guarded->state);
    (void)raise(number);    // SA_RESETHAND: the default, once this handler returns
}

static void on_stop(int number) {
    (void)number;
    if (stopping) {
        if (guarded != NULL) guarded->release(guarded->state);
        _exit(1);
    }
    stopping = 1;
    pipe_wake(stop_descriptor);
}

void process_guard_handle_signals(struct backend *backend, int stop_fd) {
    static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGQUIT, SIGTRAP, SIGXCPU, SIGXFSZ};
    static const int stop[] = {SIGTERM, SIGINT, SIGHUP};
    struct sigaction action;
    guarded = backend;
    stop_descriptor = stop_fd;
    memset(&action, 0, sizeof action);
    (void)sigemptyset(&action.sa_mask);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
    action.sa_handler = on_stop;
    action.sa_flags = SA_RESTART;
    for (size_t i = 0; i < sizeof stop / sizeof stop[0]; i++) (void)sigaction(stop[i], &action, NULL);
#if !defined(__SANITIZE_ADDRESS__)      // the sanitizers report through handlers of their own
    action.sa_handler = on_fatal;
    action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER);
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) (void)sigaction(fatal[i], &action, NULL);
#else
    (void)fatal, (void)on_fatal;
#endif
}
