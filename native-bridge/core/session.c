#include "core/session.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/pipe.h"
#include "core/refusals.h"
#include "core/state_file.h"
#include "core/thread.h"
#include "core/unwatched.h"
#include "core/vigil.h"

// While events flow the loop looks for more of them every EVENTS_TURN_MS, until QUIET_TURNS have brought none.
enum { SECOND_US = 1000000, FIFO_RETRY_MS = 5, NOTIFICATION_SILENCE_S = 2, EVENTS_TURN_MS = 2, QUIET_TURNS = 2 };

int session_init(struct session *session, struct core *core, struct listener *listener, const char *state_directory,
                 int stop_fd) {
    memset(session, 0, sizeof *session);
    session->core = core;
    session->listener = listener;
    session->state_directory = state_directory;
    session->stop_fd = stop_fd;
    // Since before this bridge, where the one before ended without an agent or one that took its word.
    uint64_t since_ns = unwatched_since(UNWATCHED_AGENT);
    session->unwatched_since_ns = since_ns != 0 ? since_ns : clock_unix_ns();
    unwatched_begin(UNWATCHED_AGENT, session->unwatched_since_ns);
    uint8_t *in = malloc(FRAME_MAX + FRAME_HEADER), *out = malloc(CONNECTION_OUT);
    session->successor_in = malloc(FRAME_MAX + FRAME_HEADER);
    if (in == NULL || out == NULL || session->successor_in == NULL) {
        free(in);
        free(out);
        free(session->successor_in);
        return -1;
    }
    connection_init(&session->agent, in, FRAME_MAX + FRAME_HEADER, out);
    for (int i = 0; i < SESSION_PLACES; i++) {
        struct candidate *candidate = &session->candidates[i];
        connection_init(&candidate->connection, candidate->in, sizeof candidate->in, NULL);
        candidate->request_fd = candidate->verdict_fd = candidate->peer.process = -1;
    }
    session->agent_peer.process = -1;
    return 0;
}

uint64_t session_defaults(const struct session *session) {
    uint64_t sum = statistics_of_level(&session->core->statistics, LEVEL_DEFAULT_FAILED);
    for (enum answer_level level = LEVEL_DEFAULT_DEADLINE; level <= LEVEL_OVERLOAD; level++)
        sum += statistics_of_level(&session->core->statistics, level);
    return sum;
}

// --- who wants in ---

static void refuse(int fd, const char *reason) {
    uint8_t buffer[1024];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof buffer);
    message_refused(&writer, reason);
    // Best effort: a fresh socket has room for it, and the log has the reason too.
    if (!writer.overflow) (void)send(fd, buffer, writer.length, 0);
    refusals_log(reason);
}

void session_close_candidate(struct candidate *candidate) {
    connection_close(&candidate->connection);
    peer_close(&candidate->peer);
}

void session_refuse(struct candidate *candidate, const char *reason) {
    refuse(candidate->connection.fd, reason);
    session_close_candidate(candidate);
}

static bool is_reserved(const struct session *session, const struct candidate *candidate) {
    return candidate >= &session->candidates[SESSION_CANDIDATES];
}

// Of root's own places the one that has waited longest is taken: what is to be controlled is said at once.
static struct candidate *reserved_place(struct session *session) {
    struct candidate *oldest = &session->candidates[SESSION_CANDIDATES];
    for (int i = SESSION_CANDIDATES; i < SESSION_PLACES; i++) {
        struct candidate *candidate = &session->candidates[i];
        if (candidate->connection.fd < 0) return candidate;
        if (candidate->until_us < oldest->until_us) oldest = candidate;
    }
    session_refuse(oldest, "too many connections wait");
    return oldest;
}

static void accept_candidate(struct session *session, int64_t now_us) {
    char reason[256];
    struct peer peer;
    int fd = listener_accept(session->listener);
    if (fd < 0) return;
    if (peer_identify(fd, session->listener->agent_uid, &peer, reason, sizeof reason) != 0) {
        refuse(fd, reason);
        (void)close(fd);
        return;
    }
    struct candidate *place = places_for(session, &peer, now_us);
    if (place == NULL && peer.uid == 0) place = reserved_place(session);
    if (place == NULL) {
        refuse(fd, "too many connections wait to say Hello");
        (void)close(fd);
        peer_close(&peer);
        return;
    }
    place->peer = peer;
    place->since_us = now_us;
    place->until_us = now_us + SESSION_HELLO_WITHIN_US;
    connection_open(&place->connection, fd, SESSION_CANDIDATE_IN - FRAME_HEADER);
}

