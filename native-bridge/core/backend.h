// The border between the portable core and what sees events: linux/, replay/, macos/.
//
// Ownership: a backend owns its descriptors and tokens; the core owns every request from core_auth() until it has
// called respond() for it, which happens exactly once. All memory passed across is borrowed for the call.
// Threading: core_auth(), core_notify() and core_loss() may be called from any backend thread. respond() may be
// called from any thread of the core, inside core_auth() too, and must not block. apply() is called on the event
// thread, one policy at a time.
#ifndef PICKET_BACKEND_H
#define PICKET_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct core;
struct policy;

struct bytes {
    const uint8_t *data;
    size_t length;
};

// Whose content is hashed: bits of picket.v1.Subscription.hashes.
enum hash_of { HASH_OF_FILE = 1, HASH_OF_PROCESS = 2 };

// picket.v1.HashState.
enum hash_state {
    HASH_UNSPECIFIED = 0, HASH_PENDING = 1, HASH_KNOWN = 2, HASH_TOO_LARGE = 3, HASH_UNLISTED_FILESYSTEM = 4,
    HASH_UNREADABLE = 5,
};
enum { HASH_BYTES = 32 };

struct content_hash {
    enum hash_state state;
    bool unstable;              // it may be of no content that the file ever had: used for the one answer
    bool remembered;            // it was not computed for this
    uint8_t sha256[HASH_BYTES]; // HASH_KNOWN
};

struct content_hashes {
    struct content_hash file, process;  // HASH_UNSPECIFIED: not asked for
    bool is_one;                        // the process is the file: its hash is the file's
};

// What to hash, for a request that was given to core_auth().
struct hash_order {
    const char *action;
    uint64_t token;
    uint32_t pid;               // the actor's
    unsigned wanted;            // HASH_OF_FILE, HASH_OF_PROCESS
    // Does somebody still wait for it? Is the bridge about to end? Both are to be asked again and again.
    bool (*is_waited_for)(void *context);
    bool (*is_ending)(void *context);
    void *context;
};

// What it is read from: descriptors of the backend's own; -1: none.
struct hash_sources {
    int file, process, mounts;
};

enum verdict { VERDICT_ALLOW = 1, VERDICT_DENY = 2, VERDICT_DEFER = 3 };

// What static verdicts, bounds and exemptions look at. Borrowed for the call of core_auth().
struct auth_subject {
    const char *action;         // "exec", "open", ...: static storage
    struct bytes file_path;
    bool file_path_unresolved;
    struct bytes executable;          // the acting image: for auth.open process.executable, for auth.exec the
                                      // image that calls exec (process.previous.executable)
    bool executable_unresolved;
    uint32_t uid;               // who answers for the actor: its real user, or the effective one of a daemon of root's
    uint64_t account;           // whose requests are counted together; 0: the uid's. One person may have many uids
                                // (the subordinate ones of a user namespace), and still has one account
    uint32_t pid;
    bool actor_exempt;          // the bridge, the connected agent, PID 1: answered allow at once, never sent
    bool target_never_denied;   // a listed file: answered allow at once, never sent
    int64_t read_us;            // monotonic: when the backend had it; 0: just now
    int64_t remaining_us;       // until the kernel's own deadline; negative: none (Linux)
};

// An event already encoded as picket.v1.Event (without sequence).
struct encoded_event {
    const uint8_t *data;
    size_t length;
    uint32_t kind;              // picket_v1_EventKind
    const char *action;         // static storage
};

// An authorization event as somebody may read it: whoever waits pays for what is made of it, so it is made only where
// somebody does. Both are called at most once, on core_auth()'s thread and before it returns.
struct auth_event {
    void *context;
    // Before the answer: what can be learnt only while the actor waits. NULL: nothing.
    void (*gather)(void *context);
    // After gather(), and after the answer where that needs nothing of it. What it gives is borrowed until core_auth()
    // returns.
    struct encoded_event (*encode)(void *context);
};

