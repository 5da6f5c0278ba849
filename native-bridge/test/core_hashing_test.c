// Hashing against a backend whose hashes come when this test lets them: who waits for what, in which order, and that no
// answer is given twice or waits for a report.
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/core.h"
#include "core/log.h"
#include "core/wire.h"
#include "picket/v1/bridge.pb.h"
#include "test/core_check.h"

enum { HUNG_US = 60 * 1000000, TOKENS = 256 };

static struct core core;
static pthread_mutex_t gate_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate = PTHREAD_COND_INITIALIZER;
static bool is_open;
static atomic_int answers[TOKENS], verdicts[TOKENS], closed, opened;
static uint64_t hashed[TOKENS];
static atomic_uint hashed_count;
static uint64_t next_token;
static uint64_t answered_at_open;       // a token that is answered while it is being opened

static void respond(void *state, uint64_t token, enum verdict verdict) {
    (void)state;
    atomic_store(&verdicts[token], verdict);
    atomic_fetch_add(&answers[token], 1);
}

static struct request *request_of(uint64_t token) {
    for (size_t i = 0; i < core.pending.slots_count; i++)
        if (core.pending.slots[i].token == token && core.pending.slots[i].references > 0) return &core.pending.slots[i];
    return NULL;
}

static void hash_open(void *state, const struct hash_order *order, struct hash_sources *sources) {
    (void)state;
    atomic_fetch_add(&opened, 1);
    sources->file = 1;
    if (order->token == answered_at_open) core_answer_all_without_agent(&core);
}

static void hash(void *state, const struct hash_order *order, struct hash_sources *sources,
                 struct content_hashes *found) {
    (void)state;
    CHECK_EQUAL(sources->file, 1);
    sources->file = -1;
    atomic_fetch_add(&closed, 1);
    if (found == NULL) return;
    (void)pthread_mutex_lock(&gate_mutex);
    hashed[atomic_fetch_add(&hashed_count, 1)] = order->token;
    while (!is_open && !order->is_ending(order->context)) {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        (void)pthread_cond_timedwait(&gate, &gate_mutex, &until);
    }
    (void)pthread_mutex_unlock(&gate_mutex);
    if (order->wanted & HASH_OF_FILE) found->file = (struct content_hash){.state = HASH_KNOWN, .sha256 = {7}};
    if (order->wanted & HASH_OF_PROCESS) found->process = (struct content_hash){.state = HASH_TOO_LARGE};
}

static struct backend backend = {.name = "test", .respond = respond, .hash_open = hash_open, .hash = hash};

static void set_gate(bool open) {
    (void)pthread_mutex_lock(&gate_mutex);
    is_open = open;
    (void)pthread_cond_broadcast(&gate);
    (void)pthread_mutex_unlock(&gate_mutex);
}

#define UNTIL(condition)                                                                \
    for (int64_t began_us = clock_monotonic_us(); !(condition); (void)usleep(1000))     \
        CHECK(clock_monotonic_us() - began_us < HUNG_US)

static struct encoded_event encode(void *context) {
    static const uint8_t bytes[] = {0x18, 0x01, 0x22, 0x04, 'o', 'p', 'e', 'n'};
    (void)context;
    return (struct encoded_event){bytes, sizeof bytes, EVENT_AUTH, "open"};
}

// Asks, as of an agent that has its first policy, and gives the token.
static uint64_t ask(uint32_t uid) {
    static const struct auth_event event = {NULL, NULL, encode};
    uint64_t token = next_token++;
    core_auth(&core, &(struct auth_subject){.action = "open", .file_path = bytes_of_text("/a"), .uid = uid, .pid = 1,
                                            .remaining_us = -1}, &event, token);
    struct request *request = request_of(token);
    CHECK(request != NULL);
    atomic_store(&request->epoch, 1);
    return token;
}

static void says(uint64_t token, enum verdict verdict, uint32_t hashes) {
    core_verdict(&core, &(struct auth_verdict){.id = request_of(token)->id, .epoch = 1, .verdict = verdict,
                                               .report = verdict != VERDICT_DEFER, .hashes = hashes}, LEVEL_AGENT);
}

