#include "core/session.h"

// Who gets one of the few places of those that are yet to say Hello. An agent says it at once; whoever waits for nothing
// makes room, and a process that was seen to do so makes room at once and for a while takes only what nobody else wants.

static bool is_idler(const struct session *session, uint32_t pid, int64_t now_us) {
    for (int i = 0; i < SESSION_IDLERS; i++)
        if (session->idlers[i].pid == pid && now_us < session->idlers[i].until_us) return true;
    return false;
}

void places_wasted(struct session *session, const struct candidate *candidate, int64_t now_us) {
    if (is_idler(session, candidate->peer.pid, now_us)) return;
    session->idlers[session->next_idler] = (struct idler){candidate->peer.pid, now_us + SESSION_HELLO_WITHIN_US};
    session->next_idler = (session->next_idler + 1) % SESSION_IDLERS;
}

// An idler's place, or that of the one who has waited longest past its grace. NULL: everybody has only just come.
static struct candidate *place_to_clear(struct session *session, int64_t now_us) {
    struct candidate *oldest = NULL;
    for (int i = 0; i < SESSION_CANDIDATES; i++) {
        struct candidate *candidate = &session->candidates[i];
        if (candidate == session->successor) continue;
        if (is_idler(session, candidate->peer.pid, now_us)) return candidate;
        if (oldest == NULL || candidate->since_us < oldest->since_us) oldest = candidate;
    }
    return oldest != NULL && now_us - oldest->since_us >= SESSION_HELLO_GRACE_US ? oldest : NULL;
}

struct candidate *places_for(struct session *session, const struct peer *peer, int64_t now_us) {
    struct candidate *free_place = NULL;
    int own = 0;
    for (int i = 0; i < SESSION_CANDIDATES; i++) {
        struct candidate *candidate = &session->candidates[i];
        if (candidate->connection.fd < 0) free_place = free_place == NULL ? candidate : free_place;
        else if (candidate != session->successor && candidate->peer.pid == peer->pid) own++;
    }
    if (own == SESSION_CANDIDATES_OF_A_PROCESS) return NULL;
    if (free_place != NULL || is_idler(session, peer->pid, now_us)) return free_place;
    struct candidate *place = place_to_clear(session, now_us);
    if (place == NULL) return NULL;
    places_wasted(session, place, now_us);
    session_refuse(place, "it said no Hello, and others want to");
    return place;
}
