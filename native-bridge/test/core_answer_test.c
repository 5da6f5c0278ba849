// core_auth() against a backend that only counts: who answers, what, and that it happens exactly once.
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/core.h"
#include "core/log.h"
#include "picket/v1/bridge.pb.h"
#include "picket/v1/event.pb.h"
#include "test/core_check.h"

enum { TOKENS = 100000 };

static struct core core;
static atomic_int answers[TOKENS];
static atomic_int verdicts[TOKENS];
static uint64_t next_token;

static void respond(void *state, uint64_t token, enum verdict verdict) {
    (void)state;
    CHECK(token < TOKENS);
    atomic_store(&verdicts[token], verdict);
    atomic_fetch_add(&answers[token], 1);
}

static struct backend backend = {.name = "test", .respond = respond};
static const uint8_t event_bytes[] = {0x18, 0x01, 0x22, 0x04, 'o', 'p', 'e', 'n'};
static unsigned gathered, encoded;

static void gather(void *context) {
    (void)context;
    gathered++;
}

static struct encoded_event encode(void *context) {
    (void)context;
    encoded++;
    return (struct encoded_event){event_bytes, sizeof event_bytes, EVENT_AUTH, "open"};
}

static const struct auth_event event = {NULL, gather, encode};

// Asks about an open of `path` and gives its token.
static uint64_t ask(const char *path, uint32_t uid, int64_t remaining_us) {
    uint64_t token = next_token++;
    core_auth(&core, &(struct auth_subject){.action = "open", .file_path = bytes_of_text(path),
                                            .executable = bytes_of_text("/bin/a"), .uid = uid,
                                            .remaining_us = remaining_us}, &event, token);
    return token;
}

static uint64_t of_level(enum answer_level level) {
    return statistics_of_level(&core.statistics, level);
}

// Denies /secret/ statically, reaches /data/ by rules, waits 20 ms.
static void set_policy(void) {
    static uint8_t buffer[4096];
    char error[256];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof buffer);
    wire_uint(&writer, picket_v1_Policy_epoch_tag, 1);
    for (uint32_t tag = picket_v1_Policy_static_verdicts_tag; tag <= picket_v1_Policy_deny_reach_tag;
         tag += picket_v1_Policy_deny_reach_tag - picket_v1_Policy_static_verdicts_tag) {
        size_t item = wire_begin(&writer, tag);
        wire_text(&writer, picket_v1_StaticVerdict_action_tag, "open");
        wire_uint(&writer, picket_v1_StaticVerdict_verdict_tag, VERDICT_DENY);
        size_t test = wire_begin(&writer, picket_v1_StaticVerdict_tests_tag);
        wire_uint(&writer, picket_v1_StaticTest_subject_tag, SUBJECT_FILE_PATH);
        wire_uint(&writer, picket_v1_StaticTest_operator_tag, OPERATOR_PREFIX);
        wire_text(&writer, picket_v1_StaticTest_values_tag,
                  tag == picket_v1_Policy_static_verdicts_tag ? "/secret/" : "/data/");
        wire_end(&writer, test);
        wire_end(&writer, item);
    }
    size_t action = wire_begin(&writer, picket_v1_Policy_actions_tag);
    wire_text(&writer, picket_v1_ActionSettings_action_tag, "open");
    wire_uint(&writer, picket_v1_ActionSettings_max_wait_us_tag, 20000);
    wire_end(&writer, action);
    struct policy *policy = policy_decode((struct bytes){buffer, writer.length}, error, sizeof error);
    CHECK(policy != NULL);
    core_set_policy(&core, policy);
}

static void without_agent(void) {
    uint64_t allowed = ask("/data/1", 1000, -1), denied = ask("/secret/1", 1000, -1), root = ask("/secret/1", 0, -1);
    CHECK_EQUAL(verdicts[allowed], VERDICT_ALLOW);
    CHECK_EQUAL(verdicts[denied], VERDICT_DENY);
    CHECK_EQUAL(verdicts[root], VERDICT_DENY);
    CHECK_EQUAL(of_level(LEVEL_DEFAULT_NO_AGENT), 1);
    CHECK_EQUAL(of_level(LEVEL_STATIC), 2);
    CHECK_EQUAL(gathered, 3);
    CHECK_EQUAL(encoded, 3);
    uint64_t token = next_token++;
    core_auth(&core, &(struct auth_subject){.action = "open", .file_path = bytes_of_text("/secret/1"),
                                            .actor_exempt = true, .remaining_us = -1}, &event, token);
    CHECK_EQUAL(verdicts[token], VERDICT_ALLOW);
    CHECK_EQUAL(of_level(LEVEL_EXEMPT_ACTOR), 1);
    CHECK_EQUAL(gathered, 3);       // what nobody reads is not made
    CHECK_EQUAL(encoded, 3);
    CHECK_EQUAL(core.queue.last_sequence, 3);       // audits: one default, two denies, nothing of the exempt
    holds("without an agent static denies and defaults go on; who is exempt is only counted");
}

