#include "core/breaker.h"
#include "test/core_check.h"

static void heartbeat(void) {
    struct breaker breaker;
    breaker_init(&breaker);
    breaker_reset(&breaker, 0);
    CHECK(breaker_ping_due(&breaker, 0));
    breaker_ping_sent(&breaker, 0);
    CHECK(!breaker_ping_due(&breaker, BREAKER_PING_EVERY_US - 1));
    CHECK(!breaker_tick(&breaker, BREAKER_PONG_WITHIN_US - 1));
    CHECK(breaker_tick(&breaker, BREAKER_PONG_WITHIN_US));
    CHECK(!breaker_tick(&breaker, BREAKER_PONG_WITHIN_US + 1));
    CHECK(breaker_is_open(&breaker));
    CHECK(breaker_pong(&breaker));
    CHECK(!breaker_is_open(&breaker) && !breaker_pong(&breaker));
    CHECK_EQUAL(breaker.opened, 1);
    holds("a heartbeat that is missed opens it once, a pong closes it");
}

static void run_outs(void) {
    struct breaker breaker;
    breaker_init(&breaker);
    breaker_reset(&breaker, 0);
    for (int i = 0; i < 100; i++) {
        for (int k = 1; k < BREAKER_RUN_OUTS; k++) CHECK(!breaker_budget_ran_out(&breaker, 1));
        breaker_verdict(&breaker);
    }
    CHECK(!breaker_is_open(&breaker));
    for (int k = 1; k < BREAKER_RUN_OUTS; k++) CHECK(!breaker_budget_ran_out(&breaker, 1));
    CHECK(breaker_budget_ran_out(&breaker, 1));
    CHECK(!breaker_budget_ran_out(&breaker, 1));
    breaker_reset(&breaker, 0);
    CHECK(!breaker_is_open(&breaker));
    holds("only budgets that run out in a row open it; a new agent starts with it closed");
}

// A model that counts for itself is held against it over random histories.
static void histories(void) {
    for (int history = 0; history < 2000; history++) {
        struct breaker breaker;
        int64_t now = 0, since = -1, row = 0;
        bool open = false;
        breaker_init(&breaker);
        breaker_reset(&breaker, now);
        for (int step = 0; step < 60; step++) {
            now += (int64_t)random_below(400000);
            switch (random_below(5)) {
            case 0:
                if (!breaker_ping_due(&breaker, now)) break;
                breaker_ping_sent(&breaker, now);
                if (since < 0) since = now;
                break;
            case 1:
                CHECK_EQUAL(breaker_pong(&breaker), open);
                open = false;
                since = -1;
                row = 0;
                break;
            case 2:
                breaker_verdict(&breaker);
                row = 0;
                break;
            case 3:
                row++;
                CHECK_EQUAL(breaker_budget_ran_out(&breaker, 1), !open && row >= BREAKER_RUN_OUTS);
                open = open || row >= BREAKER_RUN_OUTS;
                break;
            default: {
                bool missed = since >= 0 && now - since >= BREAKER_PONG_WITHIN_US;
                CHECK_EQUAL(breaker_tick(&breaker, now), !open && missed);
                open = open || missed;
            }
            }
            CHECK_EQUAL(breaker_is_open(&breaker), open);
        }
    }
    holds("over any history it is open exactly when the model says so");
}

int main(void) {
    heartbeat();
    run_outs();
    histories();
    return 0;
}
