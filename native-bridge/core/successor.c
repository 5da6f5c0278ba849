#include <errno.h>
#include <unistd.h>

#include "core/session.h"

// An agent that comes while another serves compiles its rules first and opens its FIFOs when it is ready to answer:
// until then the old one goes on, so that no request meets the gap between them.

// The wait was long: one that has ended meanwhile must not take the place of one that serves.
static void take_over(struct session *session, int64_t now_us) {
    struct candidate *successor = session->successor;
    char reason[256];
    if (peer_check(successor->connection.fd, session->listener->agent_uid, &successor->peer, reason, sizeof reason) != 0)
        successor_drop(session, reason);
    else
        session_take_over(session, successor, now_us);
}

void successor_attend(struct session *session, int64_t now_us) {
    struct candidate *successor = session->successor;
    if (successor->request_fd < 0) successor->request_fd = fifo_open_request(&successor->fifos);
    if (successor->request_fd >= 0) take_over(session, now_us);
    else if (errno != ENXIO) successor_drop(session, "its FIFO can't be opened");
    else if (now_us >= successor->until_us) successor_drop(session, "its auth lane was not ready within 60 s");
}

void successor_readable(struct session *session, int64_t now_us) {
    struct candidate *successor = session->successor;
    // An agent that has no FIFO to open yet may speak first: what it says is for the session that it then has.
    switch (connection_read(&successor->connection)) {
    case CONNECTION_MORE: take_over(session, now_us); break;
    case CONNECTION_WAIT: break;
    case CONNECTION_ENDED: successor_drop(session, NULL); break;
    }
}

void successor_drop(struct session *session, const char *reason) {
    struct candidate *successor = session->successor;
    session->successor = NULL;
    fifo_pair_unlink(&successor->fifos);
    if (successor->request_fd >= 0) (void)close(successor->request_fd);
    successor->request_fd = -1;
    if (reason != NULL) session_refuse(successor, reason);
    else connection_close(&successor->connection);
}
