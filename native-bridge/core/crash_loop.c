#include "core/crash_loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void drop_first(struct crash_times *times) {
    times->count--;
    memmove(times->at_ns, times->at_ns + 1, times->count * sizeof times->at_ns[0]);
}

void crash_times_add(struct crash_times *times, uint64_t at_ns) {
    if (times->count == CRASH_LOOP_MOST_CRASHES) drop_first(times);
    times->at_ns[times->count++] = at_ns;
}

void crash_times_take_back(struct crash_times *times) {
    if (times->count > 0) times->count--;
}

bool crash_times_too_many(struct crash_times *times, const struct crash_limit *limit, uint64_t now_ns) {
    size_t kept = 0;
    for (size_t i = 0; i < times->count; i++) {
        uint64_t at_ns = times->at_ns[i];
        if (at_ns <= now_ns && now_ns - at_ns <= limit->window_ns) times->at_ns[kept++] = at_ns;
    }
    times->count = kept;
    return limit->crashes > 0 && times->count >= limit->crashes;
}

size_t crash_times_write(const struct crash_times *times, const char *name, char *text, size_t size) {
    size_t length = 0;
    for (size_t i = 0; i < times->count; i++) {
        int more = snprintf(text + length, size - length, "%s %" PRIu64 "\n", name, times->at_ns[i]);
        if (more < 0 || (size_t)more >= size - length) break;
        length += (size_t)more;
    }
    text[length] = 0;
    return length;
}

void crash_times_read(struct crash_times *times, const char *name, const char *text) {
    size_t name_length = strlen(name);
    while (*text != 0) {
        uint64_t at_ns;
        if (strncmp(text, name, name_length) == 0 && sscanf(text + name_length, " %" SCNu64, &at_ns) == 1)
            crash_times_add(times, at_ns);
        const char *end = strchr(text, '\n');
        if (end == NULL) break;
        text = end + 1;
    }
}
