#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/session.h"

// An agent that comes while another serves compiles its rules first, opens its FIFOs when it is ready to answer, and sends
// its policy: until then the old one goes on, so that no request meets the gap between them, and nothing that is no agent
// takes the place of one.

// Its frames are kept, not handled: they are for the session that it then has.
static void keep_frames(struct session *session, struct candidate *successor) {
    struct frame_reader before = successor->connection.reader;
    size_t space;
    frame_reader_init(&successor->connection.reader, session->successor_in, FRAME_MAX + FRAME_HEADER, FRAME_MAX);
    uint8_t *into = frame_reader_space(&successor->connection.reader, &space);
    memcpy(into, before.buffer + before.start, before.end - before.start);
    frame_reader_filled(&successor->connection.reader, before.end - before.start);
    session->successor_seen = 0;
    session->successor_has_policy = false;
}

// What it says before its policy may be credit; a policy that can't be read is no reason to let the old agent go.
static void look_at(struct session *session, struct bytes frame) {
    struct agent_message message;
    char error[256] = "";
    if (!message_decode_to_bridge(frame, &message)) {
        successor_drop(session, "a frame on the socket is malformed");
    } else if (message.kind == AGENT_MESSAGE_HELLO) {
        successor_drop(session, "it said Hello twice");
    } else if (message.kind == AGENT_MESSAGE_GOODBYE) {
        successor_drop(session, NULL);
    } else if (message.kind == AGENT_MESSAGE_POLICY) {
        struct policy *policy = policy_decode(message.policy, error, sizeof error);
        session->successor_has_policy = policy != NULL;
        policy_unref(policy);
        if (policy == NULL) successor_drop(session, error);
    }
}

static void look(struct session *session) {
    const struct candidate *successor = session->successor;
    while (session->successor == successor && !session->successor_has_policy) {
        // A reader of its own, for a frame that is looked at is still to be read.
        struct frame_reader reader = successor->connection.reader;
        struct bytes frame;
        reader.start += session->successor_seen;
        enum frame_result result = frame_reader_next(&reader, &frame);
        if (result == FRAME_TOO_LONG) successor_drop(session, "a frame on the socket is over the maximum of 1 MiB");
        if (result == FRAME_PARTIAL && reader.end == reader.capacity) successor_drop(session, "it sends much and no policy");
        if (result != FRAME_READY) return;
        session->successor_seen = reader.start - successor->connection.reader.start;
        look_at(session, frame);
    }
}

void successor_begin(struct session *session, struct candidate *candidate, int64_t now_us) {
    // Without a word: one that is refused would end for good, and this one has done nothing wrong.
    if (session->successor != NULL) successor_drop(session, NULL);
    candidate->verdict_fd = fifo_open_verdict(&candidate->fifos);
    candidate->until_us = now_us + SESSION_READY_WITHIN_US;
    session->successor = candidate;
    keep_frames(session, candidate);
    if (candidate->verdict_fd < 0) successor_drop(session, "the FIFO for verdicts can't be opened");
    else look(session);
}

void successor_attend(struct session *session, int64_t now_us) {
    struct candidate *successor = session->successor;
    char reason[256];
    if (successor->request_fd < 0) successor->request_fd = fifo_open_request(&successor->fifos);
    if (successor->request_fd < 0 && errno != ENXIO) successor_drop(session, "its FIFO can't be opened");
    else if (now_us >= successor->until_us) successor_drop(session, "it was not ready within 60 s");
    else if (successor->request_fd < 0 || !session->successor_has_policy) return;
    // The wait was long: one that has ended meanwhile must not take the place of one that serves.
    else if (peer_check_again(&successor->peer, reason, sizeof reason) != 0) successor_drop(session, reason);
    else session_take_over(session, successor, now_us);
}

void successor_readable(struct session *session) {
    // With its policy at hand nothing more is read of it, and it is looked at only because it has gone.
    if (session->successor_has_policy) {
        successor_drop(session, NULL);
        return;
    }
    switch (connection_read(&session->successor->connection)) {
    case CONNECTION_MORE: look(session); break;
    case CONNECTION_WAIT: break;
    case CONNECTION_ENDED: successor_drop(session, NULL); break;
    }
}

void successor_drop(struct session *session, const char *reason) {
    struct candidate *successor = session->successor;
    session->successor = NULL;
    fifo_pair_unlink(&successor->fifos);
    if (successor->request_fd >= 0) (void)close(successor->request_fd);
    if (successor->verdict_fd >= 0) (void)close(successor->verdict_fd);
    successor->request_fd = successor->verdict_fd = -1;
    if (reason != NULL) session_refuse(successor, reason);
    else session_close_candidate(successor);
    connection_init(&successor->connection, successor->in, sizeof successor->in, NULL);
}
