// How long an authorization request may wait for the agent. Pure; any thread.
#ifndef PICKET_BUDGET_H
#define PICKET_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

// `remaining_us`: until the kernel's own deadline; `has_deadline` false: it has none (Linux), and only max_wait
// counts. Gives min(remaining - headroom, max_wait), at least 0; 0 means: answer at once. Headroom, for the answer's
// way back, is 20 % of the remaining time, at least 1 s and at most 5 s; where less than 2 s remain it is half of
// them.
int64_t budget_us(bool has_deadline, int64_t remaining_us, int64_t max_wait_us);

#endif
