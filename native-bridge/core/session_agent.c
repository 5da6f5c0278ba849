#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/lock.h"
#include "core/picket_event.h"
#include "core/log.h"
#include "core/session.h"
#include "core/unwatched.h"
#include "picket/v1/bridge.pb.h"

enum {
    EVENT_BYTES = 1024,
    UNGUARDED_BYTES = 64 * 1024,
    WELCOME_BYTES = 8192,
    FRAMES_A_TURN = 64,
    LAST_TURNS = 16,                    // far more than an agent that behaves has under way
};

bool session_has_agent(const struct session *session) {
    return session->agent.fd >= 0;
}

// --- its end ---

// What both ways of losing an agent share: its lane is closed and joined, so no verdict of it can come any more.
static void close_agent(struct session *session, bool next_is_at_hand, bool hold) {
    struct core *core = session->core;
    lane_stop(&core->lane, hold);
    connection_close(&session->agent);
    peer_close(&session->agent_peer);
    session->fifo_to_open = session->more_to_handle = false;
    if (session->unwatched_since_ns == 0) {
        session->unwatched_since_ns = clock_unix_ns();
        unwatched_begin(UNWATCHED_AGENT, session->unwatched_since_ns);
        session->unwatched_by_takeover = next_is_at_hand;
        session->defaults_before = session_defaults(session);
    } else if (!next_is_at_hand) {
        session->unwatched_by_takeover = false;
    }
    session->policy_epoch = 0;
    session->serving_since_us = 0;
    session->credit = 0;
    lock(&core->queue_mutex);
    sent_losses_take_back(&session->losses_sent, &core->losses);
    unlock(&core->queue_mutex);
}

void session_drop_agent(struct session *session, const char *reason) {
    struct core *core = session->core;
    bool has_crashed = session->policy_epoch != 0 && !session->agent_said_goodbye && !session->is_ending;
    close_agent(session, false, false);
    core->backend->set_agent(core->backend->state, 0);
    core_answer_all_without_agent(core);
    log_line(LOG_LEVEL_WARN, "the agent is gone", "generation=%" PRIu64 " name=\"%s\" reason=\"%s\"",
             session->agent_generation, session->agent_name, reason);
    if (has_crashed) session_agent_crashed(session);
}

// --- its beginning ---

static bool is_another_users(const struct session *session) {
    return session->agent_peer.uid != session->listener->agent_uid;
}

// One that is not of the agent's user is root's, who may: whether it should is for a person to say.
static void tell_takeover(struct session *session) {
    uint8_t buffer[EVENT_BYTES];
    struct encoded_event event;
    struct bytes name = {(const uint8_t *)session->agent_name, strlen(session->agent_name)};
    if (!event_encode_takeover(clock_unix_ns(), session->core->platform, session->agent_generation, session->agent_peer.uid,
                               session->agent_peer.pid, name, buffer, sizeof buffer, &event))
        return;
    if (is_another_users(session)) {
        char message[128];
        (void)snprintf(message, sizeof message, "A process of user %u is the agent; user %u should be (--agent-uid).",
                       (unsigned)session->agent_peer.uid, (unsigned)session->listener->agent_uid);
        (void)event_append_alert(&(struct picket_alert){"picket-agent-of-another-user", "high", message}, buffer,
                                 sizeof buffer, &event);
    }
    (void)core_push(session->core, &event);
}

void session_welcome(struct session *session, struct candidate *candidate, struct wire_writer *writer) {
    struct core *core = session->core;
    candidate->generation = ++session->last_generation;
    lock(&core->queue_mutex);
    const struct queue_entry *first = queue_next_unsent(&core->queue);
    uint64_t next_sequence = first != NULL ? first->sequence : core->queue.last_sequence + 1;
    unlock(&core->queue_mutex);
    message_welcome(writer, &(struct welcome){
        .backend = core->backend->name,
        .capabilities = core->backend->capabilities,
        .bridge_instance = core->bridge_instance,
        .generation = candidate->generation,
        .request_fifo = candidate->fifos.request.path,
        .verdict_fifo = candidate->fifos.verdict.path,
        .next_sequence = next_sequence,
        .platform = core->platform,
        .host = &core->host,
    });
}

