#include "bridge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/core.h"
#include "core/listener.h"
#include "core/log.h"
#include "core/pipe.h"
#include "core/process_guard.h"
#include "core/session.h"
#include "core/state_file.h"
#include "core/unwatched.h"
#include "core/vigil.h"

enum { ERROR_BYTES = 512, STATE_WITHIN_MS = 500, LOG_WITHIN_MS = 500 };

struct backend *bridge_backend(const struct options *options) {
    if (strcmp(options->backend, "replay") == 0) return replay_backend(&options->replay);
#ifdef __linux__
    if (strcmp(options->backend, "linux") == 0) return linux_backend();
#endif
    return NULL;
}

// The time since the bridge before, as the watchdog saw its end, or else as the state file has it.
static void tell_unwatched(struct core *core, const char *state_directory) {
    uint8_t buffer[1024];
    struct encoded_event event;
    uint64_t now_ns = clock_unix_ns(), since_ns = unwatched_since(UNWATCHED_BRIDGE);
    // An agent is missing from the same moment on: between the two intervals lies none.
    if (unwatched_since(UNWATCHED_AGENT) == 0) unwatched_begin(UNWATCHED_AGENT, now_ns);
    if (since_ns == 0 && state_directory != NULL) since_ns = state_file_read(state_directory);
    if (since_ns == 0 || since_ns >= now_ns) return;
    unwatched_begin(UNWATCHED_BRIDGE, since_ns);
    if (event_encode_unwatched(now_ns, core->platform, since_ns, now_ns, "bridge", buffer, sizeof buffer, &event))
        unwatched_told(UNWATCHED_BRIDGE, core_push(core, &event));
}

static void log_start_of(const struct core *core, const struct listener *listener) {
    const struct vigil *page = vigil();
    if (page->start > 1)
        log_line(LOG_LEVEL_WARN, "the bridge was started again", "reason=\"%s\" start=%u waited_ms=%u", page->reason,
                 page->start, page->waited_ms);
    log_line(LOG_LEVEL_INFO, "the bridge is ready", "backend=%s socket=%s agent_uid=%u instance=%s pid=%ld",
             core->backend->name, listener->path, (unsigned)listener->agent_uid, core->bridge_instance,
             (long)getpid());
}

static int fail(const char *error) {
    log_finish(LOG_WITHIN_MS);
    (void)fprintf(stderr, "picket-bridge: %s\n", error);
    return EXIT_FAILURE;
}

int bridge_run(const struct options *options, struct backend *backend) {
    static struct core core;            // large, and used until the very end
    static struct session session;
    static struct listener listener;
    char error[ERROR_BYTES] = "";
    int status = EXIT_FAILURE, stop_fds[2];
    int failure = log_start();
    if (failure != 0) {
        (void)snprintf(error, sizeof error, "can't start the thread that writes the log: %s", strerror(failure));
        return fail(error);
    }
    if (listener_open(&listener, options->socket, options->agent_uid, options->agent_gid, error, sizeof error) != 0)
        return fail(error);
    if (pipe_make(stop_fds) != 0) {
        (void)snprintf(error, sizeof error, "can't make a pipe: %s", strerror(errno));
        goto out;
    }
    process_guard_handle_signals(backend, stop_fds[1]);
    if (core_init(&core, backend, &options->core, error, sizeof error) != 0) goto out;
    tell_unwatched(&core, options->state_directory);
    if (session_init(&session, &core, &listener, options->state_directory, stop_fds[0]) != 0) {
        (void)snprintf(error, sizeof error, "not enough memory for a connection");
        goto out;
    }
    if (session_enforcement_begin(&session, &options->way_out, error, sizeof error) != 0) goto out;
    failure = guard_start(&core.guard, &core);
    if (failure != 0) {
        (void)snprintf(error, sizeof error, "can't start the deadline guard: %s", strerror(failure));
        goto out;
    }
    failure = hashing_start(&core.hashing);
    if (failure != 0) {
        (void)snprintf(error, sizeof error, "can't start the threads that hash: %s", strerror(failure));
        goto out;
    }
    if (backend->start(backend->state, &core, error, sizeof error) != 0) goto out;
    log_start_of(&core, &listener);
    atomic_store(&vigil()->ready, true);
    session_run(&session);
    status = EXIT_SUCCESS;
    log_line(LOG_LEVEL_INFO, "the bridge ends", NULL);

out:
    // The kernel first, whatever else goes wrong.
    backend->release(backend->state);
    hashing_stop(&core.hashing);
    backend->stop(backend->state);
    guard_stop(&core.guard);
    session_enforcement_end(&session);
    listener_close(&listener);
    state_file_finish(STATE_WITHIN_MS);
    if (status != EXIT_SUCCESS) return fail(error);
    log_finish(LOG_WITHIN_MS);
    return status;
}
