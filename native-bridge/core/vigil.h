// The vigil: a page that the bridge shares with its watchdog and that outlives each bridge. Every thread on which
// somebody waits has a seat there and beats at each turn of its loop; the watchdog, who looks on from outside, ends a
// bridge in which a seat has gone silent. It also keeps what the next bridge must know of the one before.
//
// Without a watchdog (replay, tests) the page is the process's own, and nobody looks.
//
// Threading: a seat is written by its thread alone; all else is atomic, or written while there is no bridge.
#ifndef PICKET_VIGIL_H
#define PICKET_VIGIL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// A loop with nothing to do beats as often as this all the same.
#define VIGIL_TURN_MS 500

enum vigil_seat_name {
    VIGIL_PERMISSIONS,      // reads the kernel's questions
    VIGIL_STACKED,          // those about files of an overlay
    VIGIL_GUARD,            // answers at the end of a budget
    VIGIL_LANE,             // reads the agent's verdicts
    VIGIL_EVENTS,           // talks to the agent
    VIGIL_NOTIFICATIONS,    // reads what nobody waits for
    VIGIL_LEASES,           // lets those go on who want to write
    VIGIL_SEATS,
};

struct vigil_seat {
    _Atomic uint32_t beats;
    _Atomic int32_t thread;             // 0: the seat is free, and silence means nothing
};

enum unwatched_by { UNWATCHED_BRIDGE, UNWATCHED_AGENT, UNWATCHED_BY };

struct vigil {
    struct vigil_seat seats[VIGIL_SEATS];
    atomic_bool ready;                  // it serves: an end before that is a start that failed
    atomic_bool let_go;                 // a dying bridge has closed the permission group, and all else that it holds
    // From when nobody watched, as far as no agent has accepted the event that tells so; 0: all is told.
    _Atomic uint64_t unwatched_since_ns[UNWATCHED_BY];
    // Written by the watchdog between two bridges.
    uint32_t start;                     // 1 for the first
    uint32_t waited_ms;
    char reason[192];                   // why the bridge before ended
};

// 0 where it can't be had. For the process's whole life.
struct vigil *vigil_make(void);
// Of this process from here on.
void vigil_use(struct vigil *vigil);
struct vigil *vigil(void);

// The calling thread takes its seat, beats, leaves it. It beats at each thing that it has done, not at each turn alone:
// under load a turn is long, and slow is not hung.
void vigil_sit(enum vigil_seat_name seat);
void vigil_beat(enum vigil_seat_name seat);
void vigil_leave(enum vigil_seat_name seat);

#endif
