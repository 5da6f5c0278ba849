// The replay backend: plays a recording (*.picket: frames of encoded Events) as if a kernel had sent it, at its own
// pace, faster, or as fast as it can. Auth events have a deadline and are answered by nobody but the core. Works
// anywhere, without privilege. It starts with the first policy, and plays what that subscribes to, as a kernel would.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/backends.h"
#include "core/clock.h"
#include "core/event_encoder.h"
#include "core/frame.h"
#include "core/lock.h"
#include "core/log.h"
#include "core/pipe.h"
#include "core/policy.h"
#include "core/thread.h"
#include "core/wire.h"
#include "replay/event_view.h"

enum {
    // As many processes as may wait at a time: fewer than the core's bound for one user, as a recording is no flood.
    OUTSTANDING = 32,
    ACTIONS = 256,
    WAIT_MS = 1,
};

static struct {
    struct replay_options options;
    struct core *core;
    int fd;
    pthread_t thread;
    bool runs;
    atomic_bool stopping;
    int wake_fds[2];            // "look again": an answer, a policy, the end
    pthread_mutex_t mutex;
    struct policy *policy;      // under the mutex
    atomic_uint outstanding;
    atomic_ullong allowed, denied;
    const char *actions[ACTIONS];
    size_t actions_count;
    uint64_t first_created_ns;
    int64_t started_us;
    uint8_t in[FRAME_MAX + FRAME_HEADER];
    uint8_t event[FRAME_MAX];
} replay;

// Waits until something happens, `until_us` comes or the end does. False: the end.
static bool wait_until(int64_t until_us) {
    int64_t left_us = until_us - clock_monotonic_us();
    struct pollfd fd = {.fd = replay.wake_fds[0], .events = POLLIN};
    int timeout = left_us <= 0 ? 0 : left_us > 1000000 ? 1000 : (int)((left_us + 999) / 1000);
    if (poll(&fd, 1, timeout) > 0) pipe_drain(replay.wake_fds[0]);
    return !atomic_load(&replay.stopping);
}

// Actions must be in static storage: each name is kept once, for good.
static const char *intern(struct bytes action) {
    for (size_t i = 0; i < replay.actions_count; i++)
        if (bytes_equal_text(action, replay.actions[i])) return replay.actions[i];
    char *name = replay.actions_count < ACTIONS && action.length < 64 ? malloc(action.length + 1) : NULL;
    if (name == NULL) return "other";
    memcpy(name, action.data, action.length);
    name[action.length] = 0;
    replay.actions[replay.actions_count++] = name;
    return name;
}

static struct policy *wait_for_policy(void) {
    for (;;) {
        lock(&replay.mutex);
        struct policy *policy = policy_ref(replay.policy);
        unlock(&replay.mutex);
        if (policy != NULL || !wait_until(clock_monotonic_us() + 1000000)) return policy;
    }
}

static bool wait_for_its_time(uint64_t created_ns) {
    if (replay.options.speed <= 0) {
        while (!core_has_room(replay.core))
            if (!wait_until(clock_monotonic_us() + WAIT_MS * 1000)) return false;
        return !atomic_load(&replay.stopping);
    }
    if (replay.first_created_ns == 0) {
        replay.first_created_ns = created_ns;
        replay.started_us = clock_monotonic_us();
    }
    // Clocks are set back, and recordings are joined: such an event comes at once.
    double after_ns = created_ns > replay.first_created_ns ? (double)(created_ns - replay.first_created_ns) : 0;
    int64_t due_us = replay.started_us + (int64_t)(after_ns / replay.options.speed / 1000);
    while (clock_monotonic_us() < due_us)
        if (!wait_until(due_us)) return false;
    return !atomic_load(&replay.stopping);
}

static bool wait_for_answers(unsigned at_most) {
    while (atomic_load(&replay.outstanding) > at_most)
        if (!wait_until(clock_monotonic_us() + 1000000)) return false;
    return true;
}

static struct encoded_event as_recorded(void *event) {
    return *(const struct encoded_event *)event;
}

// False: the end.
static bool play(struct bytes recorded) {
    struct event_view view;
    size_t length = event_view_strip(recorded, replay.event, sizeof replay.event);
    if (length == 0 || !event_view_read((struct bytes){replay.event, length}, &view)) {
        core_loss(replay.core, "malformed", 0, "", 1);
        return true;
    }
    const char *action = intern(view.action);
    struct policy *policy = wait_for_policy();
    if (policy == NULL) return false;
    bool has_subscription = view.kind == EVENT_AUTH || view.kind == EVENT_NOTIFY;
    bool wanted = !has_subscription || policy_subscribes(policy, view.kind, action);
    bool muted = view.kind == EVENT_NOTIFY && policy_mutes(policy, view.executable);
    policy_unref(policy);
    if (!wait_for_its_time(view.created_ns)) return false;
    if (!wanted || muted) return true;

    struct encoded_event event = {replay.event, length, view.kind, action};
    if (view.kind != EVENT_AUTH) {
        core_notify(replay.core, &event);
        return true;
    }
    if (!wait_for_answers(OUTSTANDING - 1)) return false;
    atomic_fetch_add(&replay.outstanding, 1);
    core_auth(replay.core, &(struct auth_subject){
        .action = action,
        .file_path = view.file_path,
        .file_path_unresolved = view.file_path_unresolved,
        .executable = view.executable,
        .executable_unresolved = view.executable_unresolved,
        .uid = view.uid,
        .pid = view.pid,
        .remaining_us = (int64_t)replay.options.deadline_ms * 1000,
    }, &(struct auth_event){.context = &event, .encode = as_recorded}, 0);
    return true;
}

