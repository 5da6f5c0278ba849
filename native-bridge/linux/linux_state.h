// The whole of the Linux backend's state, shared by its threads: the permission readers, which answer to waiting kernels and
// never do anything slow; the notify reader, which tells what happened; the mount watcher, which looks at mounts.
#ifndef PICKET_LINUX_STATE_H
#define PICKET_LINUX_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "actors.h"
#include "core/backends.h"
#include "core/vigil.h"
#include "event_facts.h"
#include "guard_state.h"
#include "ignore_marks.h"
#include "leases.h"
#include "memory_reader.h"
#include "mount_events.h"
#include "mount_news.h"
#include "mount_watch.h"
#include "process_program.h"
#include "question_queue.h"
#include "unasked.h"

// Questions come by two groups, each with a thread of its own. To ask about a file of an overlay the kernel opens it once
// more for whoever reads the question, and with it a file of a layer: were the layer's filesystem marked in the same group,
// the reader would wait for its own answer.
enum { LANE_PLAIN, LANE_STACKED, PERMISSION_LANES };

struct permission_lane {
    struct linux_state *state;
    int group;                      // stays taken after release(): a late answer must not meet another file by its number
    pthread_t thread;
    bool is_started;
    enum vigil_seat_name seat;
    struct question_queue questions;
    struct event_memory memory;
};

struct linux_state {
    struct core *core;
    uint32_t own_pid;
    struct boot boot;
    enum process_events process_events;  // the operator's choice
    struct process_program program;
    char program_error[256];        // not empty: no eBPF program, and why
    struct actors actors;
    struct memory_reader memory;    // the notify thread's
    bool is_prepared;
    char memory_error[256];         // not empty: it could not be started, and why
    char connector_error[256];      // not empty: no proc connector, and why

    struct permission_lane lanes[PERMISSION_LANES];
    int file_group, name_group, dev_null, stop_event;
    atomic_bool released, stopping;
    atomic_bool silent;             // the kernel is not to ask: no permission mark may stay

    pthread_mutex_t guard_lock;     // of the pointer alone
    struct guard_state *guard;
    pthread_mutex_t apply_lock;     // one policy at a time: the core's, or the same again after a change of mounts
    struct mount_watch mount_watch; // what it knows is guarded by apply_lock
    struct mount_inventory *inventory;
    struct mount_news news;
    struct mount_events mount_events;
    struct asked_execs asked_execs;

    struct leases leases;
    struct ignore_marks ignore_marks;

    pthread_mutex_t agent_lock;
    uint32_t agent_pid;             // 0: none
    int agent_pidfd;                // -1: none

    uint32_t account_bound;         // more than so many of one account are a flood

    pthread_t notify_thread, mount_thread;
    bool notify_started, mount_started;
    struct event_memory notify_memory;
    struct told_image told;         // the notify thread's, as below
    struct canonical_path told_path;
    int64_t misses_looked_us;
};

// An exec event with all its arguments and environment stays below a frame's maximum of 1 MiB.
enum { NOTIFY_EVENT_MAX = 900 * 1024 };
_Static_assert(MEMORY_ARGS_BYTES + MEMORY_ENVIRONMENT_BYTES < NOTIFY_EVENT_MAX, "paths and names need room, too");

// The guard in force, with a reference for the caller.
struct guard_state *linux_guard(struct linux_state *state);

// What respond() and remember() are to know of a question, in one number: its descriptor, by which lane it came, what it
// asks, and the lease that its file's content was under when it was looked at; 0: none.
struct question_token {
    int fd;
    size_t lane;
    bool is_exec;
    lease_id lease;
};
uint64_t linux_token(const struct question_token *token);
struct question_token linux_question(uint64_t token);

// Is the process behind a question one that is never asked: the bridge, the connected agent, PID 1?
bool linux_is_exempt(struct linux_state *state, uint32_t pid);

// Thread functions; the argument is a struct permission_lane, or the state.
void *permission_reader(void *lane);
void *notify_reader(void *state);
void *mount_watcher(void *state);

#endif