// With what the candidate has sent behind its Hello. The candidate's place is free then.
static void move_connection(struct session *session, struct candidate *candidate) {
    struct frame_reader *from = &candidate->connection.reader;
    uint8_t *before = session->agent.reader.buffer;
    size_t left = from->end - from->start, space;
    connection_open(&session->agent, candidate->connection.fd, FRAME_MAX);
    if (from->buffer == session->successor_in) {
        session->agent.reader = *from;
        session->successor_in = before;
    } else {
        uint8_t *into = frame_reader_space(&session->agent.reader, &space);
        memcpy(into, from->buffer + from->start, left);     // SESSION_CANDIDATE_IN is far less than FRAME_MAX
        frame_reader_filled(&session->agent.reader, left);
    }
    connection_init(&candidate->connection, candidate->in, sizeof candidate->in, NULL);
    candidate->peer.process = -1;       // the session's now
}

// The old agent must know that it is not to come back. Best effort: an agent that reads nothing learns it from nobody.
static void tell_replaced(struct session *session) {
    struct wire_writer writer = connection_writer(&session->agent);
    message_refused(&writer, "another agent has taken over");
    if (connection_commit(&session->agent, &writer)) (void)connection_flush(&session->agent);
}

// What the agent has not accepted is sent to it, again where an earlier one had it.
static void rewind_queue(struct core *core, const struct candidate *candidate) {
    lock(&core->queue_mutex);
    if (strcmp(candidate->accepted_instance, core->bridge_instance) == 0)
        unwatched_accepted(queue_accept(&core->queue, candidate->accepted_through));
    queue_rewind(&core->queue);
    unlock(&core->queue_mutex);
}

void session_take_over(struct session *session, struct candidate *candidate, int64_t now_us) {
    struct core *core = session->core;
    struct fifo_pair fifos = candidate->fifos;
    int request_fd = candidate->request_fd, verdict_fd = candidate->verdict_fd;
    char error[256];
    // Requests wait for the new agent where the old one was asked.
    bool hold = session_has_agent(session) && atomic_load(&core->lane.state) != LANE_IDLE;
    if (session_has_agent(session)) {
        log_line(LOG_LEVEL_WARN, "another agent takes over", "generation=%" PRIu64 " from=\"%s\"",
                 candidate->generation, session->agent_name);
        tell_replaced(session);
        close_agent(session, true, hold);
    }

    session->agent_peer = candidate->peer;
    session->agent_generation = candidate->generation;
    memcpy(session->agent_name, candidate->name, sizeof session->agent_name);
    session->end_of_source_sent = false;
    session->agent_said_goodbye = false;
    rewind_queue(core, candidate);

    lane_set_agent(&core->lane, candidate->peer.pid);
    int started = lane_start(&core->lane, &fifos, hold, now_us, error, sizeof error);
    move_connection(session, candidate);
    candidate->request_fd = candidate->verdict_fd = -1;
    if (candidate == session->successor) session->successor = NULL;
    if (session->agent_generation > 1 || is_another_users(session)) tell_takeover(session);
    if (started == 0) session->fifo_to_open = lane_try_open(&core->lane, now_us);
    // The lane has its own by now.
    if (request_fd >= 0) (void)close(request_fd);
    if (verdict_fd >= 0) (void)close(verdict_fd);
    if (started != 0) {
        session_drop_agent(session, error);
        return;
    }
    core->backend->set_agent(core->backend->state, session->agent_peer.pid);
    // It may have ended since it was looked at: what is exempt now must not be the next process of its pid.
    if (peer_check_again(&session->agent_peer, error, sizeof error) != 0) {
        session_drop_agent(session, error);
        return;
    }
    log_line(LOG_LEVEL_INFO, "an agent is connected", "generation=%" PRIu64 " name=\"%s\" uid=%u pid=%u",
             session->agent_generation, session->agent_name, (unsigned)session->agent_peer.uid,
             (unsigned)session->agent_peer.pid);
    session_agent_frames(session);
}

static void remember_hello(struct candidate *candidate, const struct hello *hello) {
    size_t name = hello->agent.length < sizeof candidate->name ? hello->agent.length : 0;
    size_t instance = hello->bridge_instance.length < sizeof candidate->accepted_instance
                          ? hello->bridge_instance.length : 0;
    if (name > 0) memcpy(candidate->name, hello->agent.data, name);
    candidate->name[name] = 0;
    if (instance > 0) memcpy(candidate->accepted_instance, hello->bridge_instance.data, instance);
    candidate->accepted_instance[instance] = 0;
    candidate->accepted_through = hello->accepted_through;
}