static void expired(void) {
    lane_hold(&core.lane);
    uint64_t token = ask("/data/1", 1000, 0);
    CHECK_EQUAL(answers[token], 1);
    CHECK_EQUAL(of_level(LEVEL_DEFAULT_DEADLINE), 1);
    holds("an expired deadline is answered at once");
}

static void overload(void) {
    size_t user = core.pending.per_user;
    uint64_t first = next_token;
    for (size_t i = 0; i < user; i++) CHECK_EQUAL(answers[ask("/data/1", 1000, -1)], 0);
    uint64_t reached = ask("/data/1", 1000, -1), beyond = ask("/home/1", 1000, -1), fixed = ask("/secret/1", 1000, -1);
    CHECK_EQUAL(verdicts[reached], VERDICT_DENY);
    CHECK_EQUAL(verdicts[beyond], VERDICT_ALLOW);
    CHECK_EQUAL(verdicts[fixed], VERDICT_DENY);
    CHECK_EQUAL(answers[ask("/data/1", 1001, -1)], 0);      // another user has his own bound
    for (size_t i = 0; i < user; i++) CHECK_EQUAL(answers[ask("/data/1", 0, -1)], 0);
    CHECK_EQUAL(verdicts[ask("/data/1", 0, -1)], VERDICT_ALLOW);
    CHECK_EQUAL(of_level(LEVEL_OVERLOAD), 3);
    core_answer_all_without_agent(&core);
    for (uint64_t token = first; token < next_token; token++) CHECK_EQUAL(answers[token], 1);
    CHECK_EQUAL(pending_count(&core.pending), 0);
    holds("beyond a bound the reach of deny rules is denied to users and allowed to root; static denies hold");
}

// `patience`: everybody's is over, too.
static void run_out_of_budget(uint32_t uid, bool patience) {
    struct request *all[512];
    size_t count = pending_all(&core.pending, all, 512);
    for (size_t i = 0; i < count; i++) {
        if (patience) all[i]->arrived_us -= 2000000;
        if (all[i]->uid == uid) core_budget_ran_out(&core, all[i]);
        pending_release(&core.pending, all[i]);
    }
}

static void flooder_pays(void) {
    uint64_t denied = of_level(LEVEL_OVERLOAD), first = next_token;
    uint64_t home = ask("/home/1", 2000, -1);
    for (size_t i = 1; i < core.pending.per_user; i++) CHECK_EQUAL(answers[ask("/data/1", 2000, -1)], 0);
    uint64_t before = ask("/data/1", 2001, -1);
    CHECK_EQUAL(verdicts[ask("/data/1", 2000, -1)], VERDICT_DENY);
    CHECK_EQUAL(of_level(LEVEL_OVERLOAD), denied + 1);
    run_out_of_budget(2000, false);
    for (uint64_t token = first + 1; token < before; token++) CHECK_EQUAL(verdicts[token], VERDICT_DENY);
    CHECK_EQUAL(verdicts[home], VERDICT_ALLOW);
    CHECK_EQUAL(of_level(LEVEL_OVERLOAD), denied + core.pending.per_user);
    CHECK(!breaker_is_open(&core.lane.breaker));
    holds("a user who was over his bound gets no default from the budgets that run out for him, and opens no breaker");

    for (int i = 1; i < BREAKER_RUN_OUTS; i++) (void)ask("/data/1", 2001, -1);
    uint64_t elsewhere = ask("/home/1", 2001, -1);
    run_out_of_budget(2001, false);
    CHECK_EQUAL(answers[before], 0);
    CHECK(pending_earliest(&core.pending) <= clock_monotonic_us() + 20000);
    CHECK_EQUAL(verdicts[elsewhere], VERDICT_ALLOW);
    holds("others wait longer for the agent before they get one of what it might deny");

    run_out_of_budget(2001, true);
    CHECK_EQUAL(verdicts[before], VERDICT_ALLOW);
    CHECK(breaker_is_open(&core.lane.breaker));
    CHECK_EQUAL(verdicts[ask("/data/1", 2000, -1)], VERDICT_DENY);
    CHECK_EQUAL(verdicts[ask("/home/1", 2000, -1)], VERDICT_ALLOW);
    CHECK_EQUAL(verdicts[ask("/data/1", 2001, -1)], VERDICT_ALLOW);
    holds("nor from an agent that stalls then, while others get theirs");
    breaker_reset(&core.lane.breaker, 0);

    struct overload_facts facts;
    uint64_t told = 0;
    while (overload_take(&core.overload, INT64_MAX / 2, &facts)) told += facts.denied + facts.allowed;
    CHECK_EQUAL(told, of_level(LEVEL_OVERLOAD));
    holds("what the overload events count is what the statistics count");
}

