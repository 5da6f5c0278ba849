#include <string.h>

#include "core/clock.h"
#include "core/lock.h"
#include "core/session.h"

enum {
    EVENTS_BYTES = 128 * 1024,      // of one Events frame: what comes after it waits no longer than that takes
    EVENTS_COUNT = 1024,
    FRAMES_A_TURN = 32,             // then whoever wants to be read has his turn
};

// The slow lane goes before events: syscalls wait for it.
static bool put_slow_request(struct session *session) {
    struct core *core = session->core;
    int64_t now_us = clock_monotonic_us();
    bool put = false;
    if (session->policy_epoch == 0 || !atomic_exchange(&core->slow_wanted, false)) return false;
    size_t count = pending_all(&core->pending, core->batch, core->pending.slots_count);
    for (size_t i = 0; i < count; i++) {
        struct request *request = core->batch[i];
        int expected = SLOW_WANTED;
        int64_t left = atomic_load(&request->deadline_us) - now_us;
        if (put || left <= 0 || !atomic_compare_exchange_strong(&request->slow, &expected, SLOW_SENT)) {
            // One at a time; those behind it are looked for again.
            if (put && atomic_load(&request->slow) == SLOW_WANTED) atomic_store(&core->slow_wanted, true);
        } else {
            struct wire_writer writer = connection_writer(&session->agent);
            message_slow_request(&writer, &(struct auth_request_facts){
                request->id, atomic_load(&request->epoch), left < UINT32_MAX ? (uint32_t)left : UINT32_MAX,
                {request->event, atomic_load(&request->event_length)}});
            // One that fits no frame is the guard's to answer.
            put = connection_commit(&session->agent, &writer);
            if (put) atomic_store(&request->handed_us, now_us);
        }
        pending_release(&core->pending, request);
    }
    return put;
}

// `last`: the last event of the frame; 0: it has none.
static void put_losses(struct session *session, struct wire_writer *writer, uint64_t last) {
    struct core *core = session->core;
    const struct queue_entry *next = queue_next_unsent(&core->queue);
    for (size_t i = 0; i < core->losses.count; i++) message_events_loss(writer, &core->losses.entries[i]);
    if (last == 0) last = next != NULL ? next->sequence : core->queue.last_sequence + 1;
    sent_losses_add(&session->losses_sent, &core->losses, last);
}

// Under the queue's mutex. A request is counted until its audit is queued, which is after its answer.
static bool source_ends(const struct session *session) {
    struct core *core = session->core;
    return atomic_load(&core->end_of_source) && !session->end_of_source_sent && pending_count(&core->pending) == 0 &&
           core->queue.unsent_count == 0;
}

// Consecutive sequences only, so that the first one and the place in the list give each event's own.
static bool put_events(struct session *session) {
    struct core *core = session->core;
    struct queue *queue = &core->queue;
    lock(&core->queue_mutex);
    const struct queue_entry *entry = session->credit > 0 ? queue_next_unsent(queue) : NULL;
    bool ends = source_ends(session);
    bool anything = entry != NULL || core->losses.count > 0 || ends;
    if (!anything) {
        unlock(&core->queue_mutex);
        return false;
    }
    struct wire_writer writer = connection_writer(&session->agent);
    struct events_frame frame = message_events_begin(&writer);
    uint64_t expected = entry != NULL ? entry->sequence : 0;
    size_t bytes = 0, count = 0;
    if (entry != NULL) message_events_first(&writer, entry->sequence);
    while (entry != NULL && entry->sequence == expected && session->credit > 0 && count < EVENTS_COUNT &&
           (count == 0 || bytes + entry->length <= EVENTS_BYTES)) {
        message_events_event(&writer, queue, entry);
        bytes += entry->length;
        count++;
        expected++;
        session->credit--;
        queue_mark_sent(queue, entry);
        entry = queue_next_unsent(queue);
    }
    // An event that is nearly as long as a frame leaves no room for them: they have the next one.
    if (bytes <= EVENTS_BYTES) put_losses(session, &writer, count > 0 ? expected - 1 : 0);
    ends = source_ends(session);
    unlock(&core->queue_mutex);
    message_events_end(&writer, &frame, ends);
    if (ends) session->end_of_source_sent = true;
    session->turns_without_events = 0;
    return connection_commit(&session->agent, &writer);
}

struct bridge_figures session_figures(struct session *session) {
    struct core *core = session->core;
    struct bridge_figures figures = {
        .statistics = &core->statistics,
        .pending = (uint32_t)pending_count(&core->pending),
        .enforcement = enforcement_name_of(&core->enforcement),
        .hashes = {
            .computed = atomic_load(&core->hashing.computed),
            .remembered = atomic_load(&core->hashing.remembered),
            .unstable = atomic_load(&core->hashing.unstable),
            .absent = atomic_load(&core->hashing.absent),
            .late = atomic_load(&core->hashing.late),
        },
    };
    lock(&core->queue_mutex);
    figures.queued_events = core->queue.entries_used;
    figures.events = core->queue.last_sequence;
    figures.dropped_events = core->queue.dropped;
    unlock(&core->queue_mutex);
    lock(&core->lane.mutex);
    figures.breaker_open = breaker_is_open(&core->lane.breaker);
    figures.breaker_opened = core->lane.breaker.opened;
    unlock(&core->lane.mutex);
    return figures;
}

static void put_statistics(struct session *session) {
    struct bridge_figures figures = session_figures(session);
    figures.longest_answer_us = statistics_take_longest(&session->core->statistics);
    session->statistics_due = false;
    struct wire_writer writer = connection_writer(&session->agent);
    message_statistics(&writer, &figures);
    (void)connection_commit(&session->agent, &writer);
}

void session_pump(struct session *session) {
    session->more_to_send = false;
    for (int frames = 0; session_has_agent(session); frames++) {
        enum connection_result result = connection_flush(&session->agent);
        if (result == CONNECTION_ENDED) {
            session_drop_agent(session, "it does not take what is sent to it");
            return;
        }
        if (result == CONNECTION_WAIT) return;
        if (frames == FRAMES_A_TURN) {
            session->more_to_send = true;
            return;
        }
        if (session->statistics_due) put_statistics(session);
        else if (!put_slow_request(session) && !put_events(session)) return;
    }
}
