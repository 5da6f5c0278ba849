// What the C tests share: a check that says where and what, a seeded random number generator, named cases.
#ifndef PICKET_CORE_CHECK_H
#define PICKET_CORE_CHECK_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                   \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)

#define CHECK_EQUAL(actual, expected)                                                                       \
    do {                                                                                                    \
        long long actual_ = (long long)(actual), expected_ = (long long)(expected);                         \
        if (actual_ != expected_) {                                                                         \
            fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #actual, actual_, expected_); \
            exit(1);                                                                                        \
        }                                                                                                   \
    } while (0)

static uint64_t random_state = 0x9e3779b97f4a7c15u;

// xorshift64*: repeatable, so that a failure is.
static inline uint64_t random_next(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1du;
}

static inline uint64_t random_below(uint64_t bound) {
    return random_next() % bound;
}

static inline void holds(const char *sentence) {
    printf("  %s\n", sentence);
}

#endif
