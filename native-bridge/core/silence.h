// The watchdog's look at the vigil: which seat has been silent for too long, and until when the bridge certainly
// watched. Pure: it is given the time.
//
// Threading: none; the watchdog's own.
#ifndef PICKET_SILENCE_H
#define PICKET_SILENCE_H

#include <stdint.h>

#include "core/vigil.h"

#define SILENCE_LOOK_MS 100         // how often to look
// What passed between two looks counts for no more than this. A bridge that was late because nothing ran at all (a
// stopped machine, a stopped session) must not die for it.
#define SILENCE_COUNTED_MS 200

struct silence {
    struct silence_of {
        uint32_t beats;
        int32_t silent_ms;
        uint64_t moved_ns;          // when it was last seen to move, in the time that events carry
    } seats[VIGIL_SEATS];
    int64_t looked_us;
};

void silence_init(struct silence *silence, int64_t now_us);
// The seat that has been silent for longer than it may; -1: none has.
int silence_look(struct silence *silence, const struct vigil *vigil, int64_t now_us, uint64_t now_ns);
// A bridge that has just ended: when it last answered, as far as that can be told.
uint64_t silence_watched_until(const struct silence *silence, uint64_t now_ns);
const char *silence_seat_name(int seat);

#endif
