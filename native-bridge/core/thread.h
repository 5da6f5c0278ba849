// Starting threads with little stacks, and raising their priority as far as the system allows.
// Ownership: thread_start() borrows `argument` for the thread's life; the thread is the caller's to join or detach.
// Threading: any.
#ifndef PICKET_THREAD_H
#define PICKET_THREAD_H

#include <pthread.h>
#include <stdbool.h>

// Realtime priorities, above the system's lowest. A backend's readers have what is below both: what they read can be
// made by anybody, without end, and neither the agent that is to judge it nor what answers in time may wait for that.
enum realtime { REALTIME_URGED = 2, REALTIME_IN_TIME = 3 };

// All signals but faults are blocked in the new thread: they are the event thread's. Faults are handled on a stack of
// their own, for the thread's may be what has run out. 0 or an errno.
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *argument);
// For the calling thread: handlers run on this memory, which is the thread's from here on.
void thread_use_signal_stack(void *memory, size_t size);
// For the calling thread: nice -20, and before that, for a thread that does very little, SCHED_FIFO, above a
// backend's threads.
// False: not allowed.
bool thread_raise_priority(bool realtime);
// For the calling thread, which may wait for a disk in a way that not even SIGKILL ends: from here on it has a table of
// descriptors of its own, with nothing in it but stdin, stdout and stderr. Otherwise a bridge that was killed would
// keep the permission group open, and everybody waiting, until that thread has gone.
void thread_forget_descriptors(void);

#endif