void session_hello(struct session *session, struct candidate *candidate, const struct hello *hello, int64_t now_us) {
    uint8_t welcome[WELCOME_BYTES];
    struct wire_writer writer;
    char error[256];
    // Everything that can be refused comes before an old agent is let go.
    remember_hello(candidate, hello);
    if (peer_check_again(&candidate->peer, error, sizeof error) != 0) {
        session_refuse(candidate, error);
        return;
    }
    if (fifo_pair_make(&candidate->fifos, session->listener->directory, session->listener->agent_uid,
                       session->listener->agent_gid, error, sizeof error) != 0) {
        session_refuse(candidate, error);
        return;
    }
    if (!session_has_agent(session)) {
        // One that waits would come behind this one with a lower generation.
        if (session->successor != NULL) successor_drop(session, NULL);
        rewind_queue(session->core, candidate);
    }
    wire_writer_init(&writer, welcome, sizeof welcome);
    session_welcome(session, candidate, &writer);
    // A fresh socket has room for it.
    if (writer.overflow || send(candidate->connection.fd, welcome, writer.length, MSG_NOSIGNAL) != (ssize_t)writer.length) {
        fifo_pair_unlink(&candidate->fifos);
        session_refuse(candidate, "its Welcome could not be sent");
        return;
    }
    if (session_has_agent(session)) successor_begin(session, candidate, now_us);
    else session_take_over(session, candidate, now_us);
}

// --- its policy ---

static void note_unguarded(void *context, const char *sentence) {
    struct wire_writer *writer = context;
    struct wire_writer before = *writer;
    message_unguarded(writer, sentence);
    if (writer->overflow) *writer = before;     // a list longer than 64 KiB is cut
    log_line(LOG_LEVEL_WARN, "not guarded", "what=\"%s\"", sentence);
}

static uint64_t epoch_of(struct bytes message) {
    uint64_t epoch = 0;
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field))
        if (field.tag == picket_v1_Policy_epoch_tag) epoch = wire_field_uint(&field);
    return epoch;
}

// The interval in which no agent watched is over.
static void tell_unwatched(struct session *session) {
    uint8_t buffer[EVENT_BYTES];
    struct encoded_event event;
    uint64_t now_ns = clock_unix_ns(), since_ns = session->unwatched_since_ns;
    session->unwatched_since_ns = 0;
    if (since_ns == 0) return;
    bool is_told = !session->unwatched_by_takeover || session_defaults(session) != session->defaults_before;
    unwatched_told(UNWATCHED_AGENT, is_told && event_encode_unwatched(now_ns, session->core->platform, since_ns, now_ns,
                                                                      "agent", buffer, sizeof buffer, &event)
                                        ? core_push(session->core, &event) : 0);
}

// The policy stands before the first event that it causes, so that its static verdicts hold for all of them; requests
// wait for the agent from then on. Takes the reference; false: what stood before stands again.
static bool enforce(struct session *session, struct policy *policy, struct wire_writer *unguarded, char *error,
                    size_t error_size) {
    struct core *core = session->core;
    struct policy *before = core_policy(core);
    core_set_policy(core, policy);
    lane_hold(&core->lane);
    if (core->backend->apply(core->backend->state, policy, note_unguarded, unguarded, error, error_size) == 0) {
        policy_unref(before);
        error[0] = 0;
        return true;
    }
    if (error[0] == 0) (void)snprintf(error, error_size, "the backend could not apply it");
    core_set_policy(core, before);
    return false;
}