struct backend {
    const char *name;           // "linux", "replay", "macos"
    const char *const *capabilities;  // NULL-terminated
    void *state;
    // Starts the processes that the backend needs, before start() and anything else: later nothing may fork. NULL: none.
    void (*prepare)(void *state);
    // Starts the backend's threads. 0 or -1 with a sentence for a person in `error`.
    int (*start)(void *state, struct core *core, char *error, size_t error_size);
    // Makes the policy's marks and subscriptions true. What cannot be guarded is told through `unguarded`, once for
    // each. 0, or -1 with a sentence in `error`: then nothing has changed.
    int (*apply)(void *state, const struct policy *policy,
                 void (*unguarded)(void *context, const char *sentence), void *context,
                 char *error, size_t error_size);
    // Tells the kernel. Called once for each token; never blocks.
    void (*respond)(void *state, uint64_t token, enum verdict verdict);
    // The verdict on the question is allow, by rules of this epoch, and would be for everybody while the file's content is
    // what it was: the kernel need not ask again, if the backend can hold it to that. Called right before respond(), and as
    // that. NULL: there is no such cache.
    void (*remember)(void *state, uint64_t token, uint64_t epoch);
    // Is the kernel to ask at all? False: no permission mark is left when this returns, whatever another thread of the
    // backend is about to do; true: those of the policy in force are back, and what the kernel refuses is told. Event
    // thread, and before start(). NULL: there are no marks.
    void (*ask)(void *state, bool wanted, void (*unguarded)(void *context, const char *sentence), void *context);
    // Tells what is guarded now, a sentence each, and what is not and why. NULL: the backend has nothing to guard. Any
    // thread; may wait for apply().
    void (*describe)(void *state, void (*guarded)(void *context, const char *sentence),
                     void (*unguarded)(void *context, const char *sentence), void *context);
    // Opens what is to be read. Never waits. The token may have been answered meanwhile, and then mean something else: the
    // core looks afterwards. NULL: this backend hashes nothing.
    void (*hash_open)(void *state, const struct hash_order *order, struct hash_sources *sources);
    // Hashes it, on a thread that may wait for a disk, and closes it; `found` NULL: only closes it.
    void (*hash)(void *state, const struct hash_order *order, struct hash_sources *sources,
                 struct content_hashes *found);
    // The connected agent's process, for exemptions; 0 when it has gone.
    void (*set_agent)(void *state, uint32_t pid);
    // Lets the kernel go first of all (closes the permission group), then stops the threads. Idempotent. Async-signal
    // safe up to the closing of the group, so that handlers of fatal signals may call release().
    void (*release)(void *state);
    void (*stop)(void *state);
};

// An authorization event. The core answers through backend.respond(state, token, ...) exactly once: before it
// returns (static verdict, exemption, no agent, breaker, overload) or later (agent, guard).
void core_auth(struct core *core, const struct auth_subject *subject, const struct auth_event *event, uint64_t token);

// How many requests of one account may be pending; and for a backend that keeps more of them waiting than that: its
// account floods. What a deny rule could reach is then not given to it by default (see core.c).
uint32_t core_account_bound(const struct core *core);
void core_crowd(struct core *core, uint64_t account);

// From within respond(): the kernel has nobody waiting for this answer any more.
void core_unheard(struct core *core);

// What a backend found out of a hash by itself, for the count.
void core_hashed(struct core *core, const struct content_hash *hash);

// A notify event: queued within its bound for the agent, or counted as lost.
void core_notify(struct core *core, const struct encoded_event *event);

// Events that nobody will see: sequence gaps, kernel queue overflow. `count` 0: unknown, at least one.
void core_loss(struct core *core, const char *cause, uint32_t kind, const char *action, uint64_t count);

// Processes whose container was looked for since the start, by what came of it.
struct container_counts {
    uint64_t found, none, gone, unreadable;
};
void core_containers(struct core *core, const struct container_counts *counts);

// Is the queue less than half full? For a source that can wait (replay as fast as it can); a kernel can't.
bool core_has_room(struct core *core);

// A backend whose source has ended (replay): sends end_of_source once all events before it are sent.
void core_end_of_source(struct core *core);

#endif
