// What Picket says about itself in the stream: events of kind PICKET, and alerts of its own on any event.
//
// Ownership: everything is borrowed for the call; *encoded borrows buffer. Threading: pure; any thread.
#ifndef PICKET_PICKET_EVENT_H
#define PICKET_PICKET_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/event_encoder.h"

// The head of each: when, and on which platform.
struct picket_event {
    uint64_t created_ns;
    enum platform platform;
    void *buffer;
    size_t capacity;
};

// An alert of Picket's own. Its rule is named `picket-…`, which no rule file may use for a rule.
struct picket_alert {
    const char *rule;
    const char *severity;               // informational, low, medium, high, critical
    const char *message;                // UTF-8
};

struct enforcement_facts {
    const char *state;                  // on, off, observing
    const char *reason;                 // UTF-8
    uint32_t uid;
    uint32_t pid;                       // 0: nobody switched it
};

struct overload_facts {
    uint32_t uid;
    uint64_t denied;
    uint64_t allowed;
    uint64_t from_ns, to_ns;
};

struct mount_facts {
    struct bytes path;
    const char *type;
    uint64_t device;
    bool guarded;
    const char *reason;                 // UTF-8; why it is not guarded
    uint32_t pid;                       // 0: the bridge's own mount namespace
};

// Each writes a whole event, with an alert where one is given. False: it does not fit.
bool event_encode_enforcement(const struct picket_event *event, const struct enforcement_facts *facts,
                              const struct picket_alert *alert, struct encoded_event *encoded);
bool event_encode_overload(const struct picket_event *event, const struct overload_facts *facts,
                           const struct picket_alert *alert, struct encoded_event *encoded);
bool event_encode_mount(const struct picket_event *event, const struct mount_facts *facts,
                        const struct picket_alert *alert, struct encoded_event *encoded);

// Appends an alert to an event that stands in `buffer` already, whoever encoded it. False: it does not fit, and the
// event is as before.
bool event_append_alert(const struct picket_alert *alert, void *buffer, size_t capacity,
                        struct encoded_event *encoded);

// May the agent record this as an event of its own? *action: in static storage.
bool event_is_notice(struct bytes event, const char **action);

#endif
