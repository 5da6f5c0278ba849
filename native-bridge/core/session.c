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
#include "core/state_file.h"

enum { SECOND_US = 1000000, FIFO_RETRY_MS = 5, LOG_RETRY_MS = 50 };

int session_init(struct session *session, struct core *core, struct listener *listener, const char *state_directory,
                 int stop_fd) {
    memset(session, 0, sizeof *session);
    session->core = core;
    session->listener = listener;
    session->state_directory = state_directory;
    session->stop_fd = stop_fd;
    session->unwatched_since_ns = clock_unix_ns();
    uint8_t *in = malloc(FRAME_MAX + FRAME_HEADER), *out = malloc(CONNECTION_OUT);
    if (in == NULL || out == NULL) {
        free(in);
        free(out);
        return -1;
    }
    connection_init(&session->agent, in, FRAME_MAX + FRAME_HEADER, out);
    for (int i = 0; i < SESSION_CANDIDATES; i++) {
        struct candidate *candidate = &session->candidates[i];
        connection_init(&candidate->connection, candidate->in, sizeof candidate->in, NULL);
        candidate->request_fd = -1;
    }
    return 0;
}

uint64_t session_defaults(const struct session *session) {
    uint64_t sum = 0;
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
    log_line(LOG_LEVEL_WARN, "a connection is refused", "reason=\"%s\"", reason);
}

static void accept_candidate(struct session *session, int64_t now_us) {
    char reason[256];
    struct peer peer;
    struct candidate *free_place = NULL;
    int fd = listener_accept(session->listener);
    if (fd < 0) return;
    for (int i = 0; i < SESSION_CANDIDATES && free_place == NULL; i++)
        if (session->candidates[i].connection.fd < 0) free_place = &session->candidates[i];
    if (peer_check(fd, session->listener->agent_uid, &peer, reason, sizeof reason) != 0) {
        refuse(fd, reason);
        (void)close(fd);
    } else if (free_place == NULL) {
        refuse(fd, "too many connections wait to say Hello");
        (void)close(fd);
    } else {
        free_place->peer = peer;
        free_place->until_us = now_us + SESSION_HELLO_WITHIN_US;
        connection_open(&free_place->connection, fd, SESSION_CANDIDATE_IN - FRAME_HEADER);
    }
}

void session_refuse(struct candidate *candidate, const char *reason) {
    refuse(candidate->connection.fd, reason);
    connection_close(&candidate->connection);
}

static void candidate_readable(struct session *session, struct candidate *candidate, int64_t now_us) {
    struct bytes frame;
    struct agent_message message;
    if (connection_read(&candidate->connection) == CONNECTION_ENDED) {
        connection_close(&candidate->connection);
        return;
    }
    switch (frame_reader_next(&candidate->connection.reader, &frame)) {
    case FRAME_PARTIAL: return;
    case FRAME_TOO_LONG: session_refuse(candidate, "the first frame is too long for a Hello"); return;
    case FRAME_READY: break;
    }
    if (!message_decode_to_bridge(frame, &message) || message.kind != AGENT_MESSAGE_HELLO) {
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
    for (int i = 0; i < SESSION_CANDIDATES; i++) {
        struct candidate *candidate = &session->candidates[i];
        if (candidate != session->successor && candidate->connection.fd >= 0 && now_us >= candidate->until_us)
            session_refuse(candidate, "no Hello within 5 s");
    }
}

// --- once a second ---

static void each_second(struct session *session) {
    struct core *core = session->core;
    session->statistics_due = true;
    if (session->state_directory != NULL &&
        state_file_write(session->state_directory, core->bridge_instance, clock_unix_ns()) != 0) {
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

enum { FD_STOP, FD_WAKE, FD_LISTEN, FD_AGENT, FD_CANDIDATES, FD_COUNT = FD_CANDIDATES + SESSION_CANDIDATES };

static int wait_ms(const struct session *session, int64_t now_us) {
    if (session->more_to_send) return 0;
    int64_t until_us = session->next_second_us - now_us;
    int64_t ms = until_us <= 0 ? 0 : (until_us + 999) / 1000;
    if ((session->fifo_to_open || session->successor != NULL) && ms > FIFO_RETRY_MS) ms = FIFO_RETRY_MS;
    if (log_waiting() && ms > LOG_RETRY_MS) ms = LOG_RETRY_MS;
    return (int)ms;
}

static void collect(const struct session *session, struct pollfd fds[FD_COUNT]) {
    fds[FD_STOP] = (struct pollfd){.fd = session->stop_fd, .events = POLLIN};
    fds[FD_WAKE] = (struct pollfd){.fd = session->core->wake_fds[0], .events = POLLIN};
    fds[FD_LISTEN] = (struct pollfd){.fd = session->listener->fd, .events = POLLIN};
    fds[FD_AGENT] = (struct pollfd){.fd = session->agent.fd, .events = POLLIN};
    if (!connection_is_idle(&session->agent)) fds[FD_AGENT].events |= POLLOUT;
    for (int i = 0; i < SESSION_CANDIDATES; i++)
        fds[FD_CANDIDATES + i] = (struct pollfd){.fd = session->candidates[i].connection.fd, .events = POLLIN};
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
    for (int i = 0; i < SESSION_CANDIDATES; i++) {
        struct candidate *candidate = &session->candidates[i];
        // What went before may have closed this one: its descriptor then is no longer the one that was polled.
        if (fds[FD_CANDIDATES + i].revents == 0 || candidate->connection.fd != fds[FD_CANDIDATES + i].fd) continue;
        if (candidate == session->successor) successor_readable(session, now_us);
        else candidate_readable(session, candidate, now_us);
    }
    if (session->successor != NULL) successor_attend(session, now_us);
    if (fds[FD_LISTEN].revents != 0) accept_candidate(session, now_us);
    candidates_too_late(session, now_us);

    const char *broken = atomic_load(&core->lane.broken);
    if (session_has_agent(session) && broken != NULL) session_drop_agent(session, broken);
    if (atomic_load(&core->lane.proved)) fifo_pair_unlink(&core->lane.fifos);
    if (session->fifo_to_open) session->fifo_to_open = lane_try_open(&core->lane, now_us);
}

void session_run(struct session *session) {
    struct pollfd fds[FD_COUNT];
    for (;;) {
        int64_t now_us = clock_monotonic_us();
        if (now_us >= session->next_second_us) {
            each_second(session);
            session->next_second_us = now_us + SECOND_US;
        }
        session_pump(session);
        log_drain();
        collect(session, fds);
        if (poll(fds, FD_COUNT, wait_ms(session, clock_monotonic_us())) < 0 && errno != EINTR) break;
        if (fds[FD_STOP].revents != 0) break;
        attend(session, fds, clock_monotonic_us());
    }
    if (session->successor != NULL) successor_drop(session, "the bridge ends");
    for (int i = 0; i < SESSION_CANDIDATES; i++) connection_close(&session->candidates[i].connection);
    if (session_has_agent(session)) session_drop_agent(session, "the bridge ends");
    if (session->state_directory != NULL)
        (void)state_file_write(session->state_directory, session->core->bridge_instance, clock_unix_ns());
}
