#include "core/core.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

#include "core/budget.h"
#include "core/clock.h"
#include "core/lock.h"
#include "core/log.h"
#include "core/pipe.h"

// A request that waits for so long, or this part of its budget, is looked after: an agent that is not held up takes far
// less, and one that is has the rest of the budget still.
enum { PRESS_AFTER_US = 20000, PRESS_PART = 4 };
// While somebody floods, or otherwise keeps the agent from the processors, others wait longer for it before a default is
// given of what it might deny: else a second user of the same person's would get it. No longer than the breaker takes to
// know that the agent is gone; and an agent that is slow by itself, or stopped, is not waited for.
enum { PATIENCE_US = BREAKER_PONG_WITHIN_US };
enum { OUTCOME_BYTES = HASHING_OUTCOME_BYTES, RULE_MAX = 2048, OVERLOAD_EVENT_BYTES = 1024 };

// --- what the lane hands on ---

static void lane_verdict(void *context, const struct auth_verdict *verdict) {
    core_verdict(context, verdict, LEVEL_AGENT);
}

static void lane_attention(void *context) {
    core_wake(context);
}

static void lane_slow(void *context) {
    struct core *core = context;
    atomic_store(&core->slow_wanted, true);
    core_wake(core);
}

int core_init(struct core *core, struct backend *backend, const struct core_options *options, char *error,
              size_t error_size) {
    uint64_t random[2];
    struct pending_limits limits = pending_limits_for(options->cores);
    memset(core, 0, sizeof *core);
    core->backend = backend;
#ifdef __APPLE__
    core->platform = PLATFORM_MACOS;
#else
    core->platform = PLATFORM_LINUX;
#endif
    host_read(&core->host);
    enforcement_init(&core->enforcement);
    lock_init(&core->policy_mutex);
    lock_init(&core->queue_mutex);
    overload_init(&core->overload);
    audit_meter_init(&core->audits);
    hashing_init(&core->hashing, core);
    if (getentropy(random, sizeof random) != 0) {
        (void)snprintf(error, error_size, "no random numbers: %s", strerror(errno));
        return -1;
    }
    (void)snprintf(core->bridge_instance, sizeof core->bridge_instance, "%016" PRIx64 "%016" PRIx64, random[0],
                   random[1]);
    if (pipe_make(core->wake_fds) != 0) {
        (void)snprintf(error, error_size, "can't make a pipe: %s", strerror(errno));
        return -1;
    }
    if (pending_init(&core->pending, &limits) != 0 ||
        queue_init(&core->queue, options->queue_events, options->queue_bytes) != 0 ||
        (core->batch = calloc(limits.slots, sizeof *core->batch)) == NULL ||
        lane_init(&core->lane, &core->pending,
                  &(struct lane_events){core, lane_verdict, lane_attention, lane_slow}) != 0) {
        (void)snprintf(error, error_size, "not enough memory for %zu requests and a queue of %zu bytes", limits.slots,
                       options->queue_bytes);
        return -1;
    }
    return 0;
}

void core_wake(struct core *core) {
    if (!atomic_exchange(&core->wake_pending, true)) pipe_wake(core->wake_fds[1]);
}

// After the queue's mutex: either the event thread, which lowers its flag before it looks, finds what was queued, or the
// flag is seen lowered here.
void core_wake_for_queue(struct core *core) {
    if (!atomic_load(&core->looks_by_itself)) core_wake(core);
}

struct policy *core_policy(struct core *core) {
    lock(&core->policy_mutex);
    struct policy *policy = policy_ref(core->policy);
    unlock(&core->policy_mutex);
    return policy;
}

void core_set_policy(struct core *core, struct policy *policy) {
    lock(&core->policy_mutex);
    struct policy *before = core->policy;
    core->policy = policy;
    unlock(&core->policy_mutex);
    policy_unref(before);
}

// --- events in ---

static uint64_t push(struct core *core, const struct bytes *slices, size_t count, uint32_t kind, const char *action) {
    uint64_t now_ns = clock_unix_ns();
    lock(&core->queue_mutex);
    uint64_t sequence = queue_push(&core->queue, slices, count, kind, action, &core->losses, now_ns);
    unlock(&core->queue_mutex);
    core_wake_for_queue(core);
    return sequence;
}

