#include "core/unwatched.h"

static struct {
    uint64_t told;          // number of the last event of this kind that is not accepted; 0: none
    uint64_t again_ns;      // began after that event; 0: did not
} intervals[UNWATCHED_BY];

void unwatched_begin(enum unwatched_by by, uint64_t since_ns) {
    _Atomic uint64_t *since = &vigil()->unwatched_since_ns[by];
    if (atomic_load(since) == 0) atomic_store(since, since_ns);
    else if (intervals[by].told != 0 && intervals[by].again_ns == 0) intervals[by].again_ns = since_ns;
}

void unwatched_told(enum unwatched_by by, uint64_t sequence) {
    intervals[by].again_ns = 0;
    if (sequence != 0) intervals[by].told = sequence;
    else if (intervals[by].told == 0) atomic_store(&vigil()->unwatched_since_ns[by], 0);
}

void unwatched_accepted(uint64_t through) {
    for (int by = 0; by < UNWATCHED_BY; by++) {
        if (intervals[by].told == 0 || intervals[by].told > through) continue;
        atomic_store(&vigil()->unwatched_since_ns[by], intervals[by].again_ns);
        intervals[by].told = intervals[by].again_ns = 0;
    }
}

uint64_t unwatched_since(enum unwatched_by by) {
    return atomic_load(&vigil()->unwatched_since_ns[by]);
}
