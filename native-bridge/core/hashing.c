#include "core/hashing.h"

#include <string.h>

#include "core/clock.h"
#include "core/core.h"
#include "core/lock.h"
#include "core/thread.h"

void hashing_init(struct hashing *hashing, struct core *core) {
    memset(hashing, 0, sizeof *hashing);
    hashing->core = core;
    lock_init(&hashing->mutex);
    (void)pthread_cond_init(&hashing->wanted, NULL);
}

enum hashing_wanted hashing_want(struct hashing *hashing, struct request *request, unsigned hashes) {
    if (hashing->running == 0) return HASHING_IMPOSSIBLE;
    lock(&hashing->mutex);
    request->hashes_wanted |= hashes & (HASH_OF_FILE | HASH_OF_PROCESS) & ~request->hashes_given;
    bool comes = request->hashes_wanted != 0;
    if (comes && request->hashing == HASHING_NOT) {
        request->hashing = HASHING_WANTED;
        (void)pthread_cond_signal(&hashing->wanted);
    }
    unlock(&hashing->mutex);
    return comes ? HASHING_COMES : HASHING_THERE;
}

bool hashing_is_crowded(struct hashing *hashing, const struct request *request) {
    lock(&hashing->mutex);
    bool waits = request->hashing != HASHING_NOT;
    bool is_crowded = waits && pending_unhashed(&hashing->core->pending, request->account) >= HASHING_CROWD;
    unlock(&hashing->mutex);
    return is_crowded;
}

void hashing_count(struct hashing *hashing, const struct content_hash *hash) {
    if (hash->state == HASH_UNSPECIFIED || hash->state == HASH_PENDING) return;
    if (hash->state != HASH_KNOWN) atomic_fetch_add(&hashing->absent, 1);
    else atomic_fetch_add(hash->remembered ? &hashing->remembered : &hashing->computed, 1);
    if (hash->unstable) atomic_fetch_add(&hashing->unstable, 1);
}

// --- one piece of work ---

struct work {
    struct hashing *hashing;
    struct request *request;
    uint64_t id;
    bool is_report;
};

static bool is_waited_for(void *context) {
    const struct work *work = context;
    return work->is_report || atomic_load(&work->request->claim) == work->id;
}

static bool is_ending(void *context) {
    const struct work *work = context;
    return atomic_load(&work->hashing->stopping);
}

static struct hash_order order_of(struct work *work, unsigned wanted) {
    return (struct hash_order){
        .action = work->request->action,
        .token = work->request->token,
        .pid = work->request->pid,
        .wanted = wanted,
        .is_waited_for = is_waited_for,
        .is_ending = is_ending,
        .context = work,
    };
}

static void hash(struct work *work, unsigned wanted, struct hash_sources *sources) {
    const struct backend *backend = work->hashing->core->backend;
    struct hash_order order = order_of(work, wanted);
    struct content_hashes found = {.is_one = false};
    uint8_t buffer[EVENT_HASHES_SIZE];
    backend->hash(backend->state, &order, sources, &found);
    hashing_count(work->hashing, &found.file);
    hashing_count(work->hashing, &found.process);
    pending_append(work->request, (struct bytes){buffer, event_encode_hashes(&found, buffer)});
}

static void serve(struct hashing *hashing, struct request *request, unsigned wanted) {
    const struct backend *backend = hashing->core->backend;
    struct work work = {hashing, request, request->id, false};
    struct hash_order order = order_of(&work, wanted);
    struct hash_sources sources = {-1, -1, -1};
    backend->hash_open(backend->state, &order, &sources);
    // Answered meanwhile: what was opened may be anything.
    if (is_waited_for(&work)) hash(&work, wanted, &sources);
    else backend->hash(backend->state, &order, &sources, NULL);
    lock(&hashing->mutex);
    request->hashes_given |= wanted;
    request->hashes_wanted &= ~wanted;
    bool is_done = request->hashes_wanted == 0;
    request->hashing = is_done ? HASHING_NOT : HASHING_WANTED;
    unlock(&hashing->mutex);
    if (is_done) lane_ask_again(&hashing->core->lane, request, clock_monotonic_us());
    pending_release(&hashing->core->pending, request);
}

static void finish(struct hashing *hashing, struct hashing_report *report) {
    struct core *core = hashing->core;
    struct request *request = report->request;
    struct work work = {hashing, request, request->id, true};
    hash(&work, report->wanted, &report->sources);
    core_push_audit(core, request->action, (struct bytes){request->event, atomic_load(&request->event_length)},
                    (struct bytes){report->outcome, report->outcome_length});
    lock(&hashing->mutex);
    report->state = REPORT_FREE;
    unlock(&hashing->mutex);
    pending_release(&core->pending, request);
}

