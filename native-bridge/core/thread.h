// Starting threads with little stacks, and raising their priority as far as the system allows.
#ifndef PICKET_THREAD_H
#define PICKET_THREAD_H

#include <pthread.h>
#include <stdbool.h>

// All signals are blocked in the new thread: they are the event thread's. 0 or an errno.
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *argument);
// For the calling thread: nice -20, and before that, for a thread that does very little, SCHED_FIFO at its lowest.
// False: not allowed.
bool thread_raise_priority(bool realtime);

#endif
