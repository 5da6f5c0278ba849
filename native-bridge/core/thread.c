#include "core/thread.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

enum { STACK_BYTES = 512 * 1024 };      // nothing here recurses; sanitizers need some of it

int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *argument) {
    pthread_attr_t attributes;
    sigset_t all, before;
    int result = pthread_attr_init(&attributes);
    if (result != 0) return result;
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    // Faults must stay deliverable, or the handlers that let the kernel go would never run.
    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGSEGV);
    (void)sigdelset(&all, SIGBUS);
    (void)sigdelset(&all, SIGILL);
    (void)sigdelset(&all, SIGFPE);
    (void)sigdelset(&all, SIGABRT);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(thread, &attributes, run, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
#ifdef __linux__
    if (result == 0) (void)pthread_setname_np(*thread, name);
#else
    (void)name;
#endif
    return result;
}

bool thread_raise_priority(bool realtime) {
    struct sched_param parameters = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    if (realtime && pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters) == 0) return true;
#ifdef __linux__
    // On Linux a thread has a nice value of its own.
    return setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), -20) == 0;
#else
    return false;
#endif
}
