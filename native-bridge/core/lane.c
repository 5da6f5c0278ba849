#include "core/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/frame.h"
#include "core/lock.h"
#include "core/log.h"
#include "core/pipe.h"
#include "core/thread.h"
#include "core/vigil.h"

enum { READ_BUFFER = FRAME_MAX + FRAME_HEADER, RETRY_MS = 10, ASK_AGAIN_MAX = 8 };

int lane_init(struct lane *lane, struct pending *pending, const struct lane_events *events) {
    memset(lane, 0, sizeof *lane);
    lock_init(&lane->mutex);
    breaker_init(&lane->breaker);
    atomic_init(&lane->state, LANE_IDLE);
    lane->verdict_fd = -1;
    fifo_writer_init(&lane->requests);
    lane->pending = pending;
    lane->events = *events;
    lane->buffer = malloc(READ_BUFFER);
    lane->batch = calloc(pending->slots_count, sizeof *lane->batch);
    return lane->buffer == NULL || lane->batch == NULL || pipe_make(lane->stop_fds) != 0 ? -1 : 0;
}

// --- writing: all of it under the mutex ---

static void want_slow(struct lane *lane, struct request *request) {
    int expected = SLOW_NO;
    if (atomic_compare_exchange_strong(&request->slow, &expected, SLOW_WANTED)) lane->events.slow(lane->events.context);
}

// What can't be written is tried again when the agent has read on, and is the guard's to answer meanwhile.
static void send_request(struct lane *lane, struct request *request, int64_t now_us) {
    uint8_t buffer[FIFO_FRAME_MAX];
    struct wire_writer writer;
    int64_t left = atomic_load(&request->deadline_us) - now_us;
    if (left <= 0 || atomic_load(&request->claim) == 0) return;
    if (left > request->budget_us) left = request->budget_us;   // it came after the caller looked at the clock
    atomic_store(&request->epoch, lane->epoch);
    wire_writer_init(&writer, buffer, sizeof buffer);
    message_lane_request(&writer, &(struct auth_request_facts){
        request->id, lane->epoch, (uint32_t)left,
        {request->event, atomic_load(&request->event_length)}});
    if (writer.overflow) {
        request->sent = true;
        want_slow(lane, request);
    } else {
        // Before, for the verdict may be there before the write returns.
        atomic_store(&request->handed_us, clock_monotonic_us());
        enum fifo_result result = fifo_writer_put(&lane->requests, &writer);
        request->sent = result == FIFO_WRITTEN;
        if (result != FIFO_WRITTEN) atomic_store(&request->handed_us, 0);
        if (result == FIFO_FULL) lane->found_full = true;
    }
}

static void send_in_turn(struct lane *lane, struct request *request, int64_t now_us) {
    if (pending_with_agent(lane->pending, request->account) < LANE_ACCOUNT_WINDOW) send_request(lane, request, now_us);
}

static void flush_unsent(struct lane *lane, int64_t now_us) {
    size_t count = pending_all(lane->pending, lane->batch, lane->pending->slots_count);
    lane->found_full = false;
    for (size_t i = 0; i < count; i++) {
        if (!lane->batch[i]->sent) send_in_turn(lane, lane->batch[i], now_us);
        pending_release(lane->pending, lane->batch[i]);
    }
}

static void serve_if_ready(struct lane *lane, int64_t now_us) {
    if (lane->requests.fd < 0 || lane->epoch == 0) return;
    atomic_store(&lane->state, LANE_SERVING);
    breaker_serves(&lane->breaker);
    flush_unsent(lane, now_us);
}

static void send_switch(struct lane *lane, int64_t now_us) {
    uint8_t buffer[64];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof buffer);
    message_lane_switch(&writer, lane->wanted_epoch);
    // A full pipe: the heartbeat tries again, and requests wait meanwhile as they would for Switched.
    if (fifo_writer_put(&lane->requests, &writer) == FIFO_WRITTEN) lane->switching_to = lane->wanted_epoch;
    atomic_store(&lane->state, LANE_SWITCHING);
    breaker_answer_expected(&lane->breaker, now_us);
}

static void break_lane(struct lane *lane, const char *reason) {
    atomic_store(&lane->broken, reason);
    lane->events.attention(lane->events.context);
}

// --- the event thread's ---