static bool is_asked_again(uint64_t token, unsigned times) {
    const struct request *request = request_of(token);
    return atomic_load(&request->slow) == SLOW_NO && request->asked_again == times;
}

// Nobody's budget ends by itself.
static void set_policy(void) {
    uint8_t buffer[256];
    char error[256];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof buffer);
    wire_uint(&writer, picket_v1_Policy_epoch_tag, 1);
    size_t action = wire_begin(&writer, picket_v1_Policy_actions_tag);
    wire_text(&writer, picket_v1_ActionSettings_action_tag, "open");
    wire_uint(&writer, picket_v1_ActionSettings_max_wait_us_tag, POLICY_MAX_WAIT_US);
    wire_end(&writer, action);
    struct policy *policy = policy_decode((struct bytes){buffer, writer.length}, error, sizeof error);
    CHECK(policy != NULL);
    core_set_policy(&core, policy);
}

static void begin(bool open) {
    set_gate(open);
    atomic_store(&hashed_count, 0);
    answered_at_open = TOKENS;
}

static void end(void) {
    set_gate(true);
    core_answer_all_without_agent(&core);
    UNTIL(pending_count(&core.pending) == 0);
    for (uint64_t token = 0; token < next_token; token++) CHECK_EQUAL(atomic_load(&answers[token]), 1);
    CHECK_EQUAL(atomic_load(&opened), atomic_load(&closed));
}

// --- the cases ---

static void asked_again(void) {
    begin(true);
    uint64_t token = ask(1000);
    size_t length = atomic_load(&request_of(token)->event_length);
    says(token, VERDICT_DEFER, HASH_OF_FILE);
    UNTIL(is_asked_again(token, 1));
    struct request *request = request_of(token);
    uint8_t expected[EVENT_HASHES_SIZE];
    size_t more = event_encode_hashes(
        &(struct content_hashes){.file = {.state = HASH_KNOWN, .sha256 = {7}}}, expected);
    CHECK(more > 0);
    CHECK_EQUAL(atomic_load(&request->event_length), length + more);
    CHECK(memcmp(request->event + length, expected, more) == 0);
    // What is there is not computed twice, and what is not comes behind it.
    says(token, VERDICT_DEFER, HASH_OF_FILE);
    CHECK(is_asked_again(token, 2));
    CHECK_EQUAL(atomic_load(&hashed_count), 1);
    says(token, VERDICT_DEFER, HASH_OF_FILE | HASH_OF_PROCESS);
    UNTIL(is_asked_again(token, 3));
    CHECK_EQUAL(atomic_load(&hashed_count), 2);
    CHECK_EQUAL(atomic_load(&core.hashing.computed), 1);
    CHECK_EQUAL(atomic_load(&core.hashing.absent), 1);
    // An agent that asks for ever is asked no more, and the guard answers.
    for (int i = 0; i < 20; i++) says(token, VERDICT_DEFER, HASH_OF_FILE);
    CHECK(request_of(token)->asked_again < 10);
    end();
    holds("who defers for hashes is asked again with them, behind the event that it had, and not for ever");
}

static void answered_meanwhile(void) {
    begin(false);
    uint64_t late = ask(1000);
    uint64_t late_before = atomic_load(&core.hashing.late);
    says(late, VERDICT_DEFER, HASH_OF_FILE);
    UNTIL(atomic_load(&hashed_count) == 1);
    core_budget_ran_out(&core, request_of(late));
    CHECK_EQUAL(atomic_load(&answers[late]), 1);
    CHECK_EQUAL(atomic_load(&core.hashing.late), late_before + 1);
    CHECK(!breaker_is_open(&core.lane.breaker));
    // Answered before its turn comes, and between the opening and the look.
    answered_at_open = ask(1000);
    says(answered_at_open, VERDICT_DEFER, HASH_OF_FILE);
    UNTIL(atomic_load(&answers[answered_at_open]) == 1);
    end();
    CHECK_EQUAL(atomic_load(&hashed_count), 1);
    holds("what was answered before its hash came is not answered again, and its hash is late");
}

