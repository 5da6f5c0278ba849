// picket-bridge: takes events from the system, asks the agent, answers by itself when the agent is late or absent.
// This file reads the command line and puts the parts together; core/core.h says what they are.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/backends.h"
#include "core/clock.h"
#include "core/core.h"
#include "core/listener.h"
#include "core/log.h"
#include "core/pipe.h"
#include "core/process_guard.h"
#include "core/session.h"
#include "core/state_file.h"
#ifdef __linux__
#include "linux/probe.h"
#endif

#define VERSION "0.1.0"
#define DEFAULT_SOCKET "/run/picket/bridge.sock"
#define DEFAULT_DEADLINE_MS 15000

enum { EXIT_USAGE = 2, ERROR_BYTES = 512, STATE_WITHIN_MS = 500 };

static const char help[] =
    "picket-bridge: the privileged part of Picket. Takes events from the system, asks the agent, and answers by itself\n"
    "when the agent is late, stalled or absent.\n"
    "\n"
    "usage: picket-bridge --backend linux|replay [options]\n"
    "\n"
    "  --backend NAME           linux: fanotify and the proc connector, needs root\n"
    "                           replay: plays a recording, needs nothing\n"
    "  --socket PATH            where agents connect (" DEFAULT_SOCKET "); its folder is made if it is missing\n"
    "  --agent-uid UID          the user that the agent runs as (this user); root may always connect\n"
    "  --agent-gid GID          that user's group (this group)\n"
    "  --state-dir DIR          where to keep when the bridge was last alive (nowhere)\n"
    "  --queue-events N         how many events to keep until the agent has accepted them (65536)\n"
    "  --queue-bytes N          ... and how many bytes of them (33554432)\n"
    "  --file FILE              replay: the recording, *.picket\n"
    "  --speed 1|N|max          replay: at its own pace, N times faster, as fast as it can (1)\n"
    "  --replay-deadline-ms MS  replay: the deadline of auth events (15000)\n"
#ifdef __linux__
    "  --probe                  tries what the linux backend needs from this kernel, says what works, and ends\n"
#endif
    "  --help, --version\n"
    "\n"
    "It logs to stderr, one line an entry, and ends with 0 on SIGTERM. Exit 1: it could not start; 2: usage.\n"
    "\n"
    "example: picket-bridge --backend replay --file day.picket --speed max --socket /tmp/picket/bridge.sock\n";

struct options {
    const char *backend, *socket, *state_directory;
    uid_t agent_uid;
    gid_t agent_gid;
    struct core_options core;
    struct replay_options replay;
};

static int usage(const char *what, const char *value) {
    (void)fprintf(stderr, "picket-bridge: %s%s%s\nTry 'picket-bridge --help'.\n", what, value == NULL ? "" : ": ",
                  value == NULL ? "" : value);
    return EXIT_USAGE;
}

static bool parse_number(const char *text, uint64_t lowest, uint64_t highest, uint64_t *number) {
    char *end;
    errno = 0;
    if (text[0] < '0' || text[0] > '9') return false;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != 0 || value < lowest || value > highest) return false;
    *number = value;
    return true;
}

static bool parse_speed(const char *text, double *speed) {
    char *end;
    if (strcmp(text, "max") == 0) {
        *speed = 0;
        return true;
    }
    *speed = strtod(text, &end);
    return end != text && *end == 0 && *speed > 0 && *speed <= 1e9;
}

enum {
    OPT_BACKEND = 256, OPT_SOCKET, OPT_UID, OPT_GID, OPT_STATE, OPT_QUEUE_EVENTS, OPT_QUEUE_BYTES, OPT_FILE, OPT_SPEED,
    OPT_DEADLINE, OPT_PROBE, OPT_HELP, OPT_VERSION,
};

static const struct option long_options[] = {
    {"backend", required_argument, NULL, OPT_BACKEND}, {"socket", required_argument, NULL, OPT_SOCKET},
    {"agent-uid", required_argument, NULL, OPT_UID}, {"agent-gid", required_argument, NULL, OPT_GID},
    {"state-dir", required_argument, NULL, OPT_STATE}, {"queue-events", required_argument, NULL, OPT_QUEUE_EVENTS},
    {"queue-bytes", required_argument, NULL, OPT_QUEUE_BYTES}, {"file", required_argument, NULL, OPT_FILE},
    {"speed", required_argument, NULL, OPT_SPEED}, {"replay-deadline-ms", required_argument, NULL, OPT_DEADLINE},
#ifdef __linux__
    {"probe", no_argument, NULL, OPT_PROBE},
#endif
    {"help", no_argument, NULL, OPT_HELP}, {"version", no_argument, NULL, OPT_VERSION}, {NULL, 0, NULL, 0},
};