uint64_t core_push(struct core *core, const struct encoded_event *event) {
    struct bytes slice = {event->data, event->length};
    return push(core, &slice, 1, event->kind, event->action);
}

void core_notify(struct core *core, const struct encoded_event *event) {
    (void)core_push(core, event);
}

void core_containers(struct core *core, const struct container_counts *counts) {
    struct statistics *statistics = &core->statistics;
    atomic_store_explicit(&statistics->containers_found, counts->found, memory_order_relaxed);
    atomic_store_explicit(&statistics->containers_none, counts->none, memory_order_relaxed);
    atomic_store_explicit(&statistics->containers_gone, counts->gone, memory_order_relaxed);
    atomic_store_explicit(&statistics->containers_unreadable, counts->unreadable, memory_order_relaxed);
}

bool core_has_room(struct core *core) {
    lock(&core->queue_mutex);
    bool has_room = core->queue.entries_used < core->queue.entries_capacity / 2 &&
                    core->queue.blocks_used < core->queue.blocks_capacity / 2;
    unlock(&core->queue_mutex);
    return has_room;
}

void core_loss(struct core *core, const char *cause, uint32_t kind, const char *action, uint64_t count) {
    uint64_t now_ns = clock_unix_ns();
    lock(&core->queue_mutex);
    loss_add(&core->losses, &(struct loss){cause, kind, action == NULL ? "" : action, count, 0, 0, now_ns, now_ns});
    unlock(&core->queue_mutex);
    core_wake_for_queue(core);
}

void core_end_of_source(struct core *core) {
    atomic_store(&core->end_of_source, true);
    core_wake(core);
}

// --- answers ---

struct answer {
    enum verdict verdict;
    enum answer_level level;
    struct bytes rule;
    struct bytes annotations;
    bool report;
    bool annotated;
    bool cacheable;             // by the agent's word
    uint64_t request_id;
    uint64_t epoch;
    uint32_t budget_us;
    int64_t read_us, handed_us;     // 0: not handed over
    uint32_t lane_us;
    uint64_t token;
    const char *action;
    uint64_t account;
    uint32_t uid;
    bool over_bound;            // LEVEL_OVERLOAD: too many are pending
    struct hashing_report *hashes;      // the audit waits for these; NULL: for none
    const struct auth_event *unmade;    // the event is made of it; NULL: it is made
    struct bytes event;
};

static bool is_default(enum answer_level level) {
    return (level >= LEVEL_DEFAULT_DEADLINE && level <= LEVEL_OVERLOAD) || level == LEVEL_DEFAULT_FAILED;
}

// While enforcement is not on, no denial reaches the kernel, whoever gave it and whenever.
static enum verdict tell_kernel(struct core *core, uint64_t token, enum verdict verdict) {
    bool denies = verdict == VERDICT_DENY && enforcement_denial_begins(&core->enforcement);
    enum verdict told = denies ? VERDICT_DENY : VERDICT_ALLOW;
    core->backend->respond(core->backend->state, token, told);
    if (denies) enforcement_denial_ends(&core->enforcement);
    return told;
}

// Before the answer: may is_told() say so after it?
static bool may_be_told(const struct answer *answer) {
    if (answer->level == LEVEL_EXEMPT_ACTOR || answer->level == LEVEL_NEVER_DENIED) return false;
    return answer->verdict == VERDICT_DENY || is_default(answer->level) || answer->report;
}

// Is the answer's audit queued? What is not is counted: refusals beyond a bound in their account's event, all else as a
// loss. What was to be denied is told also while nothing is.
static bool is_told(struct core *core, const struct answer *answer, enum verdict told, int64_t now_us) {
    if (answer->level == LEVEL_EXEMPT_ACTOR || answer->level == LEVEL_NEVER_DENIED) return false;
    if (answer->level == LEVEL_OVERLOAD)
        return overload_refused(&core->overload, &(struct overload_refusal){
            .account = answer->account,
            .uid = answer->uid,
            .denied = told == VERDICT_DENY,
            .over_bound = answer->over_bound,
            .now_us = now_us,
            .now_ns = clock_unix_ns(),
        });
    if (answer->verdict != VERDICT_DENY && !is_default(answer->level)) return answer->report;
    if (audit_meter_take(&core->audits, answer->account, answer->rule, now_us)) return true;
    core_loss(core, "audit_flood", EVENT_AUTH, answer->action, 1);
    return false;
}

