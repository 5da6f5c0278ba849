#include "core/refusals.h"

#include <inttypes.h>

#include "core/clock.h"
#include "core/log.h"

enum { SECOND_US = 1000000, LOGGED_A_SECOND = 8 };

static struct {
    int64_t second;
    uint64_t logged, unlogged;
} refusals;

void refusals_tell(void) {
    int64_t second = clock_monotonic_us() / SECOND_US;
    if (second == refusals.second) return;
    if (refusals.unlogged > 0)
        log_line(LOG_LEVEL_WARN, "further connections were refused", "count=%" PRIu64, refusals.unlogged);
    refusals.second = second;
    refusals.logged = refusals.unlogged = 0;
}

void refusals_log(const char *reason) {
    refusals_tell();
    if (refusals.logged++ < LOGGED_A_SECOND)
        log_line(LOG_LEVEL_WARN, "a connection is refused", "reason=\"%s\"", reason);
    else
        refusals.unlogged++;
}