static void candidate_readable(struct session *session, struct candidate *candidate, int64_t now_us) {
    struct bytes frame;
    struct agent_message message;
    if (connection_read(&candidate->connection) == CONNECTION_ENDED) {
        session_close_candidate(candidate);
        return;
    }
    switch (frame_reader_next(&candidate->connection.reader, &frame)) {
    case FRAME_PARTIAL: return;
    case FRAME_TOO_LONG: session_refuse(candidate, "the first frame is too long for a Hello"); return;
    case FRAME_READY: break;
    }
    bool is_message = message_decode_to_bridge(frame, &message);
    if (is_message && message.kind == AGENT_MESSAGE_CONTROL) {
        session_control(session, candidate, &message.control);
        return;
    }
    if (is_reserved(session, candidate)) {
        session_refuse(candidate, "too many connections wait to say Hello");
        return;
    }
    if (!is_message || message.kind != AGENT_MESSAGE_HELLO) {
        session_refuse(candidate, "the first frame is not a Hello");
        return;
    }
    if (message.hello.protocol != PROTOCOL_VERSION) {
        session_refuse(candidate, "this bridge speaks protocol 1: update the older of both");
        return;
    }
    session_hello(session, candidate, &message.hello, now_us);
}

static void candidates_too_late(struct session *session, int64_t now_us) {
    for (int i = 0; i < SESSION_PLACES; i++) {
        struct candidate *candidate = &session->candidates[i];
        if (candidate != session->successor && candidate->connection.fd >= 0 && now_us >= candidate->until_us) {
            places_wasted(session, candidate, now_us);
            session_refuse(candidate, "no Hello within 5 s");
        }
    }
}

// --- once a second ---

// The reader of notifications may wait for another process's memory, and is not ended for it. What the kernel drops
// meanwhile it says only to a reader that reads again: that one is blind is said at once.
static void watch_notifications(struct session *session) {
    const struct vigil_seat *reader = &vigil()->seats[VIGIL_NOTIFICATIONS];
    uint32_t beats = atomic_load(&reader->beats);
    bool is_silent = atomic_load(&reader->thread) != 0 && beats == session->notification_beats;
    session->notification_beats = beats;
    session->notification_silence_s = is_silent ? session->notification_silence_s + 1 : 0;
    if (session->notification_silence_s != NOTIFICATION_SILENCE_S) return;
    log_line(LOG_LEVEL_WARN, "the reader of notifications waits for a process or a disk: notify events are lost", NULL);
    core_loss(session->core, "reader_stalled", EVENT_NOTIFY, "", 0);
}

// What no agent has accepted yet must be told again by the next bridge.
static int write_state(const struct session *session) {
    uint64_t since_ns = unwatched_since(UNWATCHED_BRIDGE);
    return state_file_write(session->state_directory, session->core->bridge_instance,
                            since_ns != 0 ? since_ns : clock_unix_ns());
}

static void each_second(struct session *session) {
    session->statistics_due = true;
    refusals_tell();
    session_enforcement_each_second(session);
    watch_notifications(session);
    if (session->state_directory != NULL && write_state(session) != 0) {
        if (!session->state_file_failed)
            log_line(LOG_LEVEL_WARN, "can't write the state file: an interval without a bridge will go unnoticed",
                     "folder=%s error=\"%s\"", session->state_directory, strerror(errno));
        session->state_file_failed = true;
    } else {
        session->state_file_failed = false;
    }
    uint64_t defaults = session_defaults(session);
    if (defaults > session->defaults_logged)
        log_line(LOG_LEVEL_WARN, "requests were answered by a default", "count=%" PRIu64 " in_all=%" PRIu64,
                 defaults - session->defaults_logged, defaults);
    session->defaults_logged = defaults;
}

// --- the loop ---

enum { FD_STOP, FD_WAKE, FD_LISTEN, FD_AGENT, FD_AGENT_PROCESS, FD_CANDIDATES, FD_COUNT = FD_CANDIDATES + SESSION_PLACES };

static int wait_ms(const struct session *session, int64_t now_us) {
    if (session->more_to_send || session->more_to_handle) return 0;
    int64_t until_us = session->next_second_us - now_us;
    int64_t ms = until_us <= 0 ? 0 : (until_us + 999) / 1000;
    if ((session->fifo_to_open || session->successor != NULL) && ms > FIFO_RETRY_MS) ms = FIFO_RETRY_MS;
    if (session_has_agent(session) && atomic_load(&session->core->looks_by_itself) && ms > EVENTS_TURN_MS)
        ms = EVENTS_TURN_MS;
    if (ms > VIGIL_TURN_MS) ms = VIGIL_TURN_MS;
    return (int)ms;
}

