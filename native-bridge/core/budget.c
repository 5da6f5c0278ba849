#include "core/budget.h"

enum { SECOND_US = 1000000 };

static int64_t headroom_us(int64_t remaining_us) {
    if (remaining_us < 2 * SECOND_US) return remaining_us / 2;
    int64_t fifth = remaining_us / 5;
    if (fifth < SECOND_US) return SECOND_US;
    if (fifth > 5 * SECOND_US) return 5 * SECOND_US;
    return fifth;
}

int64_t budget_us(bool has_deadline, int64_t remaining_us, int64_t max_wait_us) {
    if (max_wait_us < 0) max_wait_us = 0;
    if (!has_deadline) return max_wait_us;
    if (remaining_us <= 0) return 0;
    int64_t until_headroom = remaining_us - headroom_us(remaining_us);
    return until_headroom < max_wait_us ? until_headroom : max_wait_us;
}
