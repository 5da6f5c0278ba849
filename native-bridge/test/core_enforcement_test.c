// The way out, without a kernel: what is told once enforcement is not on, what is kept, when crashes are too many.
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/core.h"
#include "core/crash_loop.h"
#include "core/enforcement.h"
#include "core/kernel_parameter.h"
#include "core/log.h"
#include "core/state_writer.h"
#include "picket/v1/bridge.pb.h"
#include "picket/v1/event.pb.h"
#include "test/core_check.h"

enum { TOKENS = 4096, WINDOW_S = 300, SWITCHES = 2000 };

static struct core core;
static atomic_int answers[TOKENS];
static atomic_int verdicts[TOKENS];
static uint64_t next_token;

static void respond(void *state, uint64_t token, enum verdict verdict) {
    (void)state;
    atomic_store(&verdicts[token % TOKENS], verdict);
    atomic_fetch_add(&answers[token % TOKENS], 1);
}

static struct backend backend = {.name = "test", .respond = respond};
static const uint8_t event_bytes[] = {0x18, 0x01, 0x22, 0x04, 'o', 'p', 'e', 'n'};

static struct encoded_event encode(void *context) {
    (void)context;
    return (struct encoded_event){event_bytes, sizeof event_bytes, EVENT_AUTH, "open"};
}

static const struct auth_event event = {.encode = encode};

static uint64_t ask(const char *path) {
    uint64_t token = next_token++;
    core_auth(&core, &(struct auth_subject){.action = "open", .file_path = bytes_of_text(path),
                                            .executable = bytes_of_text("/bin/a"), .uid = 1000, .remaining_us = -1},
              &event, token);
    return token;
}

static void switch_to(enum enforcement_state state) {
    (void)enforcement_change(&core.enforcement, &(struct enforcement_change){
        .state = state, .cause = state == ENFORCEMENT_ON ? CAUSE_NONE : CAUSE_ADMINISTRATOR});
    if (state != ENFORCEMENT_ON) core_allow_all(&core);
}

// Denies /secret/ statically; all else is the agent's, and denied where nobody answers.
static void set_policy(void) {
    static uint8_t buffer[1024];
    char error[256];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof buffer);
    wire_uint(&writer, picket_v1_Policy_epoch_tag, 1);
    size_t item = wire_begin(&writer, picket_v1_Policy_static_verdicts_tag);
    wire_text(&writer, picket_v1_StaticVerdict_action_tag, "open");
    wire_uint(&writer, picket_v1_StaticVerdict_verdict_tag, VERDICT_DENY);
    wire_text(&writer, picket_v1_StaticVerdict_rule_tag, "no-secrets");
    size_t test = wire_begin(&writer, picket_v1_StaticVerdict_tests_tag);
    wire_uint(&writer, picket_v1_StaticTest_subject_tag, SUBJECT_FILE_PATH);
    wire_uint(&writer, picket_v1_StaticTest_operator_tag, OPERATOR_PREFIX);
    wire_text(&writer, picket_v1_StaticTest_values_tag, "/secret/");
    wire_end(&writer, test);
    wire_end(&writer, item);
    size_t action = wire_begin(&writer, picket_v1_Policy_actions_tag);
    wire_text(&writer, picket_v1_ActionSettings_action_tag, "open");
    wire_uint(&writer, picket_v1_ActionSettings_default_verdict_tag, VERDICT_DENY);
    wire_uint(&writer, picket_v1_ActionSettings_max_wait_us_tag, 60000000);
    wire_end(&writer, action);
    struct policy *policy = policy_decode((struct bytes){buffer, writer.length}, error, sizeof error);
    CHECK(policy != NULL);
    core_set_policy(&core, policy);
}

static void all_waiting_are_allowed(void) {
    lane_hold(&core.lane);
    size_t bound = core.pending.per_user;
    uint64_t first = next_token;
    for (size_t i = 0; i < bound; i++) CHECK_EQUAL(answers[ask("/data/1")], 0);
    CHECK_EQUAL(verdicts[ask("/data/1")], VERDICT_DENY);        // beyond the bound
    switch_to(ENFORCEMENT_OFF);
    for (uint64_t token = first; token < first + bound; token++) {
        CHECK_EQUAL(answers[token], 1);
        CHECK_EQUAL(verdicts[token], VERDICT_ALLOW);
    }
    CHECK_EQUAL(pending_count(&core.pending), 0);
    CHECK_EQUAL(statistics_of_level(&core.statistics, LEVEL_NOT_ENFORCED), bound);
    holds("all that wait are allowed at once when enforcement ends");
}

