#include "watchdog.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/silence.h"
#include "core/thread.h"
#include "core/vigil.h"

enum {
    START_WITHIN_MS = 30000,    // until it serves: it reads /proc, and waits for no disk but that of its socket's folder
    STOP_WITHIN_MS = 10000,     // from SIGTERM to its end; it lets go first, so nobody waits for that
    LAST_WORD_MS = 1000,        // for the handler of SIGABRT to let go: on a busy machine it may wait for its turn
    LAST_WORD_LOOK_MS = 5,
    GONE_WITHIN_MS = 1000,      // from SIGKILL to its end
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MOST_MS = 10000,
    LIVED_MS = 60000,           // a bridge that lived so long has paid for those before it
};

static struct {
    struct vigil *vigil;
    struct silence silence;
    sigset_t signals, blocked_before;
    pid_t child;
    int64_t started_us, stop_by_us;
    int stops;                  // how often we were told to end
} watch;

static void explain(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void explain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(watch.vigil->reason, sizeof watch.vigil->reason, format, arguments);
    va_end(arguments);
}

// --- what comes from outside: a signal, or the time ---

static void pass_on(int number) {
    bool is_first = watch.stops++ == 0;
    watch.stop_by_us = is_first ? clock_monotonic_us() + STOP_WITHIN_MS * 1000 : 0;     // a second time: at once
    if (watch.child > 0) (void)kill(watch.child, number);
}

// Until a signal comes, that of a child's end among them, and for at most so long.
static void wait_ms(int ms) {
    const struct timespec bound = {ms / 1000, ms % 1000 * 1000000L};
    int number = sigtimedwait(&watch.signals, NULL, &bound);
    if (number > 0 && number != SIGCHLD) pass_on(number);
}

// Gathers those of before that could not die at once, too.
static bool has_ended(int *status) {
    pid_t ended;
    int of_ended;
    while ((ended = waitpid(-1, &of_ended, WNOHANG)) > 0) {
        if (ended != watch.child) continue;
        *status = of_ended;
        return true;
    }
    return false;
}

// --- the child ---

static void become_child(pid_t parent) {
    // Without a watchdog a bridge that hangs would hang everybody: better none, and an interval on record. By SIGKILL,
    // for a hung one would heed no other.
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(EXIT_FAILURE);   // it died before we asked
    (void)prctl(PR_SET_NAME, "picket-bridge");
    (void)sigprocmask(SIG_SETMASK, &watch.blocked_before, NULL);
    vigil_use(watch.vigil);
}

static bool start_child(int (*run)(void *context), void *context) {
    pid_t parent = getpid();
    for (int seat = 0; seat < VIGIL_SEATS; seat++) atomic_store(&watch.vigil->seats[seat].thread, 0);
    atomic_store(&watch.vigil->ready, false);
    atomic_store(&watch.vigil->let_go, false);
    watch.vigil->start++;
    watch.started_us = clock_monotonic_us();
    silence_init(&watch.silence, watch.started_us);
    watch.child = fork();
    if (watch.child == 0) {
        become_child(parent);
        exit(run(context));
    }
    if (watch.child > 0) return true;
    explain("it could not be started: %s", strerror(errno));
    watch.child = 0;
    return false;
}

// A thread that waits for a disk can't die until the disk answers, and while it lives the group stays open for all who
// wait. So each thread is first asked to let go, by the handler of SIGABRT, and woken where it is stopped: one of them is
// able to.
static void kill_child(int *status) {
    int64_t until_us = clock_monotonic_us() + LAST_WORD_MS * 1000;
    for (int seat = 0; seat < VIGIL_SEATS; seat++) {
        int32_t thread = atomic_load(&watch.vigil->seats[seat].thread);
        if (thread != 0) (void)syscall(SYS_tgkill, watch.child, thread, SIGABRT);
    }
    (void)kill(watch.child, SIGCONT);
    bool is_gone = false;
    while (!is_gone && !atomic_load(&watch.vigil->let_go) && clock_monotonic_us() < until_us) {
        wait_ms(LAST_WORD_LOOK_MS);
        is_gone = has_ended(status);
    }
    if (is_gone) return;
    (void)kill(watch.child, SIGKILL);
    until_us = clock_monotonic_us() + GONE_WITHIN_MS * 1000;
    // One that is not gone by then serves nobody, and holds up nobody.
    while (!has_ended(status) && clock_monotonic_us() < until_us) wait_ms(SILENCE_LOOK_MS);
}

