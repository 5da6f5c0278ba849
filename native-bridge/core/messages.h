// The messages of bridge.proto as plain structs: decoding of what the agent says, encoding of what the bridge says.
// Pure. Ownership: decoded structs hold slices of the message; encoders write into the caller's writer.
#ifndef PICKET_MESSAGES_H
#define PICKET_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backend.h"
#include "core/event_encoder.h"
#include "core/loss.h"
#include "core/queue.h"
#include "core/statistics.h"
#include "core/wire.h"

#define PROTOCOL_VERSION 1

struct hello {
    uint32_t protocol;
    struct bytes agent;             // valid UTF-8
    struct bytes version;
    struct bytes bridge_instance;
    uint64_t accepted_through;
};

struct credit {
    uint32_t events;
    uint64_t accepted_through;
};

enum control_command { CONTROL_STATUS = 1, CONTROL_OFF = 2, CONTROL_ON = 3 };

struct control {
    enum control_command command;
    struct bytes reason;            // valid UTF-8
};

struct auth_verdict {
    uint64_t id;
    uint64_t epoch;
    enum verdict verdict;
    bool cacheable;
    struct bytes rule;              // valid UTF-8
    struct bytes annotations;       // whole Event fields 31 to 36, or empty
    bool report;
    bool annotated;
    uint32_t lane_us;               // as the agent says
    uint32_t hashes;                // VERDICT_DEFER: asked for; 0: for the slow lane
    bool failed;                    // there is none: the default is to be given
};

enum agent_message_kind {
    AGENT_MESSAGE_UNKNOWN,          // a member of the oneof that this bridge does not know: skipped
    AGENT_MESSAGE_HELLO,
    AGENT_MESSAGE_POLICY,           // still encoded: policy_decode() reads it
    AGENT_MESSAGE_CREDIT,
    AGENT_MESSAGE_AUTH_VERDICT,
    AGENT_MESSAGE_SWITCHED,
    AGENT_MESSAGE_PONG,
    AGENT_MESSAGE_CONTROL,
    AGENT_MESSAGE_GOODBYE,
    AGENT_MESSAGE_NOTICE,
};

struct pong {
    uint64_t number;
    uint32_t thread_id;             // of the thread that answers; 0: it does not say
};

struct agent_message {
    enum agent_message_kind kind;
    union {
        struct hello hello;
        struct bytes policy;
        struct credit credit;
        struct auth_verdict verdict;
        uint64_t epoch;             // Switched
        struct pong pong;
        struct control control;
        struct bytes reason;        // Goodbye; valid UTF-8
        struct bytes event;         // Notice: an encoded Event
    };
};

// False: malformed, the connection is of no use any more.
bool message_decode_to_bridge(struct bytes frame, struct agent_message *message);       // the socket
bool message_decode_lane_to_bridge(struct bytes frame, struct agent_message *message);  // the FIFO

// Are these only whole fields that Picket appends to events (31 to 36)?
bool message_annotations_valid(struct bytes annotations);
bool message_is_utf8(struct bytes text);

struct auth_request_facts {
    uint64_t id;
    uint64_t epoch;
    uint32_t budget_us;
    struct bytes event;
};

// Each writes one whole frame, header included: on the FIFO ...
void message_lane_request(struct wire_writer *writer, const struct auth_request_facts *request);
void message_lane_switch(struct wire_writer *writer, uint64_t epoch);
void message_lane_ping(struct wire_writer *writer, uint64_t number);
// ... and on the socket.
struct welcome {
    const char *backend;
    const char *const *capabilities;
    const char *bridge_instance;
    uint64_t generation;
    const char *request_fifo;
    const char *verdict_fifo;
    uint64_t next_sequence;
    enum platform platform;
    const struct host *host;
};
void message_welcome(struct wire_writer *writer, const struct welcome *welcome);
void message_refused(struct wire_writer *writer, const char *reason);
void message_slow_request(struct wire_writer *writer, const struct auth_request_facts *request);
void message_policy_applied(struct wire_writer *writer, uint64_t epoch, struct bytes unguarded, const char *error);
// `unguarded` of policy_applied: encoded fields, one by one. Of a sentence that is no UTF-8 only the ASCII is told.
void message_unguarded(struct wire_writer *writer, const char *sentence);

struct bridge_figures {
    const struct statistics *statistics;
    uint32_t pending;
    uint32_t queued_events;
    uint64_t events;
    uint64_t dropped_events;
    bool breaker_open;
    uint64_t breaker_opened;
    int64_t longest_answer_us;
    const char *enforcement;
    struct hash_figures {
        uint64_t computed, remembered, unstable, absent, late;
    } hashes;
};
void message_statistics(struct wire_writer *writer, const struct bridge_figures *figures);

// Events: begin, any number of queued events and losses, end.
struct events_frame {
    size_t frame, events;
};
struct events_frame message_events_begin(struct wire_writer *writer);
void message_events_first(struct wire_writer *writer, uint64_t first_sequence);
void message_events_event(struct wire_writer *writer, const struct queue *queue, const struct queue_entry *entry);
void message_events_loss(struct wire_writer *writer, const struct loss *loss);
void message_events_end(struct wire_writer *writer, const struct events_frame *frame, bool end_of_source);

// What `picket off`, `on` and `doctor` are told. `filesystems`: whole fields, made by the two below as above.
struct control_reply {
    const char *state;              // on, off, observing
    const char *reason;
    uint64_t since_ns;
    const char *error;              // empty: none
    const char *agent;              // empty: none is connected
    uint64_t generation;
    uint64_t epoch;
    struct bytes filesystems;
    const char *note;               // empty: none
    const struct bridge_figures *figures;   // NULL: not told
};
void message_control_reply(struct wire_writer *writer, const struct control_reply *reply);
void message_control_guarded(struct wire_writer *writer, const char *sentence);
void message_control_unguarded(struct wire_writer *writer, const char *sentence);

// What an audit appends to its event.
struct auth_outcome {
    enum verdict verdict;
    enum answer_level level;
    struct bytes rule;
    uint64_t epoch;
    uint32_t budget_us;
    int64_t answered_us;
    int64_t bridge_us, queue_us, lane_us;
    uint64_t request_id;
    bool annotated;
};
void message_auth_outcome(struct wire_writer *writer, const struct auth_outcome *outcome);
// Appended as well where the rule's verdict was not given.
void message_shadow(struct wire_writer *writer, struct bytes rule, enum verdict verdict);

#endif
