// One person has one account, whatever uids his user namespaces give him. Needs root, to map ids.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linux/account.h"
#include "test/core_check.h"

enum { PERSON = 65201, FIRST_SUBORDINATE = 300000 };

struct child {
    pid_t pid;
    int pidfd, told[2], says[2];
};

static void step(const struct child *child)
{
    char byte = 0;
    CHECK_EQUAL(write(child->told[1], &byte, 1), 1);
    CHECK_EQUAL(read(child->says[0], &byte, 1), 1);
}

static void child_waits(const struct child *child)
{
    char byte = 0;
    if (write(child->says[1], &byte, 1) != 1 || read(child->told[0], &byte, 1) != 1)
        _exit(0);
}

// Of a namespace inside another only its own members may write the map, and only of themselves.
static bool maps_itself(void)
{
    static const char map[] = "0 0 1\n";
    prctl(PR_SET_DUMPABLE, 1);      // else its files in /proc are root's
    int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, map, sizeof map - 1) == sizeof map - 1;
}

// A user namespace made by `maker`, perhaps one more inside, in which the process then becomes `inner`.
static void start(struct child *child, uid_t maker, uid_t inner, bool nested)
{
    CHECK(pipe(child->told) == 0 && pipe(child->says) == 0);
    child->pid = fork();
    CHECK(child->pid >= 0);
    if (child->pid == 0) {
        alarm(200);
        close(child->told[1]);
        close(child->says[0]);
        if ((maker != 0 && setuid(maker)) || unshare(CLONE_NEWUSER))
            _exit(1);
        child_waits(child);     // its ids are being mapped
        if (nested && (setresgid(0, 0, 0) || setresuid(0, 0, 0) || unshare(CLONE_NEWUSER) || !maps_itself()))
            _exit(2);
        if (setresuid(inner, inner, inner))
            _exit(3);
        child_waits(child);
        _exit(0);
    }
    close(child->told[0]);
    close(child->says[1]);
    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    char byte;
    CHECK_EQUAL(read(child->says[0], &byte, 1), 1);
}

static void write_map(const struct child *child, const char *map, unsigned first)
{
    char path[64], text[64];
    snprintf(path, sizeof path, "/proc/%d/%s", child->pid, map);
    int length = snprintf(text, sizeof text, "0 %u 1000\n", first);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_EQUAL(write(fd, text, (size_t)length), length);
    close(fd);
}

static void map_ids(const struct child *child, unsigned first)
{
    write_map(child, "uid_map", first);
    write_map(child, "gid_map", first);
    step(child);
}

static void end(const struct child *child)
{
    int status;
    char byte = 0;
    CHECK_EQUAL(write(child->told[1], &byte, 1), 1);
    CHECK_EQUAL(waitpid(child->pid, &status, 0), child->pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(child->told[1]);
    close(child->says[0]);
    close(child->pidfd);
}

static uint64_t account(const struct child *child, uint32_t uid)
{
    uint64_t by_pidfd = account_of((uint32_t)child->pid, child->pidfd, uid);
    CHECK_EQUAL(account_of((uint32_t)child->pid, -1, uid), by_pidfd);
    return by_pidfd;
}

static void subordinate(void)
{
    struct child one, other, nested;
    start(&one, PERSON, 5, false);
    start(&other, PERSON, 6, false);
    start(&nested, PERSON, 0, true);
    map_ids(&one, FIRST_SUBORDINATE);
    map_ids(&other, FIRST_SUBORDINATE);
    map_ids(&nested, FIRST_SUBORDINATE);
    CHECK_EQUAL(account(&one, FIRST_SUBORDINATE + 5), PERSON);
    CHECK_EQUAL(account(&other, FIRST_SUBORDINATE + 6), PERSON);
    CHECK_EQUAL(account(&nested, FIRST_SUBORDINATE), PERSON);
    CHECK_EQUAL(account_glance((uint32_t)one.pid, one.pidfd), PERSON);
    end(&one);
    end(&other);
    end(&nested);
    holds("the subordinate users of a user namespace are its maker's, in one inside it, too");
}

static void of_root(void)
{
    struct child one, other;
    start(&one, 0, 5, false);
    start(&other, 0, 5, false);
    map_ids(&one, FIRST_SUBORDINATE);
    map_ids(&other, FIRST_SUBORDINATE + 1000);
    uint64_t first = account(&one, FIRST_SUBORDINATE + 5), second = account(&other, FIRST_SUBORDINATE + 1005);
    CHECK(first > UINT32_MAX && second > UINT32_MAX && first != second);
    CHECK_EQUAL(account(&one, FIRST_SUBORDINATE + 6), first);
    end(&one);
    end(&other);
    holds("the users of a namespace that root made have one account together, and none of root's");
}

// Who runs sudo a thousand times must not take root's turns.
static void of_set_uid_program(void)
{
    int told[2];
    char byte = 0;
    CHECK_EQUAL(pipe(told), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        alarm(200);
        if (setresuid(PERSON, 0, 0) || write(told[1], &byte, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    CHECK(pidfd >= 0 && read(told[0], &byte, 1) == 1);
    CHECK_EQUAL(account_glance((uint32_t)pid, pidfd), PERSON);
    CHECK_EQUAL(account_glance((uint32_t)pid, -1), PERSON);
    CHECK_EQUAL(account_glance((uint32_t)getpid(), -1), 0);
    CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
    CHECK_EQUAL(account_glance((uint32_t)pid, pidfd), UINT32_MAX);
    close(pidfd);
    close(told[0]);
    close(told[1]);
    holds("a set-uid program takes turns as who started it");
}

static void plain(void)
{
    CHECK_EQUAL(account_of((uint32_t)getpid(), -1, 1000), 1000);
    CHECK_EQUAL(account_of((uint32_t)getpid(), -1, FIRST_SUBORDINATE), FIRST_SUBORDINATE);
    CHECK_EQUAL(account_user(1000, 0), 1000);
    CHECK_EQUAL(account_user(0, 1000), 1000);
    CHECK_EQUAL(account_user(0, 0), 0);
    holds("a set-uid program asks for who started it, a daemon of root's for the user whose place it takes");
}

int main(void)
{
    account_init();
    plain();
    if (geteuid() != 0) {
        printf("  skipped: it takes root to map users\n");
        return 0;
    }
    subordinate();
    of_root();
    of_set_uid_program();
    return 0;
}