bool lane_try_open(struct lane *lane, int64_t now_us) {
    if (lane->verdict_fd < 0 || lane->requests.fd >= 0) return false;
    int fd = fifo_open_request(&lane->fifos);
    if (fd < 0 && errno == ENXIO) return true;      // the agent has not opened its end yet
    if (fd < 0) {
        break_lane(lane, "the FIFO for requests can't be opened");
        return false;
    }
    lock(&lane->mutex);
    fifo_writer_open(&lane->requests, fd);
    breaker_reset(&lane->breaker, now_us);
    serve_if_ready(lane, now_us);
    unlock(&lane->mutex);
    (void)lane_heartbeat(lane, now_us);     // the Pong to this first ping proves both FIFOs
    return false;
}

static bool change_state(struct lane *lane, enum lane_state from, enum lane_state to) {
    lock(&lane->mutex);
    bool changes = atomic_load(&lane->state) == (int)from;
    if (changes) atomic_store(&lane->state, to);
    unlock(&lane->mutex);
    return changes;
}

void lane_hold(struct lane *lane) {
    (void)change_state(lane, LANE_IDLE, LANE_HOLDING);
}

bool lane_unhold(struct lane *lane) {
    return change_state(lane, LANE_HOLDING, LANE_IDLE);
}

void lane_policy(struct lane *lane, uint64_t epoch, int64_t now_us) {
    lock(&lane->mutex);
    lane->wanted_epoch = epoch;
    if (lane->epoch == 0) {
        // The first of a connection: the agent's worker was started with it.
        lane->epoch = epoch;
        atomic_store(&lane->state, LANE_HOLDING);
        serve_if_ready(lane, now_us);
    } else if (atomic_load(&lane->state) == LANE_SERVING) {
        send_switch(lane, now_us);
    } else if (atomic_load(&lane->state) == LANE_HOLDING) {
        lane->epoch = epoch;        // nothing was sent by the one before
    }
    unlock(&lane->mutex);
}

enum lane_availability lane_availability(const struct lane *lane) {
    if (atomic_load(&lane->state) == LANE_IDLE) return LANE_NO_AGENT;
    return breaker_is_open(&lane->breaker) ? LANE_STALLED : LANE_AVAILABLE;
}

bool lane_ask(struct lane *lane, struct request *request, int64_t now_us) {
    lock(&lane->mutex);
    int state = atomic_load(&lane->state);
    if (state == LANE_SERVING && !request->sent) send_in_turn(lane, request, now_us);
    unlock(&lane->mutex);
    return state != LANE_IDLE;
}

void lane_put_aside(struct lane *lane, struct request *request) {
    lock(&lane->mutex);
    if (atomic_load(&request->slow) != SLOW_WANTED) atomic_store(&request->slow, SLOW_HASHED);
    unlock(&lane->mutex);
}

void lane_ask_again(struct lane *lane, struct request *request, int64_t now_us) {
    lock(&lane->mutex);
    if (atomic_load(&request->slow) == SLOW_HASHED && request->asked_again < ASK_AGAIN_MAX) {
        request->asked_again++;
        request->sent = false;
        atomic_store(&request->slow, SLOW_NO);
        if (atomic_load(&lane->state) == LANE_SERVING) send_in_turn(lane, request, now_us);
    }
    unlock(&lane->mutex);
}

void lane_answered(struct lane *lane, uint64_t account, int64_t now_us) {
    lock(&lane->mutex);
    bool serves = atomic_load(&lane->state) == LANE_SERVING;
    struct request *next = serves ? pending_next_unsent(lane->pending, account) : NULL;
    if (next != NULL) {
        send_in_turn(lane, next, now_us);
        pending_release(lane->pending, next);
    }
    unlock(&lane->mutex);
}

bool lane_press(struct lane *lane, struct request *request, int64_t now_us, bool is_flood) {
    lock(&lane->mutex);
    if (atomic_load(&lane->state) == LANE_SERVING && !request->sent) send_in_turn(lane, request, now_us);
    bool waits = request->sent && atomic_load(&request->slow) == SLOW_NO && atomic_load(&request->claim) != 0;
    if (waits && !breaker_is_open(&lane->breaker)) favour_urge(&lane->favour, now_us, is_flood);
    bool is_urged = lane->favour.urged_until_us != 0;
    unlock(&lane->mutex);
    return is_urged;
}

int64_t lane_stalled_since(const struct lane *lane) {
    return atomic_load(&lane->breaker.opened_us);
}

// --- the guard's ---

