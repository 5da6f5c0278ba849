// Has something crashed too often in too short a time? Times of agents that ended without a goodbye, or of bridges that
// started and never ended well.
//
// Pure: times are Unix time, for they are kept across restarts. Threading: none of its own.
#ifndef PICKET_CRASH_LOOP_H
#define PICKET_CRASH_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRASH_LOOP_DEFAULT_CRASHES 3
#define CRASH_LOOP_DEFAULT_WINDOW_NS (300ull * 1000000000)
#define CRASH_LOOP_MOST_CRASHES 16
#define CRASH_LOOP_TEXT (CRASH_LOOP_MOST_CRASHES * 32)

struct crash_limit {
    uint32_t crashes;           // so many ...
    uint64_t window_ns;         // ... within this time; crashes 0: never too many
};

struct crash_times {
    uint64_t at_ns[CRASH_LOOP_MOST_CRASHES];    // oldest first
    size_t count;
};

void crash_times_add(struct crash_times *times, uint64_t at_ns);
// Forgets the newest.
void crash_times_take_back(struct crash_times *times);
// Forgets what is older than the window, and what a clock that was set back makes future. True: too many are left.
bool crash_times_too_many(struct crash_times *times, const struct crash_limit *limit, uint64_t now_ns);

// A line `name TIME` each. Gives the length.
size_t crash_times_write(const struct crash_times *times, const char *name, char *text, size_t size);
// Reads the lines of that name; others are passed over.
void crash_times_read(struct crash_times *times, const char *name, const char *text);

#endif