static void audits_are_bounded(void) {
    uint64_t before = core.queue.last_sequence, asked = AUDIT_METER_BURST + 5000;
    for (uint64_t i = 0; i < asked; i++) CHECK_EQUAL(verdicts[ask("/secret/1", 3000, -1)], VERDICT_DENY);
    uint64_t audits = core.queue.last_sequence - before, lost = 0;
    for (size_t i = 0; i < core.losses.count; i++)
        if (strcmp(core.losses.entries[i].cause, "audit_flood") == 0) lost += core.losses.entries[i].count;
    CHECK(audits >= AUDIT_METER_BURST && lost > 0);
    CHECK_EQUAL(audits + lost, asked);
    holds("the audits of a user's denies by one rule are bounded, and those held back are counted as lost");
}

// The guard and a stream of verdicts answer what nobody reads.
static void guarded(void) {
    uint64_t first = next_token;
    CHECK_EQUAL(guard_start(&core.guard, &core), 0);
    int64_t began_us = clock_monotonic_us();
    for (int i = 0; i < 3000; i++) (void)ask("/data/1", (uint32_t)i % 3, -1);
    for (uint64_t token = first; token < next_token;) {
        if (atomic_load(&answers[token]) > 0) token++;
        else CHECK(clock_monotonic_us() - began_us < 60 * 1000000);     // hung
    }
    guard_stop(&core.guard);
    for (uint64_t token = first; token < next_token; token++) CHECK_EQUAL(answers[token], 1);
    CHECK(of_level(LEVEL_DEFAULT_DEADLINE) > 1);
    CHECK(breaker_is_open(&core.lane.breaker));
    uint64_t stalled = ask("/data/1", 7, -1);
    CHECK_EQUAL(answers[stalled], 1);
    CHECK(of_level(LEVEL_DEFAULT_BREAKER) >= 1);
    holds("the guard answers whatever nobody answers, once, and the breaker opens");
}

static void strangers(void) {
    core_verdict(&core, &(struct auth_verdict){.id = 12345, .epoch = 1, .verdict = VERDICT_DENY}, LEVEL_AGENT);
    CHECK_EQUAL(atomic_load(&core.statistics.unknown_verdicts), 1);
    CHECK_EQUAL(atomic_load(&core.statistics.late_verdicts), 0);
    holds("a verdict on what was never asked is counted, and nothing else");
}

struct told {
    uint64_t level, budget_us, answered_us, bridge_us, queue_us, lane_us, budget_percent;
};

// What the last audit in the queue says of how it ended.
static struct told last_told(void) {
    static uint8_t buffer[65536];
    struct told told = {.level = 0};
    struct wire_writer writer;
    struct wire_reader reader;
    struct wire_field field, auth = {.tag = 0};
    const struct queue_entry *entry = queue_next_unsent(&core.queue);
    CHECK(entry != NULL);
    for (const struct queue_entry *next = entry; next != NULL; next = queue_next_unsent(&core.queue)) {
        entry = next;
        queue_mark_sent(&core.queue, next);
    }
    wire_writer_init(&writer, buffer, sizeof buffer);
    queue_write(&core.queue, entry, &writer);
    wire_reader_init(&reader, (struct bytes){buffer, writer.length});
    while (wire_next(&reader, &field))
        if (field.tag == picket_v1_Event_auth_tag) auth = field;
    wire_reader_init(&reader, wire_field_bytes(&auth));
    while (wire_next(&reader, &field)) {
        if (field.tag == picket_v1_AuthOutcome_level_tag) told.level = wire_field_uint(&field);
        if (field.tag == picket_v1_AuthOutcome_budget_us_tag) told.budget_us = wire_field_uint(&field);
        if (field.tag == picket_v1_AuthOutcome_answered_us_tag) told.answered_us = wire_field_uint(&field);
        if (field.tag == picket_v1_AuthOutcome_bridge_us_tag) told.bridge_us = wire_field_uint(&field);
        if (field.tag == picket_v1_AuthOutcome_queue_us_tag) told.queue_us = wire_field_uint(&field);
        if (field.tag == picket_v1_AuthOutcome_lane_us_tag) told.lane_us = wire_field_uint(&field);
        if (field.tag == picket_v1_AuthOutcome_budget_percent_tag) told.budget_percent = wire_field_uint(&field);
    }
    CHECK_EQUAL(told.bridge_us + told.queue_us + told.lane_us, told.answered_us);
    return told;
}