int64_t lane_heartbeat(struct lane *lane, int64_t now_us) {
    bool opened = false;
    lock(&lane->mutex);
    bool has_agent = lane->requests.fd >= 0;
    int state = atomic_load(&lane->state);
    if (has_agent) {
        if (state == LANE_SWITCHING && lane->switching_to == 0) send_switch(lane, now_us);
        if (state != LANE_SWITCHING && breaker_ping_due(&lane->breaker, now_us)) {
            uint8_t buffer[64];
            struct wire_writer writer;
            wire_writer_init(&writer, buffer, sizeof buffer);
            message_lane_ping(&writer, lane->breaker.ping_number + 1);
            // A ping that a full pipe refuses is a heartbeat missed all the same.
            (void)fifo_writer_put(&lane->requests, &writer);
            breaker_ping_sent(&lane->breaker, now_us);
        }
        opened = breaker_tick(&lane->breaker, now_us);
    }
    if (opened) favour_withdraw(&lane->favour);
    int64_t settle_us = favour_settle(&lane->favour, now_us);
    unlock(&lane->mutex);
    if (opened) log_line(LOG_LEVEL_WARN, "the agent misses heartbeats: defaults at once until it answers", NULL);
    int64_t next_us = now_us + (has_agent ? BREAKER_PING_EVERY_US / 5 : BREAKER_PING_EVERY_US);
    return settle_us < next_us ? settle_us : next_us;
}

void lane_budget_ran_out(struct lane *lane, int64_t now_us) {
    lock(&lane->mutex);
    bool opened = breaker_budget_ran_out(&lane->breaker, now_us);
    unlock(&lane->mutex);
    if (opened)
        log_line(LOG_LEVEL_WARN, "several budgets ran out in a row: defaults at once until the agent answers", NULL);
}

// --- the reader thread ---

static void on_switched(struct lane *lane, uint64_t epoch) {
    int64_t now_us = clock_monotonic_us();
    lock(&lane->mutex);
    if (atomic_load(&lane->state) == LANE_SWITCHING && epoch == lane->switching_to) {
        (void)breaker_pong(&lane->breaker);
        lane->epoch = epoch;
        lane->switching_to = 0;
        if (lane->wanted_epoch != epoch) {
            send_switch(lane, now_us);
        } else {
            atomic_store(&lane->state, LANE_SERVING);
            flush_unsent(lane, now_us);
        }
    }
    unlock(&lane->mutex);
}

static void on_pong(struct lane *lane, const struct pong *pong) {
    lock(&lane->mutex);
    favour_thread(&lane->favour, pong->thread_id, clock_monotonic_us());
    bool proves = lane->requests.fd >= 0;   // one that no Ping can have come before proves nothing
    bool closed = false;
    if (atomic_load(&lane->state) == LANE_HOLDING) breaker_alive(&lane->breaker);
    else closed = breaker_pong(&lane->breaker);
    unlock(&lane->mutex);
    if (closed) log_line(LOG_LEVEL_INFO, "the agent answers again: it is asked again", NULL);
    if (proves && !atomic_exchange(&lane->proved, true)) lane->events.attention(lane->events.context);
}

static bool on_frame(struct lane *lane, struct bytes frame) {
    struct agent_message message;
    if (!message_decode_lane_to_bridge(frame, &message)) return false;
    switch (message.kind) {
    case AGENT_MESSAGE_AUTH_VERDICT: lane->events.verdict(lane->events.context, &message.verdict); break;
    case AGENT_MESSAGE_SWITCHED: on_switched(lane, message.epoch); break;
    case AGENT_MESSAGE_PONG: on_pong(lane, &message.pong); break;
    default: break;
    }
    return true;
}

// False: the stream is over or of no use.
static bool take_frames(struct lane *lane, struct frame_reader *reader) {
    for (;;) {
        struct bytes frame;
        vigil_beat(VIGIL_LANE);
        switch (frame_reader_next(reader, &frame)) {
        case FRAME_PARTIAL: return true;
        case FRAME_TOO_LONG:
            break_lane(lane, "a frame on the verdict FIFO is over the maximum");
            return false;
        case FRAME_READY:
            if (on_frame(lane, frame)) break;
            break_lane(lane, "a frame on the verdict FIFO is malformed");
            return false;
        }
    }
}