static void gather(const struct auth_event *event) {
    if (event->gather != NULL) event->gather(event->context);
}

static struct bytes make(const struct auth_event *event) {
    struct encoded_event encoded = event->encode(event->context);
    return (struct bytes){encoded.data, encoded.length};
}

// Where the time went. What the agent says of its part is believed as far as that can be.
static void divide_time(const struct answer *answer, int64_t now_us, struct auth_outcome *outcome) {
    int64_t handed_us = answer->handed_us > answer->read_us ? answer->handed_us : answer->read_us;
    outcome->answered_us = now_us - answer->read_us;
    int64_t away_us = answer->handed_us == 0 || handed_us > now_us ? 0 : now_us - handed_us;
    outcome->lane_us = answer->lane_us < away_us ? answer->lane_us : away_us;
    outcome->queue_us = away_us - outcome->lane_us;
    outcome->bridge_us = outcome->answered_us - away_us;
}

// The one place that answers. Whoever comes here has won the request's claim, or the request was never open. True: the
// audit is told later, by whoever hashes, who has the caller's reference of the request from here on.
static bool answer(struct core *core, const struct answer *answer) {
    // What is to be reported must be asked about each time.
    if (answer->cacheable && answer->verdict == VERDICT_ALLOW && !answer->report && core->backend->remember != NULL &&
        enforcement_is_on(&core->enforcement))
        core->backend->remember(core->backend->state, answer->token, answer->epoch);
    enum verdict told = tell_kernel(core, answer->token, answer->verdict);
    int64_t now_us = clock_monotonic_us();
    statistics_answer(&core->statistics, answer->action, answer->level, told, now_us - answer->read_us);
    if (!is_told(core, answer, told, now_us)) {
        hashing_report_drop(&core->hashing, answer->hashes);
        return false;
    }
    uint8_t outcome[OUTCOME_BYTES];
    struct wire_writer writer;
    wire_writer_init(&writer, outcome, sizeof outcome);
    struct auth_outcome said = {
        .verdict = told,
        .level = answer->level,
        .rule = answer->rule.length <= RULE_MAX ? answer->rule : (struct bytes){NULL, 0},
        .epoch = answer->epoch,
        .budget_us = answer->budget_us,
        .request_id = answer->request_id,
        .annotated = answer->annotated,
    };
    divide_time(answer, now_us, &said);
    message_auth_outcome(&writer, &said);
    // What would have been denied is said as of a rule in shadow mode.
    if (told != answer->verdict && answer->rule.length > 0 && answer->rule.length <= RULE_MAX)
        message_shadow(&writer, answer->rule, answer->verdict);
    if (answer->hashes != NULL) {
        hashing_report_end(&core->hashing, answer->hashes, (struct bytes){outcome, writer.length});
        return true;
    }
    struct bytes event = answer->unmade != NULL ? make(answer->unmade) : answer->event;
    struct bytes slices[] = {event, answer->annotations, {outcome, writer.length}};
    (void)push(core, slices, sizeof slices / sizeof slices[0], EVENT_AUTH, answer->action);
    return false;
}

void core_push_audit(struct core *core, const char *action, struct bytes event, struct bytes outcome) {
    struct bytes slices[] = {event, outcome};
    (void)push(core, slices, sizeof slices / sizeof slices[0], EVENT_AUTH, action);
}

