// What the replay backend has to know of a recorded event: enough to play it as the kernel would have.
// Pure. Ownership: slices of the event.
#ifndef PICKET_EVENT_VIEW_H
#define PICKET_EVENT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backend.h"

struct event_view {
    uint64_t created_ns;
    uint32_t kind;
    struct bytes action;
    struct bytes file_path;
    bool file_path_unresolved;
    struct bytes executable;            // the acting image, see auth_subject
    bool executable_unresolved;
    uint32_t uid;
    uint32_t pid;
};

// False: not an event (malformed, or without kind or action).
bool event_view_read(struct bytes event, struct event_view *view);

// Copies the event without what a bridge or an agent added to it (its number, fields 30 to 36): they give their own.
// 0: it does not fit.
size_t event_view_strip(struct bytes event, uint8_t *out, size_t capacity);

#endif