static void *read_verdicts(void *argument) {
    struct lane *lane = argument;
    struct frame_reader reader;
    bool ever_read = false;
    (void)thread_raise_priority(true);      // a verdict that is read late is no verdict
    vigil_sit(VIGIL_LANE);
    frame_reader_init(&reader, lane->buffer, READ_BUFFER, FRAME_MAX);
    for (;;) {
        vigil_beat(VIGIL_LANE);
        struct pollfd fds[2] = {
            {.fd = lane->stop_fds[0], .events = POLLIN},
            {.fd = lane->verdict_fd, .events = POLLIN},
        };
        lock(&lane->mutex);
        bool is_full = fifo_writer_flush(&lane->requests) == FIFO_FULL;
        // What found the FIFO full has a budget still: it goes once the agent has read on.
        if (!is_full && lane->found_full && atomic_load(&lane->state) == LANE_SERVING)
            flush_unsent(lane, clock_monotonic_us());
        int timeout_ms = is_full || lane->found_full ? RETRY_MS : VIGIL_TURN_MS;
        unlock(&lane->mutex);
        if (poll(fds, 2, timeout_ms) < 0 && errno != EINTR) {
            break_lane(lane, "the FIFO for verdicts can't be waited for");
            break;
        }
        if (fds[0].revents != 0) break;
        if (fds[1].revents == 0) continue;
        size_t space;
        uint8_t *into = frame_reader_space(&reader, &space);
        ssize_t count = read(lane->verdict_fd, into, space);
        if (count > 0) {
            ever_read = true;
            frame_reader_filled(&reader, (size_t)count);
            if (!take_frames(lane, &reader)) break;
        } else if (count == 0 && ever_read) {
            break_lane(lane, "it closed the FIFO for verdicts");
            break;      // poll would spin from here on
        } else if (count == 0) {
            (void)poll(fds, 1, RETRY_MS);   // it has not opened it yet
        } else if (errno != EAGAIN && errno != EINTR) {
            break_lane(lane, "the FIFO for verdicts can't be read");
            break;
        }
    }
    vigil_leave(VIGIL_LANE);
    return NULL;
}

void lane_set_agent(struct lane *lane, uint32_t pid) {
    lock(&lane->mutex);
    favour_agent(&lane->favour, pid);
    unlock(&lane->mutex);
}

int lane_start(struct lane *lane, const struct fifo_pair *fifos, bool hold, int64_t now_us, char *error,
               size_t error_size) {
    lane->fifos = *fifos;
    lane->verdict_fd = fifo_open_verdict(&lane->fifos);
    if (lane->verdict_fd < 0) {
        (void)snprintf(error, error_size, "can't open the FIFO for verdicts: %s", strerror(errno));
        fifo_pair_unlink(&lane->fifos);
        return -1;
    }
    lock(&lane->mutex);
    lane->epoch = lane->switching_to = lane->wanted_epoch = 0;
    breaker_reset(&lane->breaker, now_us);
    atomic_store(&lane->proved, false);
    atomic_store(&lane->broken, NULL);
    atomic_store(&lane->state, hold ? LANE_HOLDING : LANE_IDLE);
    unlock(&lane->mutex);
    int failure = thread_start(&lane->reader, "picket-lane", read_verdicts, lane);
    if (failure != 0) {
        (void)snprintf(error, error_size, "can't start the thread that reads verdicts: %s", strerror(failure));
        lane_stop(lane, false);
        return -1;
    }
    lane->reader_runs = true;
    return 0;
}

void lane_stop(struct lane *lane, bool hold) {
    if (lane->reader_runs) {
        pipe_wake(lane->stop_fds[1]);
        (void)pthread_join(lane->reader, NULL);
        pipe_drain(lane->stop_fds[0]);
        lane->reader_runs = false;
    }
    lock(&lane->mutex);
    fifo_writer_close(&lane->requests);
    favour_withdraw(&lane->favour);
    favour_agent(&lane->favour, 0);
    if (lane->verdict_fd >= 0) (void)close(lane->verdict_fd);
    lane->verdict_fd = -1;
    atomic_store(&lane->state, hold ? LANE_HOLDING : LANE_IDLE);
    // The agent that was asked is gone: all are to be asked again.
    size_t count = pending_all(lane->pending, lane->batch, lane->pending->slots_count);
    for (size_t i = 0; i < count; i++) {
        lane->batch[i]->sent = false;
        atomic_store(&lane->batch[i]->epoch, 0);
        atomic_store(&lane->batch[i]->handed_us, 0);
        atomic_store(&lane->batch[i]->slow, SLOW_NO);
        pending_release(lane->pending, lane->batch[i]);
    }
    unlock(&lane->mutex);
    fifo_pair_unlink(&lane->fifos);
}