// For whoever has won pending_claim(): answers and gives the claim's reference back.
static void answer_request(struct core *core, struct request *request, enum verdict verdict, enum answer_level level,
                           const struct auth_verdict *from_agent, struct hashing_report *hashes) {
    bool by_agent = from_agent != NULL;
    uint64_t account = request->account;
    if (!by_agent) pending_note_answered(&core->pending, request->id);
    bool is_told_later = answer(core, &(struct answer){
        .verdict = verdict,
        .level = level,
        .rule = by_agent ? from_agent->rule : (struct bytes){NULL, 0},
        .annotations = by_agent ? from_agent->annotations : (struct bytes){NULL, 0},
        .report = by_agent && from_agent->report,
        .annotated = by_agent && from_agent->annotated,
        .cacheable = by_agent && from_agent->cacheable,
        .request_id = request->id,
        .epoch = atomic_load(&request->epoch),
        .budget_us = request->budget_us,
        .read_us = request->read_us,
        .handed_us = atomic_load(&request->handed_us),
        .lane_us = by_agent ? from_agent->lane_us : 0,
        .token = request->token,
        .action = request->action,
        .account = request->account,
        .uid = request->uid,
        .hashes = hashes,
        .event = {request->event, atomic_load(&request->event_length)},
    });
    // What waits for its turn behind this one may go now.
    lane_answered(&core->lane, account, clock_monotonic_us());
    if (!is_told_later) pending_release(&core->pending, request);
}

// Flooding is the user's own doing, and so is what it makes late: it must not turn a deny into an allow. So what a deny
// rule could still reach is denied, beyond a bound and, to a user who was over his since then, also where others would
// get a default. Not to root, who could end the bridge anyway and by whom the machine lives.
static bool pays_for_flood(struct core *core, uint32_t uid, uint64_t account, int64_t since_us) {
    return uid != 0 && overload_is_crowding(&core->overload, account, since_us - OVERLOAD_CROWD_US);
}

uint32_t core_account_bound(const struct core *core) {
    return (uint32_t)core->pending.per_user;
}

void core_crowd(struct core *core, uint64_t account) {
    overload_crowds(&core->overload, account, clock_monotonic_us());
}

void core_unheard(struct core *core) {
    atomic_fetch_add_explicit(&core->statistics.unheard_answers, 1, memory_order_relaxed);
}

void core_auth(struct core *core, const struct auth_subject *subject, const struct auth_event *event, uint64_t token) {
    int64_t now_us = clock_monotonic_us();
    statistics_request(&core->statistics, subject->action);
    struct answer at_once = {
        .verdict = VERDICT_ALLOW,
        .read_us = subject->read_us > 0 && subject->read_us < now_us ? subject->read_us : now_us,
        .token = token,
        .action = subject->action,
        .account = subject->account != 0 ? subject->account : subject->uid,
        .uid = subject->uid,
        .unmade = event,
    };
    struct policy *policy = core_policy(core);

    if (subject->actor_exempt || subject->target_never_denied) {
        at_once.level = subject->actor_exempt ? LEVEL_EXEMPT_ACTOR : LEVEL_NEVER_DENIED;
        goto answered;
    }
    if (policy != NULL) at_once.epoch = policy->epoch;
    const struct static_verdict *fixed = policy_static_verdict(policy, subject);
    if (fixed != NULL) {
        at_once.level = LEVEL_STATIC;
        at_once.verdict = fixed->verdict;
        at_once.rule = fixed->rule;
        at_once.annotations = fixed->annotations;
        at_once.report = fixed->report;
        goto answered;
    }
    if (!enforcement_is_on(&core->enforcement)) {
        at_once.level = LEVEL_NOT_ENFORCED;
        goto answered;
    }

    struct action_settings settings = policy_action_settings(policy, subject->action);
    bool has_deadline = subject->remaining_us >= 0;
    int64_t budget = budget_us(has_deadline, subject->remaining_us, settings.max_wait_us);
    at_once.verdict = settings.default_verdict;
    at_once.budget_us = (uint32_t)budget;       // at most max_wait, which is an uint32
    enum lane_availability availability = lane_availability(&core->lane);
    if (availability == LANE_NO_AGENT) {
        at_once.level = LEVEL_DEFAULT_NO_AGENT;
        goto answered;
    }
    bool deny_in_reach = subject->uid != 0 && policy_deny_could_reach(policy, subject);
    if (availability == LANE_STALLED) {
        at_once.level = LEVEL_DEFAULT_BREAKER;
        if (deny_in_reach && pays_for_flood(core, subject->uid, at_once.account, lane_stalled_since(&core->lane))) {
            at_once.level = LEVEL_OVERLOAD;
            at_once.verdict = VERDICT_DENY;
        }
        goto answered;
    }
    if (budget == 0) {
        at_once.level = LEVEL_DEFAULT_DEADLINE;
        goto answered;
    }
    gather(event);
    at_once.event = make(event);
    at_once.unmade = NULL;
    struct request *request = pending_admit(&core->pending, at_once.account, at_once.event);
    if (request == NULL) {
        at_once.level = LEVEL_OVERLOAD;
        at_once.over_bound = true;
        at_once.verdict = deny_in_reach ? VERDICT_DENY : VERDICT_ALLOW;
        goto answered;
    }

    request->token = token;
    request->action = subject->action;
    request->budget_us = (uint32_t)budget;
    request->read_us = at_once.read_us;
    request->arrived_us = now_us;
    request->default_verdict = settings.default_verdict;
    request->deny_in_reach = deny_in_reach;
    request->has_deadline = has_deadline;
    request->uid = subject->uid;
    request->pid = subject->pid;
    uint64_t id = request->id;
    int64_t press_us = now_us + (budget / PRESS_PART < PRESS_AFTER_US ? budget / PRESS_PART : PRESS_AFTER_US);
    pending_open(request, press_us, now_us + budget);
    guard_watch(&core->guard, press_us);
    // Switched off since: either core_allow_all() has found this request, or this finds the switch.
    if (!enforcement_is_on(&core->enforcement) && pending_claim(request, id))
        answer_request(core, request, VERDICT_ALLOW, LEVEL_NOT_ENFORCED, NULL, NULL);
    if (!lane_ask(&core->lane, request, now_us) && pending_claim(request, id))
        answer_request(core, request, settings.default_verdict, LEVEL_DEFAULT_NO_AGENT, NULL, NULL);
    pending_release(&core->pending, request);
    policy_unref(policy);
    return;

answered:
    if (at_once.unmade != NULL && may_be_told(&at_once)) gather(at_once.unmade);
    (void)answer(core, &at_once);
    policy_unref(policy);
}