// 0: go on; otherwise the process ends with *status.
static bool parse_options(int argc, char **argv, struct options *options, int *status) {
    int option, at = 0;
    uint64_t number = 0;
    *status = 0;
    while ((option = getopt_long(argc, argv, "", long_options, &at)) != -1) {
        bool good = true;
        switch (option) {
        case OPT_BACKEND: options->backend = optarg; break;
        case OPT_SOCKET: options->socket = optarg; break;
        case OPT_STATE: options->state_directory = optarg; break;
        case OPT_FILE: options->replay.file = optarg; break;
        case OPT_UID:
            good = parse_number(optarg, 0, UINT32_MAX - 1, &number);
            options->agent_uid = (uid_t)number;
            break;
        case OPT_GID:
            good = parse_number(optarg, 0, UINT32_MAX - 1, &number);
            options->agent_gid = (gid_t)number;
            break;
        case OPT_QUEUE_EVENTS:
            good = parse_number(optarg, 1, 16u << 20, &number);
            options->core.queue_events = (uint32_t)number;
            break;
        case OPT_QUEUE_BYTES:
            good = parse_number(optarg, QUEUE_BLOCK, 4ull << 30, &number);
            options->core.queue_bytes = (size_t)number;
            break;
        case OPT_SPEED: good = parse_speed(optarg, &options->replay.speed); break;
        case OPT_DEADLINE:
            good = parse_number(optarg, 0, 3600000, &number);
            options->replay.deadline_ms = (uint32_t)number;
            break;
#ifdef __linux__
        case OPT_PROBE: *status = probe_kernel(stdout); return false;
#endif
        case OPT_HELP: *status = fputs(help, stdout) < 0; return false;
        case OPT_VERSION: *status = puts("picket-bridge " VERSION) < 0; return false;
        default: *status = usage("unknown option or missing value", NULL); return false;
        }
        if (!good) {
            char name[64];
            (void)snprintf(name, sizeof name, "--%s", long_options[at].name);
            (void)fprintf(stderr, "picket-bridge: %s can't be '%s'\n", name, optarg);
            *status = EXIT_USAGE;
            return false;
        }
    }
    if (optind < argc) *status = usage("unexpected argument", argv[optind]);
    else if (options->backend == NULL) *status = usage("--backend is missing", NULL);
    return *status == 0;
}

static struct backend *choose_backend(const struct options *options) {
    if (strcmp(options->backend, "replay") == 0) return replay_backend(&options->replay);
#ifdef __linux__
    if (strcmp(options->backend, "linux") == 0) return linux_backend();
#endif
    return NULL;
}

static void say_unwatched(struct core *core, uint64_t alive_ns) {
    uint8_t buffer[1024];
    struct encoded_event event;
    uint64_t now_ns = clock_unix_ns();
    if (alive_ns == 0 || alive_ns >= now_ns) return;
    if (event_encode_unwatched(now_ns, core->platform, alive_ns, now_ns, "bridge", buffer, sizeof buffer, &event))
        core_push(core, &event);
}

static int fail(const char *error) {
    log_drain();
    (void)fprintf(stderr, "picket-bridge: %s\n", error);
    return EXIT_FAILURE;
}

int main(int argc, char **argv) {
    static struct core core;            // large, and used until the very end
    static struct session session;
    static struct listener listener;
    struct options options = {
        .socket = DEFAULT_SOCKET,
        .agent_uid = geteuid(),
        .agent_gid = getegid(),
        .core = {.queue_events = QUEUE_DEFAULT_EVENTS, .queue_bytes = QUEUE_DEFAULT_BYTES},
        .replay = {.speed = 1, .deadline_ms = DEFAULT_DEADLINE_MS},
    };
    char error[ERROR_BYTES] = "";
    int status, stop_fds[2];
    if (!parse_options(argc, argv, &options, &status)) return status;
    struct backend *backend = choose_backend(&options);
    if (backend == NULL) return usage("this build has no such backend", options.backend);

    log_init();
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    options.core.cores = cores > 0 ? (size_t)cores : 1;
    if (listener_open(&listener, options.socket, options.agent_uid, options.agent_gid, error, sizeof error) != 0)
        return fail(error);
    status = EXIT_FAILURE;
    process_guard_harden(geteuid() == 0);
    if (pipe_make(stop_fds) != 0) {
        (void)snprintf(error, sizeof error, "can't make a pipe: %s", strerror(errno));
        goto out;
    }
    process_guard_handle_signals(backend, stop_fds[1]);
    if (core_init(&core, backend, &options.core, error, sizeof error) != 0) goto out;
    if (options.state_directory != NULL) say_unwatched(&core, state_file_read(options.state_directory));
    if (session_init(&session, &core, &listener, options.state_directory, stop_fds[0]) != 0) {
        (void)snprintf(error, sizeof error, "not enough memory for a connection");
        goto out;
    }
    int failure = guard_start(&core.guard, &core);
    if (failure != 0) {
        (void)snprintf(error, sizeof error, "can't start the deadline guard: %s", strerror(failure));
        goto out;
    }
    if (backend->start(backend->state, &core, error, sizeof error) != 0) goto out;
    log_line(LOG_LEVEL_INFO, "the bridge is ready", "backend=%s socket=%s agent_uid=%u instance=%s", backend->name,
             listener.path, (unsigned)options.agent_uid, core.bridge_instance);
    session_run(&session);
    status = EXIT_SUCCESS;
    log_line(LOG_LEVEL_INFO, "the bridge ends", NULL);

out:
    // The kernel first, whatever else goes wrong.
    backend->release(backend->state);
    backend->stop(backend->state);
    guard_stop(&core.guard);
    listener_close(&listener);
    state_file_finish(STATE_WITHIN_MS);
    if (status != EXIT_SUCCESS) return fail(error);
    log_drain();
    return status;
}
