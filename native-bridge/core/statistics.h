// Counters of what became of authorization requests. Each request is counted once when it comes and once when it is
// answered, at different borders: that both counts agree is then a finding, and not a definition.
// Threading: statistics_request(), statistics_answer() and statistics_unheard() from any thread without a lock; the rest
// from the event thread.
#ifndef PICKET_STATISTICS_H
#define PICKET_STATISTICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backend.h"

#define STATISTICS_ACTIONS 64       // more than any platform has auth events; others share the last
#define STATISTICS_LEVELS 12        // picket.v1.AnswerLevel

// Values of picket.v1.AnswerLevel.
enum answer_level {
    LEVEL_AGENT = 1, LEVEL_SLOW_LANE = 2, LEVEL_STATIC = 3, LEVEL_DEFAULT_DEADLINE = 4, LEVEL_DEFAULT_BREAKER = 5,
    LEVEL_DEFAULT_NO_AGENT = 6, LEVEL_OVERLOAD = 7, LEVEL_EXEMPT_ACTOR = 8, LEVEL_NEVER_DENIED = 9,
    LEVEL_NOT_ENFORCED = 10, LEVEL_DEFAULT_FAILED = 11,
};

struct statistics {
    _Atomic(const char *) actions[STATISTICS_ACTIONS];
    _Atomic uint64_t requests[STATISTICS_ACTIONS];
    _Atomic uint64_t answers[STATISTICS_ACTIONS][STATISTICS_LEVELS][2];   // allow, deny
    _Atomic uint64_t late_verdicts;
    _Atomic uint64_t unknown_verdicts;
    _Atomic uint64_t unheard_answers;
    _Atomic uint64_t containers_found, containers_none, containers_gone, containers_unreadable;
    _Atomic int64_t longest_answer_us;      // since it was last taken
};

void statistics_request(struct statistics *statistics, const char *action);
void statistics_answer(struct statistics *statistics, const char *action, enum answer_level level,
                       enum verdict verdict, int64_t took_us);
int64_t statistics_take_longest(struct statistics *statistics);
// All answers of a level so far.
uint64_t statistics_of_level(const struct statistics *statistics, enum answer_level level);

#endif