void core_hashed(struct core *core, const struct content_hash *hash) {
    hashing_count(&core->hashing, hash);
}

// The agent is asked again once they are there. False: nobody here hashes.
static bool wait_for_hashes(struct core *core, struct request *request, unsigned hashes) {
    int64_t now_us = clock_monotonic_us();
    lane_put_aside(&core->lane, request);
    enum hashing_wanted wanted = hashing_want(&core->hashing, request, hashes);
    if (wanted == HASHING_THERE) lane_ask_again(&core->lane, request, now_us);
    lane_answered(&core->lane, request->account, now_us);
    return wanted != HASHING_IMPOSSIBLE;
}

static void answer_by_agent(struct core *core, struct request *request, const struct auth_verdict *verdict,
                            enum answer_level level) {
    // Opened while the request has not been answered: from then on its descriptor is closed.
    bool wants_hashes = verdict->hashes != 0 && verdict->report;
    struct hashing_report *hashes =
        wants_hashes ? hashing_report_begin(&core->hashing, request, verdict->hashes) : NULL;
    if (!pending_claim(request, verdict->id)) {
        hashing_report_drop(&core->hashing, hashes);
        atomic_fetch_add(&core->statistics.late_verdicts, 1);
        return;
    }
    if (wants_hashes && hashes == NULL) atomic_fetch_add(&core->hashing.late, 1);
    breaker_verdict(&core->lane.breaker);
    answer_request(core, request, verdict->failed ? request->default_verdict : verdict->verdict,
                   verdict->failed ? LEVEL_DEFAULT_FAILED : level, verdict, hashes);
}

void core_verdict(struct core *core, const struct auth_verdict *verdict, enum answer_level level) {
    struct request *request = pending_find(&core->pending, verdict->id);
    if (request == NULL) {
        bool late = pending_was_answered(&core->pending, verdict->id);
        atomic_fetch_add(late ? &core->statistics.late_verdicts : &core->statistics.unknown_verdicts, 1);
        return;
    }
    bool may_defer = level == LEVEL_AGENT || verdict->hashes != 0;
    if (atomic_load(&request->epoch) != verdict->epoch || verdict->epoch == 0 ||
        (verdict->verdict == VERDICT_DEFER && !may_defer)) {
        atomic_fetch_add(&core->statistics.unknown_verdicts, 1);
    } else if (verdict->verdict == VERDICT_DEFER && verdict->hashes != 0) {
        breaker_verdict(&core->lane.breaker);
        if (!wait_for_hashes(core, request, verdict->hashes)) atomic_fetch_add(&core->statistics.unknown_verdicts, 1);
    } else if (verdict->verdict == VERDICT_DEFER) {
        int expected = SLOW_NO;
        breaker_verdict(&core->lane.breaker);
        if (atomic_compare_exchange_strong(&request->slow, &expected, SLOW_WANTED)) lane_slow(core);
        lane_answered(&core->lane, request->account, clock_monotonic_us());
    } else {
        answer_by_agent(core, request, verdict, level);
    }
    pending_release(&core->pending, request);
}

