// The clocks of the bridge. Pure logic never calls these: it is given the time.
// Threading: any thread; async-signal safe.
#ifndef PICKET_CLOCK_H
#define PICKET_CLOCK_H

#include <stdint.h>
#include <time.h>

int64_t clock_monotonic_us(void);   // budgets, heartbeats: never set back
uint64_t clock_unix_ns(void);       // what events carry
uint64_t clock_ns(clockid_t clock); // one that the system is known to have
struct timespec clock_realtime_in_ms(int ms);   // the end of a bounded wait, as pthread_cond_timedwait() takes it

#endif