static void on_policy(struct session *session, struct bytes message) {
    static uint8_t unguarded[UNGUARDED_BYTES];      // the event thread's alone
    struct core *core = session->core;
    char error[512] = "";
    struct wire_writer list;
    uint64_t epoch = epoch_of(message);
    wire_writer_init(&list, unguarded, sizeof unguarded);
    struct policy *policy = policy_decode(message, error, sizeof error);
    if (policy != NULL && policy->epoch <= session->policy_epoch) {
        (void)snprintf(error, sizeof error, "the policy is refused: epoch %" PRIu64 " is not above %" PRIu64,
                       policy->epoch, session->policy_epoch);
        policy_unref(policy);
        policy = NULL;
    }
    if (policy != NULL && !enforce(session, policy, &list, error, sizeof error)) policy = NULL;
    if (policy != NULL) {
        if (session->policy_epoch == 0) session->serving_since_us = clock_monotonic_us();
        session->policy_epoch = epoch;
        lane_policy(&core->lane, epoch, clock_monotonic_us());    // applying it may have taken long
        tell_unwatched(session);
        if (policy->deadline_miss != DEADLINE_MISS_KILL && core->platform == PLATFORM_LINUX)
            log_line(LOG_LEVEL_WARN, "this kernel sets no deadline, so guard.deadline_miss means nothing here: what nobody "
                     "answers in time gets guard.defaults", NULL);
        log_line(LOG_LEVEL_INFO, "a policy is in force", "epoch=%" PRIu64 " statics=%zu subscriptions=%zu", epoch,
                 policy->static_verdicts_count, policy->subscriptions_count);
    } else {
        log_line(LOG_LEVEL_ERROR, "a policy is refused", "epoch=%" PRIu64 " reason=\"%s\"", epoch, error);
        // Its first one, for which requests may wait since it took over: they would wait for nothing.
        if (session->policy_epoch == 0 && lane_unhold(&core->lane)) core_answer_all_without_agent(core);
    }
    struct wire_writer writer = connection_writer(&session->agent);
    message_policy_applied(&writer, epoch, (struct bytes){list.data, policy != NULL ? list.length : 0}, error);
    if (!connection_commit(&session->agent, &writer))
        session_drop_agent(session, "it sends policies and does not read the answers");
}

// --- its other messages ---

static void on_credit(struct session *session, const struct credit *credit) {
    struct core *core = session->core;
    session->credit += credit->events;
    if (session->credit > UINT32_MAX) session->credit = UINT32_MAX;
    lock(&core->queue_mutex);
    unwatched_accepted(queue_accept(&core->queue, credit->accepted_through));
    sent_losses_accepted(&session->losses_sent, credit->accepted_through);
    unlock(&core->queue_mutex);
}

static void on_notice(struct session *session, struct bytes event) {
    const char *action;
    if (event_is_notice(event, &action))
        core_push(session->core, &(struct encoded_event){event.data, event.length, EVENT_PICKET, action});
    else
        session_drop_agent(session, "it records an event that is not an agent's own");
}

static void on_message(struct session *session, const struct agent_message *message) {
    switch (message->kind) {
    case AGENT_MESSAGE_HELLO: session_drop_agent(session, "it said Hello twice"); break;
    case AGENT_MESSAGE_POLICY: on_policy(session, message->policy); break;
    case AGENT_MESSAGE_CREDIT: on_credit(session, &message->credit); break;
    case AGENT_MESSAGE_AUTH_VERDICT: core_verdict(session->core, &message->verdict, LEVEL_SLOW_LANE); break;
    case AGENT_MESSAGE_NOTICE: on_notice(session, message->event); break;
    case AGENT_MESSAGE_GOODBYE: session->agent_said_goodbye = true; break;
    case AGENT_MESSAGE_CONTROL: session_drop_agent(session, "an agent does not control enforcement"); break;
    default: break;
    }
}

// A turn at most, for the loop has others to look after, and an agent that floods is to harm itself alone. A policy is a
// turn of its own: to mark filesystems takes its time.
void session_agent_frames(struct session *session) {
    session->more_to_handle = false;
    for (int frames = 0; session_has_agent(session); frames++) {
        struct bytes frame;
        struct agent_message message;
        if (frames == FRAMES_A_TURN) {
            session->more_to_handle = true;
            return;
        }
        enum frame_result result = frame_reader_next(&session->agent.reader, &frame);
        if (result == FRAME_PARTIAL) return;
        if (result == FRAME_TOO_LONG) {
            session_drop_agent(session, "a frame on the socket is over the maximum of 1 MiB");
        } else if (!message_decode_to_bridge(frame, &message)) {
            session_drop_agent(session, "a frame on the socket is malformed");
        } else {
            on_message(session, &message);
            if (message.kind == AGENT_MESSAGE_POLICY) frames = FRAMES_A_TURN - 1;
        }
    }
}

void session_agent_readable(struct session *session) {
    bool has_ended = connection_read(&session->agent) == CONNECTION_ENDED;
    if (has_ended && !session->more_to_handle) session_drop_agent(session, "it closed the connection");
    else session_agent_frames(session);
}

void session_agent_last_words(struct session *session, const char *reason) {
    for (int turn = 0; turn < LAST_TURNS && session_has_agent(session); turn++) session_agent_readable(session);
    if (session_has_agent(session)) session_drop_agent(session, reason);
}