static void nothing_is_denied(void) {
    uint64_t fixed = ask("/secret/1"), other = ask("/data/1");
    CHECK_EQUAL(verdicts[fixed], VERDICT_ALLOW);
    CHECK_EQUAL(verdicts[other], VERDICT_ALLOW);
    CHECK_EQUAL(answers[other], 1);
    CHECK(lane_unhold(&core.lane));
    CHECK_EQUAL(verdicts[ask("/data/1")], VERDICT_ALLOW);       // the default is deny, and there is no agent
    switch_to(ENFORCEMENT_ON);
    CHECK_EQUAL(verdicts[ask("/secret/1")], VERDICT_DENY);
    CHECK_EQUAL(verdicts[ask("/data/1")], VERDICT_DENY);
    holds("then neither a static verdict, nor a default, nor a bound denies anything; on again, they do");
}

static bool find(struct bytes message, uint32_t tag, struct wire_field *found) {
    struct wire_reader reader;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, found))
        if (found->tag == tag) return true;
    return false;
}

static void what_would_have_been_denied_is_said(void) {
    static uint8_t buffer[4096];
    struct wire_field field;
    struct wire_writer writer;
    switch_to(ENFORCEMENT_OBSERVING);
    uint64_t before = core.queue.last_sequence;
    CHECK_EQUAL(verdicts[ask("/secret/1")], VERDICT_ALLOW);
    CHECK_EQUAL(verdicts[ask("/data/1")], VERDICT_ALLOW);
    CHECK_EQUAL(core.queue.last_sequence, before + 1);
    const struct queue_entry *entry;
    while ((entry = queue_next_unsent(&core.queue))->sequence != before + 1) queue_mark_sent(&core.queue, entry);
    wire_writer_init(&writer, buffer, sizeof buffer);
    queue_write(&core.queue, entry, &writer);
    struct bytes audit = {buffer, writer.length};
    CHECK(find(audit, picket_v1_Event_auth_tag, &field));
    struct bytes outcome = wire_field_bytes(&field);
    CHECK(find(outcome, picket_v1_AuthOutcome_verdict_tag, &field) && wire_field_uint(&field) == VERDICT_ALLOW);
    CHECK(find(audit, picket_v1_Event_shadow_tag, &field));
    struct bytes shadow = wire_field_bytes(&field);
    CHECK(find(shadow, picket_v1_Shadow_rule_tag, &field) && bytes_equal_text(wire_field_bytes(&field), "no-secrets"));
    CHECK(find(shadow, picket_v1_Shadow_verdict_tag, &field) && wire_field_uint(&field) == VERDICT_DENY);
    switch_to(ENFORCEMENT_ON);
    holds("the audit of what a rule would have denied says so, as of a rule in shadow mode; the rest is not told");
}

// --- switching while others deny ---

static atomic_bool race_is_over;
static atomic_uint denials_told;

static void count_denials(void *state, uint64_t token, enum verdict verdict) {
    (void)state, (void)token;
    if (verdict == VERDICT_DENY) atomic_fetch_add(&denials_told, 1);
}

static void *ask_all_the_time(void *path) {
    while (!atomic_load(&race_is_over))
        core_auth(&core, &(struct auth_subject){.action = "open", .file_path = bytes_of_text(path),
                                                .executable = bytes_of_text("/bin/a"), .uid = 1000,
                                                .remaining_us = -1}, &event, 0);
    return NULL;
}

