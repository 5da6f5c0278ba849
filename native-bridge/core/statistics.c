#include "core/statistics.h"

#include <string.h>

// Each action takes the first free place for good, so that readers need no lock.
static size_t place_of(struct statistics *statistics, const char *action) {
    for (size_t i = 0; i < STATISTICS_ACTIONS - 1; i++) {
        const char *taken = atomic_load(&statistics->actions[i]);
        if (taken == NULL && atomic_compare_exchange_strong(&statistics->actions[i], &taken, action)) return i;
        if (taken == action || (taken != NULL && strcmp(taken, action) == 0)) return i;
    }
    atomic_store(&statistics->actions[STATISTICS_ACTIONS - 1], "");
    return STATISTICS_ACTIONS - 1;
}

void statistics_request(struct statistics *statistics, const char *action) {
    atomic_fetch_add_explicit(&statistics->requests[place_of(statistics, action)], 1, memory_order_relaxed);
}

void statistics_answer(struct statistics *statistics, const char *action, enum answer_level level,
                       enum verdict verdict, int64_t took_us) {
    size_t place = place_of(statistics, action);
    atomic_fetch_add_explicit(&statistics->answers[place][level][verdict == VERDICT_DENY], 1, memory_order_release);
    int64_t longest = atomic_load_explicit(&statistics->longest_answer_us, memory_order_relaxed);
    while (took_us > longest &&
           !atomic_compare_exchange_weak(&statistics->longest_answer_us, &longest, took_us)) {
    }
}

int64_t statistics_take_longest(struct statistics *statistics) {
    return atomic_exchange(&statistics->longest_answer_us, 0);
}

uint64_t statistics_of_level(const struct statistics *statistics, enum answer_level level) {
    uint64_t sum = 0;
    for (size_t i = 0; i < STATISTICS_ACTIONS; i++)
        for (int verdict = 0; verdict < 2; verdict++)
            sum += atomic_load_explicit(&statistics->answers[i][level][verdict], memory_order_relaxed);
    return sum;
}
