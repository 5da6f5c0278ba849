#include "core/breaker.h"

void breaker_init(struct breaker *breaker) {
    *breaker = (struct breaker){.awaiting = false};
    atomic_init(&breaker->open, false);
    atomic_init(&breaker->run_outs, 0);
}

void breaker_reset(struct breaker *breaker, int64_t now_us) {
    atomic_store(&breaker->open, false);
    atomic_store(&breaker->run_outs, 0);
    breaker->awaiting = false;
    breaker->awaiting_since_us = 0;
    breaker->last_ping_us = now_us - BREAKER_PING_EVERY_US;     // the first ping is due at once
}

bool breaker_ping_due(const struct breaker *breaker, int64_t now_us) {
    return now_us - breaker->last_ping_us >= BREAKER_PING_EVERY_US;
}

void breaker_answer_expected(struct breaker *breaker, int64_t now_us) {
    if (breaker->awaiting) return;
    breaker->awaiting = true;
    breaker->awaiting_since_us = now_us;
}

void breaker_ping_sent(struct breaker *breaker, int64_t now_us) {
    breaker->ping_number++;
    breaker->last_ping_us = now_us;
    breaker_answer_expected(breaker, now_us);
}

bool breaker_pong(struct breaker *breaker) {
    breaker->awaiting = false;
    atomic_store(&breaker->run_outs, 0);
    return atomic_exchange(&breaker->open, false);
}

void breaker_alive(struct breaker *breaker) {
    breaker->awaiting = false;
}

void breaker_serves(struct breaker *breaker) {
    if (!breaker->awaiting) (void)breaker_pong(breaker);
}

void breaker_verdict(struct breaker *breaker) {
    atomic_store(&breaker->run_outs, 0);
}

static bool open_now(struct breaker *breaker, int64_t now_us) {
    if (!atomic_load(&breaker->open)) atomic_store(&breaker->opened_us, now_us);
    if (atomic_exchange(&breaker->open, true)) return false;
    breaker->opened++;
    return true;
}

bool breaker_budget_ran_out(struct breaker *breaker, int64_t now_us) {
    return atomic_fetch_add(&breaker->run_outs, 1) + 1 >= BREAKER_RUN_OUTS && open_now(breaker, now_us);
}

bool breaker_tick(struct breaker *breaker, int64_t now_us) {
    return breaker->awaiting && now_us - breaker->awaiting_since_us >= BREAKER_PONG_WITHIN_US && open_now(breaker, now_us);
}

bool breaker_is_open(const struct breaker *breaker) {
    return atomic_load(&breaker->open);
}