// An open of which the bridge had read a second ago; `handed_us` ago it was given to the agent, which says `lane_us`.
static struct told explain_agents(int64_t handed_us, uint32_t lane_us) {
    struct request *request;
    uint64_t token = ask("/data/1", 1000, -1);
    CHECK_EQUAL(pending_all(&core.pending, &request, 1), 1);
    int64_t now_us = clock_monotonic_us();
    request->read_us = now_us - 1000000;
    request->budget_us = 2000000;
    atomic_store(&request->handed_us, now_us - handed_us);
    atomic_store(&request->epoch, 1);
    core_verdict(&core, &(struct auth_verdict){.id = request->id, .epoch = 1, .verdict = VERDICT_DENY,
                                               .rule = bytes_of_text("r"), .lane_us = lane_us}, LEVEL_AGENT);
    pending_release(&core.pending, request);
    CHECK_EQUAL(verdicts[token], VERDICT_DENY);
    return last_told();
}

static void explained(void) {
    struct told told = explain_agents(700000, 200000);
    CHECK_EQUAL(told.level, LEVEL_AGENT);
    CHECK_EQUAL(told.bridge_us, 300000);
    CHECK_EQUAL(told.lane_us, 200000);
    CHECK(told.queue_us >= 500000 && told.budget_percent >= 50);
    holds("an answer's time is divided into the bridge's, the way's and the lane's, and its share of the budget is told");
    told = explain_agents(700000, UINT32_MAX);
    CHECK_EQUAL(told.bridge_us, 300000);
    CHECK_EQUAL(told.queue_us, 0);
    told = explain_agents(5000000, 10);
    CHECK_EQUAL(told.bridge_us, 0);
    CHECK_EQUAL(told.lane_us, 10);
    holds("an agent that tells more than there was is not believed");
    (void)ask("/secret/1", 1000, -1);
    told = last_told();
    CHECK_EQUAL(told.level, LEVEL_STATIC);
    CHECK_EQUAL(told.budget_us + told.budget_percent + told.queue_us + told.lane_us, 0);
    holds("a static verdict takes the bridge's time alone, of no budget");
}

static void failed(void) {
    struct request *request;
    uint64_t token = ask("/data/1", 1000, -1);
    CHECK_EQUAL(pending_all(&core.pending, &request, 1), 1);
    request->default_verdict = VERDICT_DENY;
    atomic_store(&request->epoch, 1);
    core_verdict(&core, &(struct auth_verdict){.id = request->id, .epoch = 1, .verdict = VERDICT_ALLOW, .failed = true},
                 LEVEL_SLOW_LANE);
    pending_release(&core.pending, request);
    CHECK_EQUAL(verdicts[token], VERDICT_DENY);
    CHECK_EQUAL(last_told().level, LEVEL_DEFAULT_FAILED);
    holds("what the agent could not evaluate gets the default, and the audit says why");
}

static void counted(void) {
    uint64_t answered = 0;
    for (uint32_t level = 1; level < STATISTICS_LEVELS; level++) answered += of_level((enum answer_level)level);
    CHECK_EQUAL(atomic_load(&core.statistics.requests[0]), next_token);
    CHECK_EQUAL(answered, next_token);
    core_unheard(&core);
    CHECK_EQUAL(atomic_load(&core.statistics.unheard_answers), 1);
    holds("each request is counted where it comes and where it is answered, and both counts agree");
}

int main(void) {
    char error[256];
    struct core_options options = {.queue_events = 65536, .queue_bytes = 32u << 20, .cores = 2};
    log_init();
    CHECK_EQUAL(core_init(&core, &backend, &options, error, sizeof error), 0);
    set_policy();
    without_agent();
    expired();
    overload();
    flooder_pays();
    explained();
    failed();
    audits_are_bounded();
    guarded();
    strangers();
    counted();
    return 0;
}