static bool is_flooded(const struct core *core, int64_t now_us) {
    return overload_is_any_crowding(&core->overload, now_us - OVERLOAD_CROWD_US);
}

bool core_press(struct core *core, struct request *request) {
    int64_t now_us = clock_monotonic_us();
    // What held the agent up once may do so again before it comes to this request.
    pending_press_again(request, now_us + PRESS_AFTER_US);
    return lane_press(&core->lane, request, now_us, is_flooded(core, now_us));
}

static bool may_wait_longer(struct core *core, const struct request *request, int64_t now_us) {
    return request->deny_in_reach && !request->has_deadline && now_us - request->arrived_us < PATIENCE_US &&
           lane_availability(&core->lane) == LANE_AVAILABLE &&
           (is_flooded(core, now_us) || favour_is_held_up(&core->lane.favour, now_us)) &&
           !pays_for_flood(core, request->uid, request->account, request->arrived_us);
}

void core_budget_ran_out(struct core *core, struct request *request) {
    int64_t now_us = clock_monotonic_us();
    if (may_wait_longer(core, request, now_us)) {
        pending_extend(request, now_us, now_us + PRESS_AFTER_US);
        return;
    }
    if (!pending_claim(request, request->id)) return;
    // What runs out for a flood, or for a hash, says nothing of the agent: it must not open the breaker for everybody.
    bool is_unhashed = atomic_load(&request->slow) == SLOW_HASHED;
    bool pays = pays_for_flood(core, request->uid, request->account, request->arrived_us) ||
                (request->uid != 0 && is_unhashed && hashing_is_crowded(&core->hashing, request));
    if (is_unhashed) atomic_fetch_add(&core->hashing.late, 1);
    else if (!pays) lane_budget_ran_out(&core->lane, now_us);
    bool denies = pays && request->deny_in_reach;
    answer_request(core, request, denies ? VERDICT_DENY : request->default_verdict,
                   denies ? LEVEL_OVERLOAD : LEVEL_DEFAULT_DEADLINE, NULL, NULL);
}

void core_tell_overloads(struct core *core, int64_t now_us) {
    static const struct picket_alert alert = {
        "picket-overload", "medium",
        "A user asked for more than may wait for an answer at once, and was answered without one."};
    uint8_t buffer[OVERLOAD_EVENT_BYTES];
    struct overload_facts facts;
    while (overload_take(&core->overload, now_us, &facts)) {
        struct encoded_event event;
        struct picket_event head = {clock_unix_ns(), core->platform, buffer, sizeof buffer};
        if (event_encode_overload(&head, &facts, &alert, &event)) (void)core_push(core, &event);
    }
}

static void answer_all(struct core *core, enum answer_level level) {
    size_t count = pending_all(&core->pending, core->batch, core->pending.slots_count);
    for (size_t i = 0; i < count; i++) {
        struct request *request = core->batch[i];
        enum verdict verdict = level == LEVEL_NOT_ENFORCED ? VERDICT_ALLOW : request->default_verdict;
        if (pending_claim(request, request->id)) answer_request(core, request, verdict, level, NULL, NULL);
        pending_release(&core->pending, request);
    }
}

void core_answer_all_without_agent(struct core *core) {
    answer_all(core, LEVEL_DEFAULT_NO_AGENT);
}

void core_allow_all(struct core *core) {
    answer_all(core, LEVEL_NOT_ENFORCED);
    if (!enforcement_settle(&core->enforcement)) log_line(LOG_LEVEL_ERROR, "a denial is still under way", NULL);
}