static void nothing_after_the_switch(void) {
    pthread_t threads[4];
    core.backend->respond = count_denials;
    lane_hold(&core.lane);      // what is not denied statically waits for a minute
    for (size_t i = 0; i < 4; i++)
        CHECK_EQUAL(pthread_create(&threads[i], NULL, ask_all_the_time, i < 2 ? "/secret/1" : "/data/1"), 0);
    for (int i = 0; i < SWITCHES; i++) {
        switch_to(ENFORCEMENT_OFF);
        unsigned before = atomic_load(&denials_told);
        int64_t until_us = clock_monotonic_us() + 30000000;
        while (pending_count(&core.pending) > 0) CHECK(clock_monotonic_us() < until_us);
        CHECK_EQUAL(atomic_load(&denials_told), before);
        switch_to(ENFORCEMENT_ON);
        until_us = clock_monotonic_us() + 60000000;
        while (atomic_load(&denials_told) == before) CHECK(clock_monotonic_us() < until_us);
    }
    atomic_store(&race_is_over, true);
    for (size_t i = 0; i < 4; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    switch_to(ENFORCEMENT_OFF);
    CHECK_EQUAL(pending_count(&core.pending), 0);
    switch_to(ENFORCEMENT_ON);
    core.backend->respond = respond;
    holds("once the switch has returned no denial reaches the kernel and nobody waits, however many are under way");
}

// --- a denial under way ---

static atomic_bool switch_begins, denial_is_told;

static void tell_slowly(void *state, uint64_t token, enum verdict verdict) {
    (void)state, (void)token;
    if (verdict != VERDICT_DENY) return;
    while (!atomic_load(&switch_begins)) (void)sched_yield();
    usleep(5000);
    atomic_store(&denial_is_told, true);
}

static void *ask_once(void *nothing) {
    (void)nothing;
    (void)ask("/secret/1");
    return NULL;
}

static void the_switch_waits_for_a_denial(void) {
    pthread_t thread;
    core.backend->respond = tell_slowly;
    CHECK_EQUAL(pthread_create(&thread, NULL, ask_once, NULL), 0);
    while (atomic_load(&core.enforcement.denials) == 0) (void)sched_yield();
    atomic_store(&switch_begins, true);
    switch_to(ENFORCEMENT_OFF);
    CHECK(atomic_load(&denial_is_told));
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    switch_to(ENFORCEMENT_ON);
    core.backend->respond = respond;
    holds("a denial that is under way is waited for");
}

// --- what is kept ---

static void kept(void) {
    char text[ENFORCEMENT_TEXT], reason[ENFORCEMENT_REASON + 64];
    struct enforcement one, other;
    enforcement_init(&one);
    CHECK_EQUAL(enforcement_write(&one, text), 0);
    CHECK(enforcement_change(&one, &(struct enforcement_change){
        ENFORCEMENT_OBSERVING, CAUSE_BRIDGE_CRASHES, bytes_of_text("two\nlines"), 77, 5, 6}));
    CHECK(enforcement_write(&one, text) > 0);
    enforcement_init(&other);
    enforcement_read(&other, text);
    CHECK_EQUAL(enforcement_state_of(&other), ENFORCEMENT_OBSERVING);
    CHECK(!enforcement_is_on(&other) && !enforcement_asks(&other));
    CHECK(strcmp(enforcement_reason_of(&other), "two lines") == 0);
    CHECK(other.since_ns == 77 && other.uid == 5 && other.pid == 6);
    // A long reason ends between two characters.
    for (size_t i = 0; i + 1 < sizeof reason; i += 2) memcpy(reason + i, "\xc3\xa4", 2);
    CHECK(enforcement_change(&one, &(struct enforcement_change){
        .state = ENFORCEMENT_OFF, .cause = CAUSE_ADMINISTRATOR, .reason = {(const uint8_t *)reason, sizeof reason}}));
    CHECK(message_is_utf8(bytes_of_text(enforcement_reason_of(&one))));
    // Any prefix and any changed byte is read as something that is not on.
    size_t length = enforcement_write(&one, text);
    CHECK(length > 0 && length < ENFORCEMENT_TEXT);
    for (size_t i = 0; i < 20000; i++) {
        char damaged[ENFORCEMENT_TEXT];
        memcpy(damaged, text, length + 1);
        damaged[random_below(length)] = (char)random_below(256);
        if (random_below(2) == 0) damaged[random_below(length)] = 0;
        enforcement_init(&other);
        enforcement_read(&other, damaged);
        CHECK(!enforcement_is_on(&other));
    }
    holds("the state is kept as text; one that is damaged means off, never on");
}

static void kernel_has_the_last_word(void) {
    struct enforcement one;
    char text[ENFORCEMENT_TEXT];
    enforcement_init(&one);
    enforcement_forbid(&one, 5);
    CHECK(!enforcement_is_on(&one) && !enforcement_asks(&one));
    CHECK(enforcement_change(&one, &(struct enforcement_change){.state = ENFORCEMENT_OFF,
                                                                .cause = CAUSE_ADMINISTRATOR}));
    CHECK(enforcement_write(&one, text) > 0);       // for the boot after this one
    CHECK(enforcement_change(&one, &(struct enforcement_change){.state = ENFORCEMENT_ON}));
    CHECK(!enforcement_is_on(&one));
    CHECK_EQUAL(enforcement_write(&one, text), 0);

    static const struct { const char *line; enum kernel_parameter parameter; } lines[] = {
        {"", PARAMETER_NONE}, {"quiet picket=off\n", PARAMETER_OFF}, {"picket=off", PARAMETER_OFF},
        {"notpicket=off xpicket=off picket=offx", PARAMETER_UNKNOWN}, {"nopicket=off", PARAMETER_NONE},
        {"picket=off picket=on", PARAMETER_NONE}, {"picket=on  picket=off ro", PARAMETER_OFF},
        {"picket", PARAMETER_NONE}, {"picket=", PARAMETER_UNKNOWN}, {"picket=offpicket=off", PARAMETER_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        CHECK_EQUAL(kernel_parameter_find(lines[i].line), lines[i].parameter);
    holds("picket=off on the kernel's command line stands above every switch");
}

static void crash_loops(void) {
    const uint64_t second = 1000000000, now = 1000 * second;
    const struct crash_limit limit = {3, WINDOW_S * second}, never = {0, WINDOW_S * second};
    struct crash_times times = {.count = 0}, other = {.count = 0}, starts = {.count = 0};
    char text[STATE_TEXT];
    crash_times_add(&times, now);
    crash_times_add(&times, now + 200 * second);
    CHECK(!crash_times_too_many(&times, &limit, now + 200 * second));
    crash_times_add(&times, now + 300 * second);
    CHECK(!crash_times_too_many(&times, &never, now + 300 * second));
    CHECK(crash_times_too_many(&times, &limit, now + 300 * second));
    CHECK(!crash_times_too_many(&times, &limit, now + 301 * second));       // the first is older than five minutes
    CHECK_EQUAL(times.count, 2);
    CHECK(!crash_times_too_many(&times, &limit, now));                      // the clock was set back
    CHECK_EQUAL(times.count, 0);

    for (uint64_t i = 0; i < 100; i++) crash_times_add(&times, now + i);
    CHECK_EQUAL(times.count, CRASH_LOOP_MOST_CRASHES);
    CHECK(crash_times_too_many(&times, &limit, now + second));
    crash_times_add(&starts, 5);
    size_t length = crash_times_write(&starts, "bridge", text, sizeof text);
    CHECK(length + crash_times_write(&times, "agent", text + length, sizeof text - length) < sizeof text);
    crash_times_read(&other, "agent", text);
    CHECK(other.count == times.count && memcmp(other.at_ns, times.at_ns, sizeof other.at_ns) == 0);
    other.count = 0;
    crash_times_read(&other, "bridge", text);
    CHECK(other.count == 1 && other.at_ns[0] == 5);
    crash_times_take_back(&other);
    CHECK_EQUAL(other.count, 0);
    crash_times_read(&other, "agent", "agent x\nagent\nagents 5\n\nagent 7");
    CHECK(other.count == 1 && other.at_ns[0] == 7);
    holds("three crashes within the window are too many, older ones are forgotten");
}

static void files(void) {
    char directory[] = "/tmp/picket-enforcement-XXXXXX", path[PATH_MAX], text[STATE_TEXT] = "";
    CHECK(mkdtemp(directory) != NULL);
    CHECK(!state_read(directory, STATE_ENFORCEMENT, text));
    for (int i = 0; i <= 50; i++) {
        (void)snprintf(text, sizeof text, "number %d\n", i);
        (void)state_write(directory, STATE_ENFORCEMENT, text);
    }
    CHECK_EQUAL(state_wait(STATE_ENFORCEMENT, 10000), 0);
    CHECK(state_read(directory, STATE_ENFORCEMENT, text) && strcmp(text, "number 50\n") == 0);
    (void)state_write(directory, STATE_ENFORCEMENT, NULL);
    CHECK_EQUAL(state_wait(STATE_ENFORCEMENT, 10000), 0);
    CHECK(!state_read(directory, STATE_ENFORCEMENT, text));
    // A folder where the new file is to be: it can't be written, and that is told.
    (void)snprintf(path, sizeof path, "%s/enforcement.new", directory);
    CHECK_EQUAL(mkdir(path, 0700), 0);
    (void)state_write(directory, STATE_ENFORCEMENT, "x");
    CHECK_EQUAL(state_wait(STATE_ENFORCEMENT, 10000), -1);
    CHECK_EQUAL(rmdir(path), 0);
    CHECK_EQUAL(rmdir(directory), 0);
    holds("a state file is replaced as a whole, removed, and what can't be written is told");
}

int main(void) {
    char error[256];
    struct core_options options = {.queue_events = 65536, .queue_bytes = 32u << 20, .cores = 2};
    log_init();
    CHECK_EQUAL(core_init(&core, &backend, &options, error, sizeof error), 0);
    set_policy();
    all_waiting_are_allowed();
    nothing_is_denied();
    what_would_have_been_denied_is_said();
    nothing_after_the_switch();
    the_switch_waits_for_a_denial();
    kept();
    kernel_has_the_last_word();
    crash_loops();
    files();
    return 0;
}
