// The requests that wait for a verdict: a fixed number of slots, made at start. A request is answered by whoever wins
// pending_claim(); all others lose, for ever.
//
// Who may have how many is counted by account (see backend.h). Each has a bound of its own; root's share is never
// anybody else's; and the last of the others' share is kept for those who have few, so that a handful of accounts that
// ask as much as they may never leave a stranger without a slot.
//
// Ownership: a slot is in use while somebody holds a reference. pending_admit() gives two: one for whoever will claim
// the request, one for the caller. pending_find() and the iterators give one. The event's bytes are the slot's own.
// Threading: all functions may be called from any thread; none blocks but for a short mutex. Fields of a request may
// be read by whoever holds a reference; those marked (lane) and (hashing) are guarded by the mutexes of those.
#ifndef PICKET_PENDING_H
#define PICKET_PENDING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backend.h"
#include "core/event_encoder.h"

#define PENDING_ID_BATCH 32         // getentropy gives at most 256 bytes at a time
#define PENDING_MORE (2 * EVENT_HASHES_SIZE)    // room for what is appended to an event
#define PENDING_LATE_IDS 4096       // how many answered requests are remembered to tell a late verdict from a wrong one

// SLOW_HASHED: the agent has asked for hashes; it is asked again with them.
enum slow_state { SLOW_NO, SLOW_WANTED, SLOW_SENT, SLOW_HASHED };
enum hashing_state { HASHING_NOT, HASHING_WANTED, HASHING_RUNS };

struct request {
    _Atomic uint64_t claim;         // the id while unanswered, else 0
    _Atomic int64_t deadline_us;    // monotonic; INT64_MAX while not open
    _Atomic int64_t press_us;       // when the guard looks after it; INT64_MAX: not
    atomic_int slow;                // enum slow_state
    _Atomic uint64_t epoch;         // of the policy by which the agent was asked last; 0: not asked
    uint64_t id;
    uint64_t order;                 // of arrival
    uint64_t token;                 // the backend's
    const char *action;
    uint64_t account;
    uint32_t uid;                   // 0: spared when too many ask
    uint32_t budget_us;
    int64_t read_us;                // when the backend had it
    int64_t arrived_us;             // from when its budget runs
    _Atomic int64_t handed_us;      // to the agent, the last time; 0: not yet
    enum verdict default_verdict;
    bool deny_in_reach;             // a deny rule could still reach it
    bool has_deadline;              // the kernel's own, which no patience moves
    bool sent;                      // (lane) written to the FIFO of the present generation
    unsigned asked_again;           // (lane) times
    uint32_t pid;                   // the actor's
    enum hashing_state hashing;     // (hashing), with both of these
    unsigned hashes_wanted;
    unsigned hashes_given;
    uint8_t *event;
    atomic_size_t event_length;     // grows by the hashes, behind what is there

    // pending.c's own, under its mutex
    uint32_t references;
    int large;                      // index of a large buffer, or -1
    uint8_t *own_event;
};

struct pending {
    pthread_mutex_t mutex;
    struct request *slots;
    size_t slots_count;
    size_t per_user;
    size_t slot_bytes;
    uint8_t **large;
    bool *large_used;
    size_t large_count;
    size_t large_bytes;
    size_t in_use;
    uint64_t order;
    uint64_t ids[PENDING_ID_BATCH];
    size_t ids_left;
    _Atomic uint64_t late[PENDING_LATE_IDS];
    atomic_size_t late_next;
    uint8_t *memory;
};

struct pending_limits {
    size_t slots;           // in all
    size_t per_user;
    size_t slot_bytes;      // an event up to this size needs nothing but its slot
    size_t large_count;     // buffers for larger events
    size_t large_bytes;
};

// 64 or 4 a core, whichever is more, for a user; four times that in all.
struct pending_limits pending_limits_for(size_t cores);

// 0, or -1 when memory is short. Touches all of its memory, so that the auth path takes no page fault.
int pending_init(struct pending *pending, const struct pending_limits *limits);
void pending_free(struct pending *pending);

// A slot with a copy of the event, or NULL beyond a bound; account 0 is root's. The caller fills in the rest and calls
// pending_open(), or gives it up with two calls of pending_release().
struct request *pending_admit(struct pending *pending, uint64_t account, struct bytes event);
// From here on the request can be found, claimed and expire.
void pending_open(struct request *request, int64_t press_us, int64_t deadline_us);

// Changes its times, where it is unanswered still. For whoever holds a reference.
void pending_press_again(struct request *request, int64_t press_us);
void pending_extend(struct request *request, int64_t press_us, int64_t deadline_us);

// True for exactly one caller. The winner answers and then calls pending_release() for the claim's reference.
bool pending_claim(struct request *request, uint64_t id);
void pending_release(struct pending *pending, struct request *request);

struct request *pending_find(struct pending *pending, uint64_t id);
// An unanswered request whose deadline is past, or NULL.
struct request *pending_expired(struct pending *pending, int64_t now_us);
// An unanswered request that is to be looked after, or NULL; given once for each time.
struct request *pending_pressing(struct pending *pending, int64_t now_us);
int64_t pending_earliest(const struct pending *pending);   // of both; INT64_MAX: none
// All unanswered requests in order of arrival; at most `capacity`.
size_t pending_all(struct pending *pending, struct request **out, size_t capacity);
size_t pending_count(struct pending *pending);
// The lane's, under its mutex. How many unanswered requests of the account the agent has before it on the fast lane; and
// the oldest that it has not, or NULL.
size_t pending_with_agent(struct pending *pending, uint64_t account);
struct request *pending_next_unsent(struct pending *pending, uint64_t account);

// The hashing's, under its mutex: an unanswered request that waits for hashes, of another account than `last` where there is
// one, and the oldest of those; or NULL. And how many of an account wait for hashes, or for one that is being computed.
struct request *pending_next_unhashed(struct pending *pending, uint64_t last);
size_t pending_unhashed(struct pending *pending, uint64_t account);
// For whoever computed them, and nobody else at the same time: appends encoded fields to its event.
void pending_append(struct request *request, struct bytes fields);

// The request was answered by something else than a verdict: one that still comes is late.
void pending_note_answered(struct pending *pending, uint64_t id);
bool pending_was_answered(const struct pending *pending, uint64_t id);

#endif
