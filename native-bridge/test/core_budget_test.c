#include "core/budget.h"
#include "test/core_check.h"

enum { S = 1000000 };

static void examples(void) {
    CHECK_EQUAL(budget_us(false, -1, 500000), 500000);
    CHECK_EQUAL(budget_us(true, 15 * S, 500000), 500000);
    CHECK_EQUAL(budget_us(true, 15 * S, 60 * S), 12 * S);
    CHECK_EQUAL(budget_us(true, 60 * S, 600 * S), 55 * S);      // headroom is at most 5 s
    CHECK_EQUAL(budget_us(true, 3 * S, 600 * S), 2 * S);        // ... and at least 1 s
    CHECK_EQUAL(budget_us(true, 2 * S, 600 * S), 1 * S);
    CHECK_EQUAL(budget_us(true, 2 * S - 1, 600 * S), 1 * S);    // under 2 s: half
    CHECK_EQUAL(budget_us(true, 1 * S, 600 * S), S / 2);
    CHECK_EQUAL(budget_us(true, 1, 600 * S), 1);
    CHECK_EQUAL(budget_us(true, 0, 600 * S), 0);
    CHECK_EQUAL(budget_us(true, -5 * S, 600 * S), 0);
    CHECK_EQUAL(budget_us(true, INT64_MIN, INT64_MAX), 0);
    CHECK_EQUAL(budget_us(false, 0, -1), 0);
    holds("budgets of known deadlines are as the formula says");
}

static void properties(void) {
    for (int i = 0; i < 200000; i++) {
        int64_t remaining = (int64_t)(random_next() >> random_below(63)) - (int64_t)random_below(3 * S);
        int64_t wait = (int64_t)random_below(120 * S);
        int64_t budget = budget_us(true, remaining, wait);
        CHECK(budget >= 0 && budget <= wait);
        if (remaining <= 0) {
            CHECK_EQUAL(budget, 0);
            continue;
        }
        int64_t headroom = remaining - budget;
        if (budget < wait && remaining >= 2 * S) CHECK(headroom >= S && headroom <= 5 * S);
        if (remaining >= 2 * S) CHECK(headroom >= S);
        else CHECK(headroom >= remaining / 2);
        int64_t longer = budget_us(true, remaining < INT64_MAX ? remaining + 1 : remaining, wait);
        CHECK(longer >= budget - 1);
    }
    holds("a budget leaves its headroom, never exceeds max_wait and is never negative");
}

int main(void) {
    examples();
    properties();
    return 0;
}
