#include "core/clock.h"

uint64_t clock_ns(clockid_t clock) {
    struct timespec now;
    (void)clock_gettime(clock, &now);       // can't fail: the clock exists and the pointer is valid
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t clock_monotonic_us(void) {
    return (int64_t)(clock_ns(CLOCK_MONOTONIC) / 1000);
}

uint64_t clock_unix_ns(void) {
    return clock_ns(CLOCK_REALTIME);
}

struct timespec clock_realtime_in_ms(int ms) {
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    return until;
}