// --- audits ---

static struct hashing_report *free_report(struct hashing *hashing, uint64_t account) {
    struct hashing_report *free = NULL;
    size_t own = 0;
    for (size_t i = 0; i < HASHING_REPORTS; i++) {
        struct hashing_report *report = &hashing->reports[i];
        if (report->state == REPORT_FREE) free = report;
        else own += report->request->account == account;
    }
    return own < HASHING_REPORTS_OF_ONE ? free : NULL;
}

struct hashing_report *hashing_report_begin(struct hashing *hashing, struct request *request, unsigned hashes) {
    const struct backend *backend = hashing->core->backend;
    if (hashing->running == 0) return NULL;
    lock(&hashing->mutex);
    unsigned wanted = hashes & (HASH_OF_FILE | HASH_OF_PROCESS) & ~request->hashes_given;
    // While one of its hashes is being computed nobody else may append to it.
    bool is_possible = wanted != 0 && request->hashing == HASHING_NOT;
    struct hashing_report *report = is_possible ? free_report(hashing, request->account) : NULL;
    if (report != NULL) {
        report->state = REPORT_BEGUN;
        report->request = request;
        report->wanted = wanted;
    }
    unlock(&hashing->mutex);
    if (report == NULL) return NULL;
    struct work work = {hashing, request, request->id, true};
    struct hash_order order = order_of(&work, wanted);
    report->sources = (struct hash_sources){-1, -1, -1};
    backend->hash_open(backend->state, &order, &report->sources);
    return report;
}

void hashing_report_end(struct hashing *hashing, struct hashing_report *report, struct bytes outcome) {
    memcpy(report->outcome, outcome.data, outcome.length);
    report->outcome_length = outcome.length;
    lock(&hashing->mutex);
    report->order = report->request->order;
    report->state = REPORT_WAITS;
    (void)pthread_cond_signal(&hashing->wanted);
    unlock(&hashing->mutex);
}

void hashing_report_drop(struct hashing *hashing, struct hashing_report *report) {
    const struct backend *backend = hashing->core->backend;
    if (report == NULL) return;
    struct work work = {hashing, report->request, report->request->id, true};
    struct hash_order order = order_of(&work, report->wanted);
    backend->hash(backend->state, &order, &report->sources, NULL);
    lock(&hashing->mutex);
    report->state = REPORT_FREE;
    unlock(&hashing->mutex);
}

// --- the threads: under the mutex but while they work ---

static bool serve_next(struct hashing *hashing) {
    struct request *request = pending_next_unhashed(&hashing->core->pending, hashing->last_account);
    if (request == NULL) return false;
    unsigned wanted = request->hashes_wanted;
    hashing->last_account = request->account;
    request->hashing = HASHING_RUNS;
    unlock(&hashing->mutex);
    serve(hashing, request, wanted);
    lock(&hashing->mutex);
    return true;
}

static bool finish_next(struct hashing *hashing) {
    struct hashing_report *next = NULL;
    for (size_t i = 0; i < HASHING_REPORTS; i++) {
        struct hashing_report *report = &hashing->reports[i];
        if (report->state == REPORT_WAITS && (next == NULL || report->order < next->order)) next = report;
    }
    if (next == NULL) return false;
    next->state = REPORT_RUNS;
    unlock(&hashing->mutex);
    finish(hashing, next);
    lock(&hashing->mutex);
    return true;
}

static void *run(void *argument) {
    struct hashing *hashing = argument;
    lock(&hashing->mutex);
    while (!atomic_load(&hashing->stopping))
        if (!serve_next(hashing) && !finish_next(hashing)) (void)pthread_cond_wait(&hashing->wanted, &hashing->mutex);
    unlock(&hashing->mutex);
    return NULL;
}

int hashing_start(struct hashing *hashing) {
    if (hashing->core->backend->hash == NULL) return 0;
    for (unsigned i = 0; i < HASHING_THREADS; i++) {
        int failure = thread_start(&hashing->threads[i], "picket-hash", run, hashing);
        if (failure != 0) return failure;
        hashing->running++;
    }
    return 0;
}

void hashing_stop(struct hashing *hashing) {
    lock(&hashing->mutex);
    atomic_store(&hashing->stopping, true);
    (void)pthread_cond_broadcast(&hashing->wanted);
    unlock(&hashing->mutex);
    for (unsigned i = 0; i < hashing->running; i++) (void)pthread_join(hashing->threads[i], NULL);
    hashing->running = 0;
}
