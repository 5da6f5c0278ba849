// The beginning of an interval in which nobody watched stays until an agent has accepted the event that tells of it.
#include <string.h>

#include "core/unwatched.h"
#include "core_check.h"

static struct vigil page;

// A bridge that dies leaves the page and nothing else; all of its events were accepted here, so nothing is pending.
static void next_bridge(void) {
    unwatched_accepted(UINT64_MAX);
    memset(&page, 0, sizeof page);
    vigil_use(&page);
}

static void test_until_accepted(void) {
    next_bridge();
    unwatched_begin(UNWATCHED_BRIDGE, 1000);
    unwatched_told(UNWATCHED_BRIDGE, 7);
    CHECK_EQUAL(unwatched_since(UNWATCHED_BRIDGE), 1000);
    unwatched_accepted(6);
    CHECK_EQUAL(unwatched_since(UNWATCHED_BRIDGE), 1000);
    unwatched_accepted(7);
    CHECK_EQUAL(unwatched_since(UNWATCHED_BRIDGE), 0);
    holds("an interval is kept until the event that tells of it is accepted");
}

static void test_earliest(void) {
    next_bridge();
    unwatched_begin(UNWATCHED_AGENT, 1000);
    unwatched_begin(UNWATCHED_AGENT, 2000);
    CHECK_EQUAL(unwatched_since(UNWATCHED_AGENT), 1000);
    holds("the earliest beginning that is not accepted stays");
}

static void test_again(void) {
    next_bridge();
    unwatched_begin(UNWATCHED_AGENT, 1000);
    unwatched_told(UNWATCHED_AGENT, 3);
    unwatched_begin(UNWATCHED_AGENT, 2000);
    CHECK_EQUAL(unwatched_since(UNWATCHED_AGENT), 1000);
    unwatched_accepted(3);
    CHECK_EQUAL(unwatched_since(UNWATCHED_AGENT), 2000);
    unwatched_told(UNWATCHED_AGENT, 9);
    unwatched_accepted(9);
    CHECK_EQUAL(unwatched_since(UNWATCHED_AGENT), 0);
    holds("one that began after the event that is accepted now stays");
}

static void test_two_events(void) {
    next_bridge();
    unwatched_begin(UNWATCHED_AGENT, 1000);
    unwatched_told(UNWATCHED_AGENT, 3);
    unwatched_begin(UNWATCHED_AGENT, 2000);
    unwatched_told(UNWATCHED_AGENT, 5);
    unwatched_accepted(4);
    CHECK_EQUAL(unwatched_since(UNWATCHED_AGENT), 1000);
    unwatched_accepted(5);
    CHECK_EQUAL(unwatched_since(UNWATCHED_AGENT), 0);
    holds("two that are told are kept until the later is accepted");
}

static void test_nothing_to_tell(void) {
    next_bridge();
    unwatched_begin(UNWATCHED_AGENT, 1000);
    unwatched_told(UNWATCHED_AGENT, 0);
    CHECK_EQUAL(unwatched_since(UNWATCHED_AGENT), 0);
    unwatched_begin(UNWATCHED_AGENT, 2000);
    unwatched_told(UNWATCHED_AGENT, 3);
    unwatched_begin(UNWATCHED_AGENT, 3000);
    unwatched_told(UNWATCHED_AGENT, 0);
    CHECK_EQUAL(unwatched_since(UNWATCHED_AGENT), 2000);
    unwatched_accepted(3);
    CHECK_EQUAL(unwatched_since(UNWATCHED_AGENT), 0);
    holds("a takeover without a gap leaves nothing, and takes nothing of what is told before");
}

int main(void) {
    test_until_accepted();
    test_earliest();
    test_again();
    test_two_events();
    test_nothing_to_tell();
    return 0;
}