// Nobody needs to be woken for events while they flow, nor while there is nobody to send them to.
static void look_by_itself(struct session *session) {
    atomic_bool *looks = &session->core->looks_by_itself;
    if (session_has_agent(session) && session->turns_without_events >= QUIET_TURNS) {
        if (!atomic_exchange(looks, false)) return;
        session_pump(session);      // what was queued before the flag was down
    }
    bool flows = session->turns_without_events < QUIET_TURNS;
    if (flows) session->turns_without_events++;
    atomic_store(looks, flows || !session_has_agent(session));
}

static void collect(const struct session *session, struct pollfd fds[FD_COUNT]) {
    fds[FD_STOP] = (struct pollfd){.fd = session->stop_fd, .events = POLLIN};
    fds[FD_WAKE] = (struct pollfd){.fd = session->core->wake_fds[0], .events = POLLIN};
    fds[FD_LISTEN] = (struct pollfd){.fd = session->listener->fd, .events = POLLIN};
    fds[FD_AGENT] = (struct pollfd){.fd = session->agent.fd, .events = POLLIN};
    if (!connection_is_idle(&session->agent)) fds[FD_AGENT].events |= POLLOUT;
    fds[FD_AGENT_PROCESS] = (struct pollfd){.fd = session->agent_peer.process, .events = POLLIN};
    for (int i = 0; i < SESSION_PLACES; i++)
        fds[FD_CANDIDATES + i] = (struct pollfd){.fd = session->candidates[i].connection.fd, .events = POLLIN};
    if (session->successor != NULL && session->successor_has_policy)
        fds[FD_CANDIDATES + (session->successor - session->candidates)].events = 0;
}

static void attend(struct session *session, const struct pollfd fds[FD_COUNT], int64_t now_us) {
    struct core *core = session->core;
    if (fds[FD_WAKE].revents != 0) {
        // In this order: what comes after the flag is down wakes us again.
        pipe_drain(core->wake_fds[0]);
        atomic_store(&core->wake_pending, false);
    }
    // The agent first: the end of the old one before the Hello of the next, where both have come.
    if (session_has_agent(session) && (fds[FD_AGENT].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        session_agent_readable(session);
    else if (session_has_agent(session) && session->more_to_handle)
        session_agent_frames(session);
    // Another process may hold its connection still; who may speak was looked at for the one that has ended.
    if (session_has_agent(session) && fds[FD_AGENT_PROCESS].revents != 0)
        session_agent_last_words(session, "its process has ended");
    for (int i = 0; i < SESSION_PLACES; i++) {
        struct candidate *candidate = &session->candidates[i];
        // What went before may have closed this one: its descriptor then is no longer the one that was polled.
        if (fds[FD_CANDIDATES + i].revents == 0 || candidate->connection.fd != fds[FD_CANDIDATES + i].fd) continue;
        if (candidate == session->successor) successor_readable(session);
        else candidate_readable(session, candidate, now_us);
    }
    if (session->successor != NULL) successor_attend(session, now_us);
    if (fds[FD_LISTEN].revents != 0) accept_candidate(session, now_us);
    candidates_too_late(session, now_us);

    const char *broken = atomic_load(&core->lane.broken);
    if (session_has_agent(session) && broken != NULL) session_agent_last_words(session, broken);
    if (atomic_load(&core->lane.proved)) fifo_pair_unlink(&core->lane.fifos);
    if (session->fifo_to_open) session->fifo_to_open = lane_try_open(&core->lane, now_us);
}

void session_run(struct session *session) {
    struct pollfd fds[FD_COUNT];
    // A policy, a takeover and the way out must get through while thousands of threads want the processors.
    (void)thread_raise_priority(false);
    vigil_sit(VIGIL_EVENTS);
    for (;;) {
        vigil_beat(VIGIL_EVENTS);
        int64_t now_us = clock_monotonic_us();
        if (now_us >= session->next_second_us) {
            core_tell_overloads(session->core, now_us);
            each_second(session);
            session->next_second_us = now_us + SECOND_US;
        }
        session_pump(session);
        look_by_itself(session);
        collect(session, fds);
        // Where it fails (there is no memory for it) nothing is ready; to end would look like somebody's wish.
        if (poll(fds, FD_COUNT, wait_ms(session, clock_monotonic_us())) < 0 && errno != EINTR)
            (void)poll(fds, FD_STOP + 1, FIFO_RETRY_MS);
        if (fds[FD_STOP].revents != 0) break;
        attend(session, fds, clock_monotonic_us());
    }
    session->is_ending = true;
    vigil_leave(VIGIL_EVENTS);
    if (session->successor != NULL) successor_drop(session, "the bridge ends");
    for (int i = 0; i < SESSION_PLACES; i++) session_close_candidate(&session->candidates[i]);
    if (session_has_agent(session)) session_drop_agent(session, "the bridge ends");
    if (session->state_directory != NULL) (void)write_state(session);
}
