#include "core/audit_meter.h"
#include "core/overload.h"
#include "core/wire.h"
#include "test/core_check.h"

enum { SECOND = 1000000 };

static struct overload overload;
static uint64_t denied, allowed, told, single;

static void refuse(uint64_t account, bool is_denied, bool over_bound, int64_t now_us) {
    single += overload_refused(&overload, &(struct overload_refusal){account, (uint32_t)account, is_denied, over_bound,
                                                                     now_us, (uint64_t)now_us * 1000});
    *(is_denied ? &denied : &allowed) += 1;
}

static size_t take_all(int64_t now_us, struct overload_facts *last) {
    size_t count = 0;
    struct overload_facts facts;
    while (overload_take(&overload, now_us, &facts)) {
        denied -= facts.denied;
        allowed -= facts.allowed;
        *last = facts;
        count++;
    }
    told += count;
    return count;
}

static void one_event_an_interval(void) {
    struct overload_facts facts = {0};
    overload_init(&overload);
    for (int i = 0; i < 50000; i++) refuse(1000, i % 5 != 0, true, SECOND + i);
    CHECK_EQUAL(single, OVERLOAD_AUDITS);
    CHECK_EQUAL(take_all(SECOND + OVERLOAD_FIRST_US - 1, &facts), 0);
    CHECK_EQUAL(take_all(SECOND + OVERLOAD_FIRST_US, &facts), 1);
    CHECK(facts.uid == 1000 && facts.denied == 40000 && facts.allowed == 10000);
    CHECK(facts.from_ns == (uint64_t)SECOND * 1000 && facts.to_ns == ((uint64_t)SECOND + 49999) * 1000);
    int64_t told_us = SECOND + OVERLOAD_FIRST_US;
    for (int i = 0; i < 1000; i++) refuse(1000, true, true, told_us + i);
    CHECK_EQUAL(take_all(told_us + OVERLOAD_EVERY_US - 1, &facts), 0);
    CHECK_EQUAL(take_all(told_us + OVERLOAD_EVERY_US, &facts), 1);
    CHECK(facts.denied == 1000 && facts.allowed == 0);
    CHECK_EQUAL(single, 2 * OVERLOAD_AUDITS);
    CHECK_EQUAL(take_all(told_us + 10 * (int64_t)OVERLOAD_EVERY_US, &facts), 0);
    holds("whatever a user asks for, he makes one event an interval, a few single ones, and the counts are exact");
}

static void many_accounts(void) {
    struct overload_facts facts = {0};
    overload_init(&overload);
    denied = allowed = told = single = 0;
    for (int64_t i = 0; i < 200000; i++) {
        refuse(1 + random_below(10 * OVERLOAD_ACCOUNTS), random_below(2) != 0, true, i * 500);
        if (i % 2000 == 0) (void)take_all(i * 500, &facts);
    }
    (void)take_all(INT64_MAX / 4, &facts);
    CHECK_EQUAL(denied, 0);
    CHECK_EQUAL(allowed, 0);
    // 100 s, an event a second and account at most.
    CHECK(told > 0 && told <= 101u * (OVERLOAD_ACCOUNTS + 1));
    holds("more accounts than there are places are counted together, and none is lost");
}

static void crowd(void) {
    overload_init(&overload);
    CHECK(!overload_is_crowding(&overload, 1000, 0));
    refuse(1000, true, true, 5 * SECOND);
    CHECK(overload_is_crowding(&overload, 1000, 5 * SECOND) && !overload_is_crowding(&overload, 1001, 0));
    CHECK(!overload_is_crowding(&overload, 1000, 5 * SECOND + 1));
    refuse(1000, true, false, 9 * SECOND);
    CHECK(!overload_is_crowding(&overload, 1000, 5 * SECOND + 1));
    overload_crowds(&overload, 1002, 7 * SECOND);
    CHECK(overload_is_crowding(&overload, 1002, 7 * SECOND));
    struct overload_facts facts;
    while (overload_take(&overload, 100 * SECOND, &facts)) CHECK_EQUAL(facts.uid, 1000);
    holds("who was over his bound floods for a while, which what follows from it does not prolong");
}

static void audits(void) {
    static struct audit_meter meter;
    struct bytes rule = bytes_of_text("deny"), other = bytes_of_text("other");
    audit_meter_init(&meter);
    uint64_t count = 0;
    for (int i = 0; i < 100000; i++) count += audit_meter_take(&meter, 1000, rule, 77);
    CHECK_EQUAL(count, AUDIT_METER_BURST);
    CHECK(audit_meter_take(&meter, 1000, other, 77) && audit_meter_take(&meter, 1001, rule, 77));
    for (int64_t us = 77; us < 77 + 10 * SECOND; us += 100) count += audit_meter_take(&meter, 1000, rule, us);
    CHECK_EQUAL(count, AUDIT_METER_BURST + 10 * SECOND / AUDIT_METER_EACH_US - 1);
    holds("the audits of one user and rule are bounded, and hide neither another rule's nor another user's");
}

int main(void) {
    one_event_an_interval();
    many_accounts();
    crowd();
    audits();
    return 0;
}
