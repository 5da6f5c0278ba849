// The decoded Policy of an agent: what to guard and subscribe to, which verdicts the bridge gives by itself.
//
// Ownership: policy_decode() allocates one policy with everything in it (on the event thread, never on the auth
// path); it is immutable afterwards and counted: policy_ref() and policy_unref(), the last unref frees it.
// Threading: all other functions only read and may be called from any thread that holds a reference. A backend's
// apply() borrows the policy for the call and takes a reference to keep it.
#ifndef PICKET_POLICY_H
#define PICKET_POLICY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backend.h"

#define POLICY_MAX_ITEMS 65536          // of each repeated field, values of tests in all
#define POLICY_DEFAULT_WAIT_EXEC_US 500000
#define POLICY_DEFAULT_WAIT_US 100000
#define POLICY_MAX_WAIT_US 60000000

enum policy_subject { SUBJECT_FILE_PATH = 1, SUBJECT_PREVIOUS_EXECUTABLE = 2, SUBJECT_PROCESS_EXECUTABLE = 3 };
enum policy_operator { OPERATOR_EQUAL = 1, OPERATOR_PREFIX = 2, OPERATOR_SUFFIX = 3 };

struct policy_test {
    uint32_t subject;
    uint32_t operator;
    const struct bytes *values;         // for OPERATOR_EQUAL sorted by length, then bytes
    size_t values_count;
};

struct static_verdict {
    struct bytes action;
    enum verdict verdict;
    struct bytes rule;
    const struct policy_test *tests;
    size_t tests_count;
    struct bytes annotations;           // encoded Event fields 31 to 36
    bool report;
};

struct subscription {
    uint32_t kind;                      // EVENT_AUTH, EVENT_NOTIFY
    struct bytes action;
    bool environment;                   // with process.env_vars
    uint32_t hashes;                    // HASH_OF_FILE, HASH_OF_PROCESS: with their hashes
};

struct asked_path {
    struct bytes action;
    struct bytes path;
    bool is_prefix;
};

struct action_settings {
    struct bytes action;
    enum verdict default_verdict;
    uint32_t max_wait_us;
    bool cacheable;                     // rules read content alone: the kernel may keep an allow that no rule matched
};

// What to do about filesystems that are mounted later and that the policy does not name.
enum new_mounts { NEW_MOUNTS_REPORT = 1, NEW_MOUNTS_GUARD = 2, NEW_MOUNTS_IGNORE = 3 };

// What a kernel does that has deadlines of its own, where one was missed.
enum deadline_miss { DEADLINE_MISS_KILL = 1, DEADLINE_MISS_ALLOW = 2, DEADLINE_MISS_DENY = 3 };

struct policy {
    atomic_uint references;
    uint64_t epoch;
    bool guard_local;                   // all local filesystems, also those that are mounted later
    enum new_mounts new_mounts;
    enum deadline_miss deadline_miss;
    const struct bytes *guarded_filesystems;
    size_t guarded_filesystems_count;
    const struct subscription *subscriptions;
    size_t subscriptions_count;
    const struct bytes *mutes;          // prefixes of the acting executable
    size_t mutes_count;
    const struct static_verdict *static_verdicts;
    size_t static_verdicts_count;
    const struct action_settings *actions;
    size_t actions_count;
    const struct bytes *never_denied;   // paths
    size_t never_denied_count;
    const struct static_verdict *deny_reach;  // only action and tests count
    size_t deny_reach_count;
    const struct asked_path *asked_paths;
    size_t asked_paths_count;
};

// Decodes a Policy message. NULL with a sentence in `error` where it is malformed or out of bounds.
struct policy *policy_decode(struct bytes message, char *error, size_t error_size);
struct policy *policy_ref(const struct policy *policy);     // NULL passes; only the count ever changes
void policy_unref(struct policy *policy);                   // NULL passes

// Is an event of this kind and action wanted? NULL policy: nothing is.
bool policy_subscribes(const struct policy *policy, uint32_t kind, const char *action);

// Is its process's environment wanted, too?
bool policy_wants_environment(const struct policy *policy, uint32_t kind, const char *action);

// Whose hashes do rules read of such events: HASH_OF_FILE, HASH_OF_PROCESS?
uint32_t policy_hashes(const struct policy *policy, uint32_t kind, const char *action);

// Are notify events of this actor not to be sent? Never to be asked for auth events.
bool policy_mutes(const struct policy *policy, struct bytes executable);

// The static verdict that answers the event, or NULL. A test on a path that is unresolved may hold: that is enough
// for a deny, and not for an allow.
const struct static_verdict *policy_static_verdict(const struct policy *policy, const struct auth_subject *subject);

// Could a deny rule of the agent still reach the event? Without any deny_reach for its action: yes, whatever it is.
bool policy_deny_could_reach(const struct policy *policy, const struct auth_subject *subject);

// Could a question of the action be about a file below the folder (a mount point)? Without any path for the action: yes.
bool policy_asks_below(const struct policy *policy, const char *action, struct bytes folder);

// The action's answer when nobody answers, and how long to wait. Defaults where the policy is NULL or silent.
struct action_settings policy_action_settings(const struct policy *policy, const char *action);

#endif