// Why it has to go; false: it has not.
static bool has_to_go(void) {
    int64_t now_us = clock_monotonic_us();
    int seat = silence_look(&watch.silence, watch.vigil, now_us, clock_unix_ns());
    if (seat >= 0)
        explain("no sign of life from %s for %d ms", silence_seat_name(seat), watch.silence.seats[seat].silent_ms);
    else if (!atomic_load(&watch.vigil->ready) && now_us - watch.started_us > START_WITHIN_MS * 1000)
        explain("it did not serve within %d ms", START_WITHIN_MS);
    else if (watch.stops > 0 && now_us >= watch.stop_by_us)
        explain("it did not end within %d ms", STOP_WITHIN_MS);
    else
        return false;
    return true;
}

// Until the child has ended or was killed. True: it ended by itself, with *code.
static bool attend(int *code) {
    int status = 0;
    for (;;) {
        wait_ms(SILENCE_LOOK_MS);
        if (has_ended(&status)) break;
        if (!has_to_go()) continue;
        kill_child(&status);
        return false;
    }
    // A start that failed has said why by itself; what made it necessary is still to be said.
    bool is_told = watch.vigil->reason[0] != 0 && !atomic_load(&watch.vigil->ready);
    if (!is_told && WIFSIGNALED(status)) explain("it was ended by signal %d", WTERMSIG(status));
    else if (!is_told) explain("it ended with %d", WEXITSTATUS(status));
    *code = WEXITSTATUS(status);
    return WIFEXITED(status);
}

static void note_unwatched(void) {
    _Atomic uint64_t *since_ns = &watch.vigil->unwatched_since_ns[UNWATCHED_BRIDGE];
    if (atomic_load(&watch.vigil->ready) && atomic_load(since_ns) == 0)
        atomic_store(since_ns, silence_watched_until(&watch.silence, clock_unix_ns()));
}

// False: told to end meanwhile.
static bool wait_before_restart(uint32_t ms) {
    int64_t until_us = clock_monotonic_us() + (int64_t)ms * 1000, left_us;
    watch.vigil->waited_ms = ms;
    while (watch.stops == 0 && (left_us = until_us - clock_monotonic_us()) > 0) wait_ms((int)(left_us / 1000) + 1);
    return watch.stops == 0;
}

// --- its own life ---

// Above the guard's thread, which of the bridge's has the highest: one that loops must not hold up who ends it.
static void go_first(void) {
    const struct sched_param above = {.sched_priority = sched_get_priority_min(SCHED_FIFO) + REALTIME_IN_TIME + 1};
    if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &above) != 0) (void)setpriority(PRIO_PROCESS, 0, -20);
}

static void prepare(void) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    (void)signal(SIGCHLD, SIG_DFL);     // inherited as ignored, ends would not be told
    (void)sigemptyset(&watch.signals);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) (void)sigaddset(&watch.signals, numbers[i]);
    (void)sigprocmask(SIG_BLOCK, &watch.signals, &watch.blocked_before);
    (void)mlockall(MCL_CURRENT | MCL_FUTURE);   // where it may; a page of ours is never missed for long
    (void)prctl(PR_SET_NAME, "picket-watchdog");
    go_first();
}

int watchdog_run(int (*run)(void *context), void *context) {
    uint32_t backoff_ms = BACKOFF_FIRST_MS;
    watch.vigil = vigil_make();
    if (watch.vigil == NULL) {
        (void)fprintf(stderr, "picket-bridge: no memory for the watchdog\n");
        return EXIT_FAILURE;
    }
    prepare();
    for (;;) {
        int code = EXIT_FAILURE;
        bool is_started = start_child(run, context);
        if (!is_started && watch.vigil->start == 1) {
            // No bridge could, and nobody waits for anything yet.
            (void)fprintf(stderr, "picket-bridge: %s\n", watch.vigil->reason);
            return EXIT_FAILURE;
        }
        bool ended_by_itself = is_started && attend(&code);
        bool is_first_start = watch.vigil->start == 1 && !atomic_load(&watch.vigil->ready);
        watch.child = 0;
        note_unwatched();
        if (watch.stops > 0) return code;
        // A clean end is somebody's wish. A first start that fails is for whoever started us to see.
        if (ended_by_itself && (code == EXIT_SUCCESS || is_first_start)) return code;
        if (clock_monotonic_us() - watch.started_us >= LIVED_MS * 1000) backoff_ms = BACKOFF_FIRST_MS;
        if (!wait_before_restart(backoff_ms)) return EXIT_SUCCESS;
        backoff_ms = backoff_ms * 2 < BACKOFF_MOST_MS ? backoff_ms * 2 : BACKOFF_MOST_MS;
    }
}
