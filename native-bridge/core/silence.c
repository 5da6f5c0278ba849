#include "core/silence.h"

#include <string.h>

// How long a seat may be silent. For the first three, everybody waits. The guard answers in place of a reader of verdicts
// and of an event thread that hang, and the latter may wait for a disk when a policy names filesystems. The reader of
// notifications may wait for another process's memory, for as long as that one's owner likes: to end the bridge for it
// would hand every user a way to make it look away. What is missed meanwhile is told as lost. For the keeper of leases those
// wait who want to write to a file that is remembered.
static const struct {
    const char *name;
    int32_t may_be_silent_ms;       // 0: for ever
} seats[VIGIL_SEATS] = {
    [VIGIL_PERMISSIONS] = {"the reader of permission events", 2000},
    [VIGIL_STACKED] = {"the reader of permission events of overlays", 2000},
    [VIGIL_GUARD] = {"the deadline guard", 2000},
    [VIGIL_LANE] = {"the reader of verdicts", 10000},
    [VIGIL_EVENTS] = {"the event thread", 10000},
    [VIGIL_NOTIFICATIONS] = {"the reader of notifications", 0},
    [VIGIL_LEASES] = {"the keeper of leases", 5000},
};

void silence_init(struct silence *silence, int64_t now_us) {
    memset(silence, 0, sizeof *silence);
    silence->looked_us = now_us;
}

int silence_look(struct silence *silence, const struct vigil *vigil, int64_t now_us, uint64_t now_ns) {
    int64_t passed_ms = (now_us - silence->looked_us) / 1000;
    int32_t counted_ms = passed_ms < SILENCE_COUNTED_MS ? (int32_t)passed_ms : SILENCE_COUNTED_MS;
    int found = -1;
    silence->looked_us = now_us;
    for (int seat = 0; seat < VIGIL_SEATS; seat++) {
        struct silence_of *of = &silence->seats[seat];
        bool is_taken = atomic_load(&vigil->seats[seat].thread) != 0;
        uint32_t beats = atomic_load(&vigil->seats[seat].beats);
        if (is_taken && beats == of->beats && of->moved_ns != 0)
            of->silent_ms += counted_ms;
        else
            *of = (struct silence_of){.beats = beats, .moved_ns = now_ns};
        if (seats[seat].may_be_silent_ms > 0 && of->silent_ms >= seats[seat].may_be_silent_ms) found = seat;
    }
    return found;
}

uint64_t silence_watched_until(const struct silence *silence, uint64_t now_ns) {
    uint64_t until_ns = now_ns;
    for (int seat = VIGIL_PERMISSIONS; seat <= VIGIL_GUARD; seat++) {
        const struct silence_of *of = &silence->seats[seat];
        // Less is the rest of a turn, and one look too early.
        if (of->silent_ms > VIGIL_TURN_MS + SILENCE_COUNTED_MS && of->moved_ns < until_ns) until_ns = of->moved_ns;
    }
    return until_ns;
}

const char *silence_seat_name(int seat) {
    return seats[seat].name;
}
