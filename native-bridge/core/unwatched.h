// The intervals in which nobody watched, for the record: each is an event, and its beginning stays in the vigil until an
// agent has accepted that event. So a bridge that dies before, or dies twice, loses none: the next one tells of all the
// time since, for what its predecessor saw meanwhile was lost with it.
//
// Threading: the event thread (and the first thread, before there are others).
#ifndef PICKET_UNWATCHED_H
#define PICKET_UNWATCHED_H

#include <stdint.h>

#include "core/vigil.h"

// Nobody watches from `since_ns` on. What has begun already and is not accepted keeps its beginning.
void unwatched_begin(enum unwatched_by by, uint64_t since_ns);
// The interval is over, and the event with this number tells of it. 0: there was nothing to tell.
void unwatched_told(enum unwatched_by by, uint64_t sequence);
void unwatched_accepted(uint64_t through);
// The earliest beginning that no agent has accepted yet; 0: none.
uint64_t unwatched_since(enum unwatched_by by);

#endif
