// Mutexes with priority inheritance: the guard's thread outranks the others, and must not wait behind a thread that
// the scheduler has put aside.
// Threading: any; lock_init() before others know of the mutex. Not in signal handlers.
#ifndef PICKET_LOCK_H
#define PICKET_LOCK_H

#include <pthread.h>

void lock_init(pthread_mutex_t *mutex);
void lock(pthread_mutex_t *mutex);
void unlock(pthread_mutex_t *mutex);

#endif
