// Which silence ends a bridge, and from when on nobody watched.
#include <string.h>

#include "core/silence.h"
#include "core_check.h"

enum { FIRST_THREAD = 100 };

static struct vigil page;
static struct silence silence;
static int64_t now_us;

static uint64_t now_ns(void) {
    return (uint64_t)now_us * 1000;
}

static void begin(void) {
    memset(&page, 0, sizeof page);
    now_us = 1000000;
    silence_init(&silence, now_us);
    vigil_use(&page);
    for (int seat = 0; seat < VIGIL_SEATS; seat++) atomic_store(&page.seats[seat].thread, FIRST_THREAD + seat);
}

// Lets time pass in looks of so long; all seats beat but one. Gives the seat that is found silent, and when.
static int pass(int ms, int look_ms, int silent, int *after_ms) {
    for (*after_ms = 0; *after_ms < ms; *after_ms += look_ms) {
        for (int seat = 0; seat < VIGIL_SEATS; seat++)
            if (seat != silent) vigil_beat((enum vigil_seat_name)seat);
        now_us += look_ms * 1000;
        int found = silence_look(&silence, &page, now_us, now_ns());
        if (found >= 0) return found;
    }
    return -1;
}

static void test_silent_seats(void) {
    static const int bounds_ms[VIGIL_SEATS] = {2000, 2000, 2000, 10000, 10000, 0, 5000};
    for (int seat = 0; seat < VIGIL_SEATS; seat++) {
        int after_ms;
        begin();
        int found = pass(60000, 100, seat, &after_ms);
        CHECK_EQUAL(found, bounds_ms[seat] == 0 ? -1 : seat);
        if (found < 0) continue;
        CHECK(after_ms >= bounds_ms[seat]);
        CHECK(after_ms <= bounds_ms[seat] + 300);
    }
    holds("those for whom everybody waits may be silent for 2 s, the keeper of leases for 5, those in whose place the guard "
          "answers for 10, the notify reader for ever");
}

static void test_free_seat(void) {
    int after_ms;
    begin();
    atomic_store(&page.seats[VIGIL_LANE].thread, 0);
    CHECK_EQUAL(pass(60000, 100, VIGIL_LANE, &after_ms), -1);
    holds("nobody is missed in a free seat");
}

static void test_one_beat_is_enough(void) {
    int after_ms;
    begin();
    for (int i = 0; i < 20; i++) {
        CHECK_EQUAL(pass(1500, 100, VIGIL_GUARD, &after_ms), -1);
        vigil_beat(VIGIL_GUARD);
    }
    holds("one beat in time is enough, again and again");
}

// The watchdog itself was stopped for an hour, or the whole machine: that is nobody's silence.
static void test_a_look_that_comes_late(void) {
    int after_ms;
    begin();
    CHECK_EQUAL(pass(1000, 100, VIGIL_PERMISSIONS, &after_ms), -1);
    now_us += 3600 * (int64_t)1000000;
    CHECK_EQUAL(silence_look(&silence, &page, now_us, now_ns()), -1);
    CHECK_EQUAL(pass(3000, 100, VIGIL_PERMISSIONS, &after_ms), VIGIL_PERMISSIONS);
    holds("time in which the watchdog itself did not run is nobody's silence");
}

static void test_watched_until(void) {
    int after_ms;
    begin();
    CHECK_EQUAL(pass(1000, 100, -1, &after_ms), -1);
    uint64_t last_ns = now_ns();
    CHECK_EQUAL(silence_watched_until(&silence, last_ns), last_ns);
    CHECK_EQUAL(pass(500, 100, VIGIL_GUARD, &after_ms), -1);    // as long as a turn takes
    CHECK_EQUAL(silence_watched_until(&silence, now_ns()), now_ns());
    CHECK_EQUAL(pass(1000, 100, VIGIL_GUARD, &after_ms), -1);
    CHECK_EQUAL(silence_watched_until(&silence, now_ns()), last_ns);
    // A silent event thread answers nobody's open.
    begin();
    CHECK_EQUAL(pass(9000, 100, VIGIL_EVENTS, &after_ms), -1);
    CHECK_EQUAL(silence_watched_until(&silence, now_ns()), now_ns());
    holds("nobody watched from the last beat on, where a reader or the guard was silent for more than a turn");
}

int main(void) {
    test_silent_seats();
    test_free_seat();
    test_one_beat_is_enough();
    test_a_look_that_comes_late();
    test_watched_until();
    return 0;
}
