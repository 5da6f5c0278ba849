#include "memory_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "filesystems.h"
#include "proc_files.h"
#include "urgent.h"

enum { RESTART_PAUSE_NS = 20000000, RETRY_MS = 200 };

// ---- a reader

// Written in its own memory first, see struct memory_lane.
static struct memory_lane draft;

struct strings {
    const char *name;
    uint8_t *out;
    size_t capacity;
};

static size_t read_strings(int folder, void *context)
{
    const struct strings *strings = context;
    return proc_read_strings(folder, strings->name, strings->out, strings->capacity);
}

static size_t stat_program(int folder, void *context)
{
    (void)context;
    return statx(folder, "exe", AT_STATX_DONT_SYNC, STATX_OF_EVENTS, &draft.stat) == 0;
}

// A variable that does not fit whole is left out.
static uint32_t whole_strings(const uint8_t *strings, size_t length)
{
    while (length > 0 && strings[length - 1] != 0)
        length--;
    return (uint32_t)length;
}

static bool read_process(const struct memory_question *question)
{
    // What is gone first when a process ends is read first; the start says whose it was.
    struct strings args = {"cmdline", draft.args, sizeof draft.args};
    struct strings environment = {"environ", draft.environment, sizeof draft.environment};
    draft.args_length = draft.environment_length = 0;
    draft.has_stat = false;
    if (question->wanted & MEMORY_ARGS)
        draft.args_length = (uint32_t)proc_any_thread(question->pid, read_strings, &args);
    if (question->wanted & MEMORY_ENVIRONMENT)
        draft.environment_length =
            whole_strings(draft.environment, proc_any_thread(question->pid, read_strings, &environment));
    if (question->wanted & MEMORY_PROGRAM)
        draft.has_stat = proc_any_thread(question->pid, stat_program, NULL) == 1;
    draft.start_ticks = proc_read_start(question->pid);
    return draft.start_ticks != 0;
}

static void end_with(pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
}

static _Noreturn void run_reader(struct memory_lane *lane, int socket, pid_t keeper)
{
    end_with(keeper);
    (void)prctl(PR_SET_NAME, "picket-reader");
    struct memory_question question;
    while (recv(socket, &question, sizeof question, 0) == (ssize_t)sizeof question) {
        struct memory_reply reply = {question.number, read_process(&question)};
        lane->start_ticks = draft.start_ticks;
        lane->has_stat = draft.has_stat;
        lane->stat = draft.stat;
        lane->args_length = draft.args_length;
        lane->environment_length = draft.environment_length;
        memcpy(lane->args, draft.args, draft.args_length);
        memcpy(lane->environment, draft.environment, draft.environment_length);
        if (send(socket, &reply, sizeof reply, MSG_NOSIGNAL) != (ssize_t)sizeof reply)
            break;
    }
    _exit(0);
}

// ---- the keeper

struct keeper {
    struct memory_lane *lanes;
    const int *sockets;
    int control;
    pid_t pid;
    pid_t readers[MEMORY_READERS];
};

// False: a process can't be had now.
static bool start_reader(struct keeper *keeper, int lane)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(keeper->control);
        for (int i = 0; i < MEMORY_READERS; i++)
            if (i != lane)
                (void)close(keeper->sockets[i]);
        run_reader(&keeper->lanes[lane], keeper->sockets[lane], keeper->pid);
    }
    keeper->readers[lane] = pid > 0 ? pid : 0;
    return pid > 0;
}

static void gather_ended_readers(struct keeper *keeper)
{
    pid_t ended;
    while ((ended = waitpid(-1, NULL, WNOHANG)) > 0)
        for (int lane = 0; lane < MEMORY_READERS; lane++)
            if (keeper->readers[lane] == ended)
                keeper->readers[lane] = 0;
}

// False: some are missing still, for a machine may have no process left for a while.
static bool replace_missing_readers(struct keeper *keeper)
{
    bool all = true;
    for (int lane = 0; lane < MEMORY_READERS; lane++) {
        if (keeper->readers[lane] != 0)
            continue;
        // One that can't live must not be a storm of forks.
        (void)nanosleep(&(struct timespec){0, RESTART_PAUSE_NS}, NULL);
        uint8_t byte = (uint8_t)lane;
        if (!start_reader(keeper, lane))
            all = false;
        else
            (void)!write(keeper->control, &byte, 1);
    }
    return all;
}

static void end_late_reader(struct keeper *keeper)
{
    uint8_t lane;
    ssize_t got = read(keeper->control, &lane, 1);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
        _exit(0);  // the bridge has ended, and the readers end with this process
    if (got == 1 && lane < MEMORY_READERS && keeper->readers[lane] != 0)
        (void)kill(keeper->readers[lane], SIGKILL);
}

// Nothing of the bridge's is kept but what it is told through. Descriptors are moved out of the way first.
static int keep_only(int sockets[MEMORY_READERS], int control)
{
    int moved[MEMORY_READERS + 1], at = 0;
    for (; at < MEMORY_READERS; at++)
        moved[at] = fcntl(sockets[at], F_DUPFD_CLOEXEC, MEMORY_READERS + 1);
    moved[at] = fcntl(control, F_DUPFD_CLOEXEC, MEMORY_READERS + 1);
    for (at = 0; at <= MEMORY_READERS; at++)
        if (moved[at] < 0 || dup2(moved[at], at) < 0)
            _exit(1);
    if (syscall(SYS_close_range, MEMORY_READERS + 1, ~0u, 0) != 0)
        for (int fd = MEMORY_READERS + 1; fd < 65536; fd++)
            (void)close(fd);
    for (at = 0; at < MEMORY_READERS; at++)
        sockets[at] = at;
    return MEMORY_READERS;
}

_Noreturn void memory_keeper_run(struct memory_lane *lanes, const int sockets[MEMORY_READERS], int control,
                                 pid_t bridge)
{
    end_with(bridge);
    // It ends when the bridge does, not by what a terminal or a service manager sends to all.
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, number == SIGCHLD ? SIG_DFL : SIG_IGN);
    sigset_t children;
    (void)sigemptyset(&children);
    (void)sigaddset(&children, SIGCHLD);
    (void)sigprocmask(SIG_SETMASK, &children, NULL);
    (void)prctl(PR_SET_NAME, "picket-keeper");
    urgent_thread(URGENT_TO_READ);

    int kept[MEMORY_READERS];
    memcpy(kept, sockets, sizeof kept);
    struct keeper keeper = {.lanes = lanes, .sockets = kept, .control = keep_only(kept, control), .pid = getpid()};
    int ended = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    for (int lane = 0; lane < MEMORY_READERS; lane++)
        (void)start_reader(&keeper, lane);
    bool all = false;
    for (;;) {
        struct pollfd waiting[2] = {{.fd = keeper.control, .events = POLLIN}, {.fd = ended, .events = POLLIN}};
        struct signalfd_siginfo information;
        if (poll(waiting, 2, all ? -1 : RETRY_MS) < 0 && errno != EINTR)
            _exit(1);
        if (waiting[0].revents)
            end_late_reader(&keeper);
        if (waiting[1].revents)
            (void)!read(ended, &information, sizeof information);
        gather_ended_readers(&keeper);
        all = replace_missing_readers(&keeper);
    }
}
