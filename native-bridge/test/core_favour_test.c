// Which threads go first. It needs the right to give realtime priority: without it there is nothing to be seen.
#include "test/core_check.h"

#ifdef __linux__
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/favour.h"

enum { THREADS = 3, SECOND = 1000000 };

static atomic_uint ids[THREADS];
static int stop_fds[2];

static void *wait_for_the_end(void *argument) {
    char byte;
    atomic_store((atomic_uint *)argument, (unsigned)syscall(SYS_gettid));
    CHECK_EQUAL(read(stop_fds[0], &byte, 1), 0);
    return NULL;
}

static int policy_of(uint32_t thread_id) {
    return sched_getscheduler((pid_t)thread_id) & ~SCHED_RESET_ON_FORK;
}

static bool is_allowed(void) {
    struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_RR)}, none = {.sched_priority = 0};
    return sched_setscheduler(0, SCHED_RR, &lowest) == 0 && sched_setscheduler(0, SCHED_OTHER, &none) == 0;
}

int main(void) {
    static struct favour favour;
    pthread_t threads[THREADS];
    int nice = getpriority(PRIO_PROCESS, 0);
    if (!is_allowed()) {
        printf("  skipped: it takes CAP_SYS_NICE\n");
        return 0;
    }
    CHECK_EQUAL(pipe(stop_fds), 0);
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, wait_for_the_end, &ids[i]), 0);
    for (int i = 0; i < THREADS; i++)
        while (atomic_load(&ids[i]) == 0) (void)sched_yield();

    favour_agent(&favour, (uint32_t)getpid());
    favour_urge(&favour, 0, false);
    CHECK_EQUAL(policy_of(ids[1]), SCHED_OTHER);
    favour_thread(&favour, ids[0], 0);
    CHECK_EQUAL(getpriority(PRIO_PROCESS, ids[0]), -20);
    CHECK_EQUAL(getpriority(PRIO_PROCESS, ids[1]), nice);
    CHECK_EQUAL(policy_of(ids[0]), SCHED_OTHER);
    holds("the thread that decides is favoured, and no other");

    CHECK(!favour_is_held_up(&favour, 1000));
    favour_urge(&favour, 1000, false);
    CHECK(favour_is_held_up(&favour, 999 + FAVOUR_HELD_UP_US) && !favour_is_held_up(&favour, 1000 + FAVOUR_HELD_UP_US));
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(policy_of(ids[i]), SCHED_RR);
    favour_urge(&favour, 2000, false);
    CHECK_EQUAL(favour_settle(&favour, 1000 + FAVOUR_URGED_US - 1), 1000 + FAVOUR_URGED_US);
    CHECK_EQUAL(policy_of(ids[2]), SCHED_RR);
    CHECK_EQUAL(favour_settle(&favour, 1000 + FAVOUR_URGED_US), INT64_MAX);
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(policy_of(ids[i]), SCHED_OTHER);
    CHECK_EQUAL(getpriority(PRIO_PROCESS, ids[0]), -20);
    holds("where it waits for others, all of them are urged for a while");

    favour_urge(&favour, 1000, false);
    favour_withdraw(&favour);
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(policy_of(ids[i]), SCHED_OTHER);
    CHECK_EQUAL(getpriority(PRIO_PROCESS, ids[0]), 0);
    holds("an agent that does not answer has no such threads");

    uint32_t self = (uint32_t)syscall(SYS_gettid);      // it computes, so it has a processor
    favour_agent(&favour, (uint32_t)getpid());
    favour_thread(&favour, self, 0);
    favour_urge(&favour, 1000 * (int64_t)SECOND, false);
    CHECK_EQUAL(policy_of(self), SCHED_OTHER);
    favour_urge(&favour, 1000 * (int64_t)SECOND, true);
    CHECK_EQUAL(policy_of(self), SCHED_RR);
    CHECK_EQUAL(favour_settle(&favour, 1001 * (int64_t)SECOND), INT64_MAX);
    CHECK_EQUAL(policy_of(self), SCHED_OTHER);
    favour.looked_us = 1000 * (int64_t)SECOND - 100000;
    favour.waited_ns -= 51 * 1000000;           // as if it had waited 51 ms of the last 100
    favour_urge(&favour, 1000 * (int64_t)SECOND, false);
    CHECK_EQUAL(policy_of(self), SCHED_RR);
    favour_withdraw(&favour);
    CHECK_EQUAL(policy_of(self), SCHED_OTHER);
    holds("one that computes is urged in a flood only, one that waits for a processor always");

    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)pause();
        _exit(0);
    }
    favour_agent(&favour, (uint32_t)child);
    favour_thread(&favour, ids[0], 0);
    CHECK_EQUAL(getpriority(PRIO_PROCESS, ids[0]), 0);
    CHECK_EQUAL(kill(child, SIGSTOP), 0);
    CHECK_EQUAL(waitpid(child, NULL, WUNTRACED), child);
    favour_thread(&favour, (uint32_t)child, 0);
    favour_urge(&favour, 1000, false);
    CHECK_EQUAL(policy_of((uint32_t)child), SCHED_OTHER);
    CHECK_EQUAL(kill(child, SIGKILL), 0);
    CHECK_EQUAL(waitpid(child, NULL, 0), child);
    holds("an agent names threads of its own, or none; one that is stopped is held up by nobody here");

    CHECK_EQUAL(close(stop_fds[1]), 0);
    for (int i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    return 0;
}
#else
int main(void) {
    printf("  skipped: not Linux\n");
    return 0;
}
#endif