static void turns(void) {
    enum { MANY = 6 };
    begin(false);
    for (int i = 0; i < HASHING_THREADS + MANY; i++) says(ask(1000), VERDICT_DEFER, HASH_OF_FILE);
    UNTIL(atomic_load(&hashed_count) == HASHING_THREADS);
    uint64_t stranger = ask(1001);
    says(stranger, VERDICT_DEFER, HASH_OF_FILE);
    set_gate(true);
    UNTIL(is_asked_again(stranger, 1));
    UNTIL(atomic_load(&hashed_count) == HASHING_THREADS + MANY + 1);
    unsigned place = 0;
    while (hashed[place] != stranger) place++;
    CHECK_EQUAL(place, HASHING_THREADS);
    end();
    holds("a stranger does not wait behind what one account wants to have hashed");
}

static void crowds(void) {
    begin(false);
    uint64_t tokens[HASHING_CROWD];
    for (int i = 0; i < HASHING_CROWD; i++) says(tokens[i] = ask(1000), VERDICT_DEFER, HASH_OF_FILE);
    uint64_t stranger = ask(1001), root = ask(0);
    says(stranger, VERDICT_DEFER, HASH_OF_FILE);
    says(root, VERDICT_DEFER, HASH_OF_FILE);
    UNTIL(atomic_load(&hashed_count) == HASHING_THREADS);
    for (int i = 0; i < HASHING_CROWD; i++) request_of(tokens[i])->deny_in_reach = true;
    core_budget_ran_out(&core, request_of(tokens[HASHING_CROWD - 1]));
    core_budget_ran_out(&core, request_of(stranger));
    core_budget_ran_out(&core, request_of(root));
    CHECK_EQUAL(atomic_load(&verdicts[tokens[HASHING_CROWD - 1]]), VERDICT_DENY);
    CHECK_EQUAL(atomic_load(&verdicts[stranger]), VERDICT_ALLOW);
    CHECK_EQUAL(atomic_load(&verdicts[root]), VERDICT_ALLOW);
    end();
    holds("who has so much hashed that his own hash is late gets no default of what a deny could reach");
}

static void reports(void) {
    begin(false);
    uint64_t events = core.queue.last_sequence;
    for (int i = 0; i < HASHING_REPORTS_OF_ONE; i++) {
        uint64_t token = ask(1000);
        says(token, VERDICT_ALLOW, HASH_OF_FILE);
        CHECK_EQUAL(atomic_load(&answers[token]), 1);
    }
    CHECK_EQUAL(core.queue.last_sequence, events);
    // No room: told at once, without.
    uint64_t late = atomic_load(&core.hashing.late);
    says(ask(1000), VERDICT_ALLOW, HASH_OF_FILE);
    CHECK_EQUAL(core.queue.last_sequence, events + 1);
    CHECK_EQUAL(atomic_load(&core.hashing.late), late + 1);
    // Requests go before audits.
    uint64_t waiting = ask(1001);
    says(waiting, VERDICT_DEFER, HASH_OF_FILE);
    set_gate(true);
    UNTIL(is_asked_again(waiting, 1));
    UNTIL(core.queue.last_sequence == events + 1 + HASHING_REPORTS_OF_ONE);
    says(waiting, VERDICT_ALLOW, 0);
    end();
    holds("an audit waits for its hashes behind the answer, a few of an account at a time");
}

int main(void) {
    char error[256];
    struct core_options options = {.queue_events = 65536, .queue_bytes = 32u << 20, .cores = 2};
    log_init();
    CHECK_EQUAL(core_init(&core, &backend, &options, error, sizeof error), 0);
    set_policy();
    CHECK_EQUAL(guard_start(&core.guard, &core), 0);
    CHECK_EQUAL(hashing_start(&core.hashing), 0);
    lane_hold(&core.lane);
    asked_again();
    answered_meanwhile();
    turns();
    crowds();
    reports();
    begin(false);
    says(ask(1000), VERDICT_DEFER, HASH_OF_FILE);
    says(ask(1001), VERDICT_ALLOW, HASH_OF_FILE);
    hashing_stop(&core.hashing);
    holds("who stops waits for nobody's disk but the one that is being read");
    guard_stop(&core.guard);
    return 0;
}
