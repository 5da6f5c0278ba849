#include "core/thread.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

// Nothing here recurses; sanitizers need some of it. Where memory is locked all of it is there from the start.
// The gap below is wider than a signal's frame, which else would land in the next thread's stack.
enum { STACK_BYTES = 512 * 1024, GUARD_BYTES = 64 * 1024, SIGNAL_STACK_BYTES = 32 * 1024 };

struct beginning {
    void *(*run)(void *);
    void *argument;
};

void thread_use_signal_stack(void *memory, size_t size) {
    const stack_t stack = {.ss_sp = memory, .ss_size = size};
    // A kernel that wants more (it saves the processor's whole state there) leaves handlers on the thread's own stack.
    (void)sigaltstack(&stack, NULL);
}

static void *begin(void *argument) {
    // At the upper end of the stack: what runs out is the lower one.
    uint8_t signal_stack[SIGNAL_STACK_BYTES] __attribute__((aligned(16)));
    const stack_t none = {.ss_flags = SS_DISABLE};
    struct beginning beginning = *(struct beginning *)argument;
    free(argument);
    thread_use_signal_stack(signal_stack, sizeof signal_stack);
    void *result = beginning.run(beginning.argument);
    (void)sigaltstack(&none, NULL);
    return result;
}

int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *argument) {
    pthread_attr_t attributes;
    sigset_t all, before;
    struct beginning *beginning = malloc(sizeof *beginning);
    if (beginning == NULL) return ENOMEM;
    *beginning = (struct beginning){run, argument};
    int result = pthread_attr_init(&attributes);
    if (result != 0) {
        free(beginning);
        return result;
    }
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)pthread_attr_setguardsize(&attributes, GUARD_BYTES);
    // Faults must stay deliverable, or the handlers that let the kernel go would never run.
    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGSEGV);
    (void)sigdelset(&all, SIGBUS);
    (void)sigdelset(&all, SIGILL);
    (void)sigdelset(&all, SIGFPE);
    (void)sigdelset(&all, SIGSYS);
    (void)sigdelset(&all, SIGTRAP);
    (void)sigdelset(&all, SIGABRT);     // the watchdog's last word before SIGKILL, too
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(thread, &attributes, begin, beginning);
    if (result != 0) free(beginning);
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
    struct sched_param parameters = {.sched_priority = sched_get_priority_min(SCHED_FIFO) + REALTIME_IN_TIME};
    if (realtime && pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters) == 0) return true;
#ifdef __linux__
    // On Linux a thread has a nice value of its own.
    return setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), -20) == 0;
#else
    return false;
#endif
}

void thread_forget_descriptors(void) {
#ifdef SYS_close_range
    enum { FIRST = 3, UNSHARE = 2 };    // CLOSE_RANGE_UNSHARE, since Linux 5.9
    (void)syscall(SYS_close_range, FIRST, UINT_MAX, UNSHARE);
#endif
}
