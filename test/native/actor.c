// A process of an unusual kind that then opens FILE, so that somebody has to find out whose open that is. It says what it
// did on stdout, one JSON object a line, and lives long enough for two lives to begin in different clock ticks.
//
//   actor open FILE                    opens it
//   actor wait FILE                    opens it once for each line on stdin: "open", or by a child: "child"
//   actor as UID FILE                  another user opens it
//   actor reuse FILE PROGRAM ARG...    opens it as user 1111, ends, and a process of the same pid runs PROGRAM as user 2222
//   actor clone-parent UID FILE        becomes another user; its child, whose parent is its own parent, opens it
//   actor leader-exit FILE CODE        the first thread ends, another one opens it and ends the process with CODE
//   actor thread-exec PROGRAM ARG...   a thread that is not the first executes it
//   actor thread-fork FILE             a thread that is not the first forks a child that opens it
//   actor storm FORKS AT_ONCE          forks that often, and has that many children at most
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WHOLE_LIFE_SECONDS = 60, TICK_NS = 25 * 1000 * 1000 };

static char **arguments;

// For a start time of its own: that of a process is given in ticks of 10 ms.
static void pass_a_tick(void) {
    const struct timespec tick = {0, TICK_NS};
    nanosleep(&tick, NULL);
}

static void open_it(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    printf("{\"pid\":%d,\"parent\":%d,\"uid\":%u,\"errno\":%d}\n", getpid(), getppid(), geteuid(), fd < 0 ? errno : 0);
    fflush(stdout);
    if (fd >= 0) close(fd);
}

static void become(const char *uid) {
    if (setgid((gid_t)atoi(uid)) != 0 || setuid((uid_t)atoi(uid)) != 0) _exit(200);
}

static int end_of(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 201;
}

static int wait_for_orders(const char *path) {
    char line[64];
    puts("{\"ready\":true}");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strncmp(line, "open", 4) == 0) open_it(path);
        if (strncmp(line, "child", 5) == 0) {
            pid_t child = fork();
            if (child == 0) {
                open_it(path);
                _exit(0);
            }
            end_of(child);
        }
    }
    return 0;
}

static pid_t clone_with_pid(pid_t pid) {
    struct clone_args how = {.exit_signal = SIGCHLD};
    how.set_tid = (uint64_t)(uintptr_t)&pid;
    how.set_tid_size = 1;
    return (pid_t)syscall(SYS_clone3, &how, sizeof how);
}

static int use_a_pid_twice(const char *path, char **program) {
    pid_t first = fork();
    if (first == 0) {
        become("1111");
        open_it(path);
        pass_a_tick();
        _exit(0);
    }
    end_of(first);
    pass_a_tick();
    pid_t second = clone_with_pid(first);
    if (second == 0) {
        become("2222");
        execv(program[0], program);
        _exit(202);
    }
    return second == first ? end_of(second) : 203;
}

static int leave_a_child_to_the_parent(const char *uid, const char *path) {
    pass_a_tick();
    become(uid);
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) {
        open_it(path);
        _exit(0);
    }
    pass_a_tick();
    return child < 0 ? 204 : 0;
}

static void *go_on_alone(void *unused) {
    pass_a_tick();
    open_it(arguments[0]);
    pass_a_tick();
    exit(atoi(arguments[1]));
    return unused;
}

static void *execute(void *unused) {
    pass_a_tick();
    execv(arguments[0], arguments);
    exit(205);
    return unused;
}

static void *fork_one(void *unused) {
    pid_t child = fork();
    if (child == 0) {
        open_it(arguments[0]);
        _exit(0);
    }
    exit(end_of(child));
    return unused;
}

static int on_a_thread(void *(*run)(void *)) {
    pthread_t thread;
    return pthread_create(&thread, NULL, run, NULL) == 0 ? 0 : 206;
}

static int storm(int forks, int at_once) {
    int running = 0;
    for (int i = 0; i < forks; i++) {
        pid_t child = fork();
        if (child == 0) _exit(0);
        running += child > 0;
        while (running > 0 && (running >= at_once || child < 0) && waitpid(-1, NULL, 0) > 0) running--, child = 0;
    }
    while (wait(NULL) > 0) {
    }
    return 0;
}

int main(int argc, char **argv) {
    alarm(WHOLE_LIFE_SECONDS);
    const char *order = argc > 2 ? argv[1] : "";
    arguments = argv + 2;
    if (strcmp(order, "open") == 0) return open_it(argv[2]), 0;
    if (strcmp(order, "wait") == 0) return wait_for_orders(argv[2]);
    if (strcmp(order, "as") == 0 && argc > 3) return become(argv[2]), open_it(argv[3]), 0;
    if (strcmp(order, "reuse") == 0 && argc > 3) return use_a_pid_twice(argv[2], argv + 3);
    if (strcmp(order, "clone-parent") == 0 && argc > 3) return leave_a_child_to_the_parent(argv[2], argv[3]);
    if (strcmp(order, "storm") == 0 && argc > 3) return storm(atoi(argv[2]), atoi(argv[3]));
    int failure = 207;
    if (strcmp(order, "leader-exit") == 0 && argc > 3) failure = on_a_thread(go_on_alone);
    if (strcmp(order, "thread-exec") == 0) failure = on_a_thread(execute);
    if (strcmp(order, "thread-fork") == 0) failure = on_a_thread(fork_one);
    if (failure != 0) return failure;
    if (strcmp(order, "leader-exit") == 0) pthread_exit(NULL);
    for (;;) pause();
}