static bool play_file(void) {
    struct frame_reader reader;
    struct bytes frame;
    frame_reader_init(&reader, replay.in, sizeof replay.in, FRAME_MAX);
    for (;;) {
        size_t space;
        enum frame_result result;
        while ((result = frame_reader_next(&reader, &frame)) == FRAME_READY)
            if (!play(frame)) return false;
        if (result == FRAME_TOO_LONG) {
            log_line(LOG_LEVEL_ERROR, "the recording is damaged: a frame is over 1 MiB; the rest is not played",
                     "file=\"%s\"", replay.options.file);
            core_loss(replay.core, "malformed", 0, "", 0);
            return true;
        }
        uint8_t *into = frame_reader_space(&reader, &space);
        ssize_t count = read(replay.fd, into, space);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            log_line(LOG_LEVEL_ERROR, "the recording can't be read any further", "file=\"%s\" error=\"%s\"",
                     replay.options.file, strerror(errno));
            core_loss(replay.core, "malformed", 0, "", 0);
            return true;
        }
        if (count == 0) {
            if (reader.end > reader.start) core_loss(replay.core, "malformed", 0, "", 1);    // cut off in a frame
            return true;
        }
        frame_reader_filled(&reader, (size_t)count);
    }
}

static void *run(void *argument) {
    (void)argument;
    struct policy *policy = wait_for_policy();
    if (policy == NULL) return NULL;
    policy_unref(policy);
    if (play_file() && wait_for_answers(0)) {
        log_line(LOG_LEVEL_INFO, "the recording has been played", "allowed=%llu denied=%llu",
                 (unsigned long long)atomic_load(&replay.allowed), (unsigned long long)atomic_load(&replay.denied));
        core_end_of_source(replay.core);
    }
    return NULL;
}

static int start(void *state, struct core *core, char *error, size_t error_size) {
    struct stat status;
    (void)state;
    replay.core = core;
    lock_init(&replay.mutex);
    if (replay.options.file == NULL) {
        (void)snprintf(error, error_size, "the replay backend needs --file RECORDING");
        return -1;
    }
    replay.fd = open(replay.options.file, O_RDONLY | O_CLOEXEC);
    if (replay.fd < 0 || fstat(replay.fd, &status) != 0 || S_ISDIR(status.st_mode)) {
        (void)snprintf(error, error_size, "can't read the recording %s: %s", replay.options.file,
                       replay.fd < 0 ? strerror(errno) : "it is a folder");
        return -1;
    }
    if (pipe_make(replay.wake_fds) != 0) {
        (void)snprintf(error, error_size, "can't make a pipe: %s", strerror(errno));
        return -1;
    }
    int failure = thread_start(&replay.thread, "picket-replay", run, NULL);
    if (failure != 0) {
        (void)snprintf(error, error_size, "can't start a thread: %s", strerror(failure));
        return -1;
    }
    replay.runs = true;
    return 0;
}

static int apply(void *state, const struct policy *policy, void (*unguarded)(void *context, const char *sentence),
                 void *context, char *error, size_t error_size) {
    (void)state, (void)unguarded, (void)context, (void)error, (void)error_size;
    lock(&replay.mutex);
    struct policy *before = replay.policy;
    replay.policy = policy_ref(policy);
    unlock(&replay.mutex);
    policy_unref(before);
    pipe_wake(replay.wake_fds[1]);
    return 0;
}

static void respond(void *state, uint64_t token, enum verdict verdict) {
    (void)state, (void)token;
    atomic_fetch_add(verdict == VERDICT_DENY ? &replay.denied : &replay.allowed, 1);
    atomic_fetch_sub(&replay.outstanding, 1);
    pipe_wake(replay.wake_fds[1]);
}

static void set_agent(void *state, uint32_t pid) {
    (void)state, (void)pid;     // a recording has no processes to exempt
}

static void let_go(void *state) {
    (void)state;                // no kernel waits for a recording
    atomic_store(&replay.stopping, true);
}

static void stop(void *state) {
    let_go(state);
    if (!replay.runs) return;
    pipe_wake(replay.wake_fds[1]);
    (void)pthread_join(replay.thread, NULL);
    replay.runs = false;
}

struct backend *replay_backend(const struct replay_options *options) {
    static const char *const capabilities[] = {"replay", NULL};
    static struct backend backend = {
        .name = "replay",
        .capabilities = capabilities,
        .start = start,
        .apply = apply,
        .respond = respond,
        .set_agent = set_agent,
        .release = let_go,
        .stop = stop,
    };
    replay.options = *options;
    return &backend;
}
