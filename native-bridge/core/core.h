// The core: everything between a backend and the agent, in one object. core.c takes events in and answers them;
// session.c talks to the agent; guard.c watches the budgets.
//
// Threading: see each part. The core itself is made before the backend starts and lives until the process ends.
#ifndef PICKET_CORE_H
#define PICKET_CORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/audit_meter.h"
#include "core/backend.h"
#include "core/enforcement.h"
#include "core/event_encoder.h"
#include "core/guard.h"
#include "core/host.h"
#include "core/hashing.h"
#include "core/lane.h"
#include "core/loss.h"
#include "core/overload.h"
#include "core/pending.h"
#include "core/policy.h"
#include "core/queue.h"
#include "core/statistics.h"

#define BRIDGE_INSTANCE_SIZE 33

struct core_options {
    uint32_t queue_events;
    size_t queue_bytes;
    size_t cores;
};

struct core {
    struct backend *backend;
    enum platform platform;
    struct host host;
    char bridge_instance[BRIDGE_INSTANCE_SIZE];
    struct pending pending;
    struct statistics statistics;
    struct enforcement enforcement;
    struct overload overload;
    struct audit_meter audits;
    struct lane lane;
    struct guard guard;
    struct hashing hashing;

    pthread_mutex_t policy_mutex;
    struct policy *policy;          // in force; NULL before the first agent

    pthread_mutex_t queue_mutex;    // of both below
    struct queue queue;
    struct loss_ledger losses;

    atomic_bool end_of_source;
    atomic_bool slow_wanted;        // some request is SLOW_WANTED
    atomic_bool wake_pending;
    atomic_bool looks_by_itself;    // the event thread comes to what is queued without being woken for it
    int wake_fds[2];                // any thread to the event thread
    struct request **batch;         // the event thread's
};

// 0, or -1 with a sentence. Allocates all that the auth path will need.
int core_init(struct core *core, struct backend *backend, const struct core_options *options, char *error,
              size_t error_size);

// To the event thread: look. Any thread.
void core_wake(struct core *core);
// The same of what is queued, for which nobody waits. To wake a thread costs whoever does it as much as an answer, so
// while events flow the event thread looks by itself.
void core_wake_for_queue(struct core *core);

// The policy in force, with a reference for the caller; NULL before the first. Any thread.
struct policy *core_policy(struct core *core);
// Takes the reference. Event thread.
void core_set_policy(struct core *core, struct policy *policy);

// A verdict, from either lane.
void core_verdict(struct core *core, const struct auth_verdict *verdict, enum answer_level level);
// The guard's: a good part of the request's budget is past. True: lane_heartbeat() is due.
bool core_press(struct core *core, struct request *request);
// The guard's: the request's deadline is past. Keeps the caller's reference.
void core_budget_ran_out(struct core *core, struct request *request);
// The agent is gone and none is at hand: defaults for all that wait.
void core_answer_all_without_agent(struct core *core);
// Enforcement has ended: all that wait are allowed. Nothing is denied any more when this returns.
void core_allow_all(struct core *core);
// Queues what is due to be said of who asks too much. Event thread.
void core_tell_overloads(struct core *core, int64_t now_us);
// The audit of an answer that was given before: an event, and what became of it.
void core_push_audit(struct core *core, const char *action, struct bytes event, struct bytes outcome);
// What the bridge says about itself, queued as an event. Gives its number.
uint64_t core_push(struct core *core, const struct encoded_event *event);

#endif
