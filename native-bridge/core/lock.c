#include "core/lock.h"

#include <stdlib.h>

void lock_init(pthread_mutex_t *mutex) {
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0) abort();
    // Where the system has no inheritance a plain mutex is still correct.
    (void)pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    if (pthread_mutex_init(mutex, &attributes) != 0 && pthread_mutex_init(mutex, NULL) != 0) abort();
    (void)pthread_mutexattr_destroy(&attributes);
}

// A mutex that can't be taken means corrupted memory: the handler of SIGABRT lets the kernel go first.
void lock(pthread_mutex_t *mutex) {
    if (pthread_mutex_lock(mutex) != 0) abort();
}

void unlock(pthread_mutex_t *mutex) {
    if (pthread_mutex_unlock(mutex) != 0) abort();
}
