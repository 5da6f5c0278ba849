// The whole of the Linux backend's state, shared by its two threads: the permission reader, which answers to waiting
// kernels and never does anything slow, and the notify reader, which does the rest.
#ifndef PICKET_LINUX_STATE_H
#define PICKET_LINUX_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "actors.h"
#include "event_facts.h"
#include "guard_state.h"

struct linux_state {
    struct core *core;
    struct boot boot;
    struct actors actors;
    char connector_error[256];      // not empty: no proc connector, and why

    // Descriptors. The permission group's number stays taken after release(), so that a late answer meets /dev/null
    // and not some other file that got the number.
    int permission_group, file_group, name_group, dev_null, mounts, stop_event;
    atomic_bool released, stopping;

    pthread_mutex_t guard_lock;     // of the pointer alone
    struct guard_state *guard;
    pthread_mutex_t apply_lock;     // one policy at a time: the core's, or the same again after a change of mounts

    pthread_mutex_t agent_lock;
    uint32_t agent_pid;             // 0: none
    int agent_pidfd;                // -1: none

    pthread_t permission_thread, notify_thread;
    bool permission_started, notify_started;
    struct event_memory permission_memory, notify_memory;
    uint8_t *args;                  // ARGS_MAX bytes of the notify thread
    uint8_t *environment;           // ENVIRONMENT_MAX, likewise
};

// An exec event with all its arguments and environment stays below a frame's maximum of 1 MiB.
enum { ARGS_MAX = 512 * 1024, ENVIRONMENT_MAX = 128 * 1024, NOTIFY_EVENT_MAX = 900 * 1024 };

// The guard in force, with a reference for the caller.
struct guard_state *linux_guard(struct linux_state *state);

// Is the process behind a question one that is never asked: the bridge, the connected agent, PID 1?
bool linux_is_exempt(struct linux_state *state, uint32_t pid);

// Mounts came, went or moved: chooses canonical mounts and marks anew for the policy in force. May block on them.
void linux_follow_mounts(struct linux_state *state);

// Thread functions; `state` is the argument.
void *permission_reader(void *state);
void *notify_reader(void *state);

#endif
