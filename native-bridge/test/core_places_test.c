// The places of those that are yet to say Hello: whoever wastes one makes room.
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/session.h"
#include "test/core_check.h"

enum { HOSTILE = 100, GRACE_US = SESSION_HELLO_GRACE_US, SECOND_US = 1000000 };

static struct session session;

static void empty(void) {
    for (int i = 0; i < SESSION_CANDIDATES; i++)
        if (session.candidates[i].connection.fd > 0) (void)close(session.candidates[i].connection.fd);
    memset(&session, 0, sizeof session);
    for (int i = 0; i < SESSION_CANDIDATES; i++)
        session.candidates[i].connection.fd = session.candidates[i].peer.process = -1;
}

// Connects at this time. NULL: turned away.
static struct candidate *come(uint32_t pid, int64_t now_us) {
    struct peer peer = {.uid = 1000, .pid = pid, .process = -1};
    struct candidate *place = places_for(&session, &peer, now_us);
    if (place == NULL) return NULL;
    CHECK(place->connection.fd < 0);
    place->connection.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    place->peer = peer;
    place->since_us = now_us;
    return place;
}

// Every place by processes that say nothing: 100, 101, ...
static void fill(int64_t now_us) {
    for (int i = 0; i < SESSION_CANDIDATES; i++)
        CHECK(come(HOSTILE + (uint32_t)i / SESSION_CANDIDATES_OF_A_PROCESS, now_us) != NULL);
}

static void few_for_one(void) {
    empty();
    for (int i = 0; i < SESSION_CANDIDATES_OF_A_PROCESS; i++) CHECK(come(HOSTILE, 0) != NULL);
    CHECK(come(HOSTILE, 4 * SECOND_US) == NULL);
    CHECK(come(1, 0) != NULL);
    holds("one process gets few places, however long it waits");
}

static void grace(void) {
    empty();
    fill(0);
    CHECK(come(1, GRACE_US - 1) == NULL);
    CHECK(come(1, GRACE_US) != NULL);
    holds("who has said nothing within the grace makes room, and nobody before");
}

static void idlers(void) {
    empty();
    fill(0);
    struct candidate *own = come(1, GRACE_US);
    CHECK(own != NULL);
    // The first process is known by now: its other place is cleared for whoever comes, also without grace.
    CHECK(come(2, GRACE_US) != NULL);
    // It has none now and takes none from others, not from those either who have waited long; 3 does, and not from 1.
    CHECK(come(HOSTILE, 2 * GRACE_US - 1) == NULL);
    CHECK(come(3, 2 * GRACE_US - 1) != NULL);
    CHECK(own->connection.fd >= 0 && own->peer.pid == 1);
    holds("a process that wasted a place is cleared first and clears nobody");
}

static void known(void) {
    empty();
    places_wasted(&session, &(struct candidate){.peer.pid = HOSTILE}, 0);
    struct candidate *wasted = come(HOSTILE, 0);
    CHECK(wasted != NULL);
    for (uint32_t pid = 1; pid < SESSION_CANDIDATES; pid++) CHECK(come(pid, 0) != NULL);
    CHECK(come(SESSION_CANDIDATES, 0) == wasted);
    CHECK(come(SESSION_CANDIDATES + 1, 0) == NULL);
    holds("its next place is free to take, and it makes room for others without grace");
}

static void forgotten(void) {
    empty();
    fill(0);
    CHECK(come(1, GRACE_US) != NULL);
    int64_t later_us = GRACE_US + SESSION_HELLO_WITHIN_US;
    for (int i = 0; i < SESSION_CANDIDATES; i++)
        if (session.candidates[i].peer.pid == HOSTILE) session_close_candidate(&session.candidates[i]);
    CHECK(come(4, later_us - 2 * GRACE_US) != NULL);
    CHECK(come(HOSTILE, later_us - 1) == NULL);
    CHECK(come(HOSTILE, later_us) != NULL);
    holds("that is forgotten after a while, for a pid is soon another's");
}

static void successor(void) {
    empty();
    fill(0);
    session.successor = &session.candidates[0];
    session.candidates[0].since_us = -SECOND_US;
    for (uint32_t pid = 1; pid < 20; pid++) (void)come(pid, GRACE_US + pid);
    CHECK(session.candidates[0].connection.fd >= 0 && session.candidates[0].peer.pid == HOSTILE);
    holds("a successor keeps its place");
}

int main(void) {
    log_init();
    few_for_one();
    grace();
    idlers();
    known();
    forgotten();
    successor();
    return 0;
}
