// The breaker: is the agent worth waiting for? It opens when a heartbeat stays unanswered or several budgets in a
// row run out, and closes when a Pong arrives. A state machine that is given the time and does no I/O.
//
// Threading: none of its own; the owner serialises the calls. Only breaker_is_open() and breaker_verdict() may be called
// by anyone at any time.
#ifndef PICKET_BREAKER_H
#define PICKET_BREAKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BREAKER_PING_EVERY_US 500000
#define BREAKER_PONG_WITHIN_US 1000000
#define BREAKER_RUN_OUTS 3

struct breaker {
    atomic_bool open;
    atomic_uint run_outs;          // budgets that ran out since the last verdict
    bool awaiting;              // a heartbeat is unanswered
    int64_t awaiting_since_us;  // the oldest such
    int64_t last_ping_us;
    uint64_t ping_number;       // of the last ping sent
    uint64_t opened;            // times, ever
    _Atomic int64_t opened_us;  // the last time
};

void breaker_init(struct breaker *breaker);
// A new agent starts with a closed breaker and no debts.
void breaker_reset(struct breaker *breaker, int64_t now_us);
// Is the next ping due? Its number is breaker->ping_number + 1; tell with breaker_ping_sent() once it is written.
bool breaker_ping_due(const struct breaker *breaker, int64_t now_us);
void breaker_ping_sent(struct breaker *breaker, int64_t now_us);
// Something other than a ping that the agent must answer was sent (PolicySwitch).
void breaker_answer_expected(struct breaker *breaker, int64_t now_us);
// A Pong, or the answer to what breaker_answer_expected() told. True: the breaker was open and is now closed.
bool breaker_pong(struct breaker *breaker);
// A Pong of an agent that can't be asked yet: it is alive, but whoever waits for it waits still. What is open stays so.
void breaker_alive(struct breaker *breaker);
// It can be asked from now on. An agent that owes no Pong starts with a closed breaker.
void breaker_serves(struct breaker *breaker);
void breaker_verdict(struct breaker *breaker);
// True: the breaker opened by this.
bool breaker_budget_ran_out(struct breaker *breaker, int64_t now_us);
bool breaker_tick(struct breaker *breaker, int64_t now_us);
bool breaker_is_open(const struct breaker *breaker);

#endif
