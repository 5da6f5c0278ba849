#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/identity.h"
#include "core/control_client.h"
#include "core/kernel_parameter.h"

#ifdef __linux__
#include "linux/filesystem_list.h"
#include "linux/probe.h"
#endif

#define VERSION "0.1.0"
#define DEFAULT_SOCKET "/run/picket/bridge.sock"
#define DEFAULT_DEADLINE_MS 15000

enum { EXIT_USAGE = 2 };

static const char help[] =
    "picket-bridge: the privileged part of Picket. Takes events from the system, asks the agent, and answers by itself\n"
    "when the agent is late, stalled or absent.\n"
    "\n"
    "usage: picket-bridge --backend linux|replay [options]\n"
    "       picket-bridge --control off|on|status [--reason TEXT] [--socket PATH]\n"
    "\n"
    "  --backend NAME           linux: fanotify and eBPF or the proc connector, needs root\n"
    "                           replay: plays a recording, needs nothing\n"
    "  --socket PATH            where agents connect (" DEFAULT_SOCKET "); its folder is made if it is missing\n"
    "  --agent-uid USER         the user that the agent runs as, a number or a name (this user); root may always connect\n"
    "  --agent-gid GROUP        that user's group (this group)\n"
    "  --state-dir DIR          where to keep when the bridge was last alive, and that enforcement is off (nowhere)\n"
    "  --crash-loop N/SECONDS   only observe after N crashes of the agent, or of the bridge, within that time (3/300);\n"
    "                           off: never\n"
    "  --kernel-command-line FILE  where to look for the kernel's parameter picket=off (" KERNEL_COMMAND_LINE ")\n"
    "  --queue-events N         how many events to keep until the agent has accepted them (65536)\n"
    "  --queue-bytes N          ... and how many bytes of them (33554432)\n"
    "  --file FILE              replay: the recording, *.picket\n"
    "  --speed 1|N|max          replay: at its own pace, N times faster, as fast as it can (1)\n"
    "  --replay-deadline-ms MS  replay: the deadline of auth events (15000)\n"
#ifdef __linux__
    "  --process-events auto|ebpf|proc  linux: who tells of processes: an eBPF program, the proc connector, or whichever\n"
    "                           can be had, eBPF first (auto)\n"
    "  --only-below DIR         linux: never mark a filesystem that is mounted outside of this folder, whatever a policy\n"
    "                           says: to try Picket out on one tree\n"
    "  --probe                  tries what the linux backend needs from this kernel, says what works, and ends\n"
    "  --filesystems            says what each mounted filesystem lets it do, and ends\n"
#endif
    "  --control off|on|status  asks the bridge that runs to end enforcement, to begin it again, or how it is; for root.\n"
    "                           Exit 1: it does not answer, or refuses\n"
    "  --reason TEXT            why, for the log and the event\n"
    "  --help, --version\n"
    "\n"
    "With the linux backend a watchdog, the process that you start, ends a bridge that hangs and starts it again.\n"
    "It logs to stderr, one line an entry, and ends with 0 on SIGTERM. Exit 1: it could not start; 2: usage.\n"
    "\n"
    "example: picket-bridge --backend replay --file day.picket --speed max --socket /tmp/picket/bridge.sock\n"
    "when it goes wrong: picket-bridge --control off\n";

int options_usage(const char *what, const char *value) {
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

// N/SECONDS, or off.
static bool parse_crash_loop(const char *text, struct crash_limit *limit) {
    char crashes[8] = "";
    uint64_t number = 0, seconds = 0;
    const char *slash = strchr(text, '/');
    if (strcmp(text, "off") == 0) {
        limit->crashes = 0;
        return true;
    }
    if (slash == NULL || (size_t)(slash - text) >= sizeof crashes) return false;
    memcpy(crashes, text, (size_t)(slash - text));
    if (!parse_number(crashes, 1, CRASH_LOOP_MOST_CRASHES, &number) || !parse_number(slash + 1, 1, 86400, &seconds))
        return false;
    *limit = (struct crash_limit){(uint32_t)number, seconds * 1000000000};
    return true;
}

#ifdef __linux__
static bool parse_process_events(const char *text) {
    static const char *const names[] = {
        [PROCESS_EVENTS_AUTO] = "auto", [PROCESS_EVENTS_EBPF] = "ebpf", [PROCESS_EVENTS_PROC] = "proc"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        linux_process_events((enum process_events)i);
        return true;
    }
    return false;
}
#endif

enum {
    OPT_BACKEND = 256, OPT_SOCKET, OPT_UID, OPT_GID, OPT_STATE, OPT_QUEUE_EVENTS, OPT_QUEUE_BYTES, OPT_FILE, OPT_SPEED,
    OPT_DEADLINE, OPT_CRASH_LOOP, OPT_COMMAND_LINE, OPT_CONTROL, OPT_REASON, OPT_ONLY_BELOW, OPT_FILESYSTEMS, OPT_PROCESS_EVENTS,
    OPT_PROBE, OPT_HELP, OPT_VERSION,
};

static const struct option long_options[] = {
    {"backend", required_argument, NULL, OPT_BACKEND}, {"socket", required_argument, NULL, OPT_SOCKET},
    {"agent-uid", required_argument, NULL, OPT_UID}, {"agent-gid", required_argument, NULL, OPT_GID},
    {"state-dir", required_argument, NULL, OPT_STATE}, {"queue-events", required_argument, NULL, OPT_QUEUE_EVENTS},
    {"queue-bytes", required_argument, NULL, OPT_QUEUE_BYTES}, {"file", required_argument, NULL, OPT_FILE},
    {"speed", required_argument, NULL, OPT_SPEED}, {"replay-deadline-ms", required_argument, NULL, OPT_DEADLINE},
    {"crash-loop", required_argument, NULL, OPT_CRASH_LOOP},
    {"kernel-command-line", required_argument, NULL, OPT_COMMAND_LINE},
    {"control", required_argument, NULL, OPT_CONTROL}, {"reason", required_argument, NULL, OPT_REASON},
#ifdef __linux__
    {"only-below", required_argument, NULL, OPT_ONLY_BELOW}, {"filesystems", no_argument, NULL, OPT_FILESYSTEMS},
    {"probe", no_argument, NULL, OPT_PROBE}, {"process-events", required_argument, NULL, OPT_PROCESS_EVENTS},
#endif
    {"help", no_argument, NULL, OPT_HELP}, {"version", no_argument, NULL, OPT_VERSION}, {NULL, 0, NULL, 0},
};

static void set_defaults(struct options *options) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    *options = (struct options){
        .socket = DEFAULT_SOCKET,
        .agent_uid = geteuid(),
        .agent_gid = getegid(),
        .core = {.queue_events = QUEUE_DEFAULT_EVENTS, .queue_bytes = QUEUE_DEFAULT_BYTES,
                 .cores = cores > 0 ? (size_t)cores : 1},
        .replay = {.speed = 1, .deadline_ms = DEFAULT_DEADLINE_MS},
        .way_out = {.crash_limit = {CRASH_LOOP_DEFAULT_CRASHES, CRASH_LOOP_DEFAULT_WINDOW_NS}},
    };
}

bool options_parse(int argc, char **argv, struct options *options, int *status) {
    int option, at = 0;
    uint64_t number = 0;
    *status = 0;
    set_defaults(options);
    while ((option = getopt_long(argc, argv, "", long_options, &at)) != -1) {
        bool good = true;
        switch (option) {
        case OPT_BACKEND: options->backend = optarg; break;
        case OPT_SOCKET: options->socket = optarg; break;
        case OPT_STATE: options->state_directory = optarg; break;
        case OPT_FILE: options->replay.file = optarg; break;
        case OPT_COMMAND_LINE: options->way_out.kernel_command_line = optarg; break;
        case OPT_CRASH_LOOP: good = parse_crash_loop(optarg, &options->way_out.crash_limit); break;
        case OPT_CONTROL:
            options->control = optarg;
            good = control_command_of(optarg) != 0;
            break;
        case OPT_REASON: options->reason = optarg; break;
        case OPT_UID: good = identity_user(optarg, &options->agent_uid); break;
        case OPT_GID: good = identity_group(optarg, &options->agent_gid); break;
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
        case OPT_ONLY_BELOW: good = linux_guard_only_below(optarg); break;
        case OPT_PROCESS_EVENTS: good = parse_process_events(optarg); break;
        case OPT_FILESYSTEMS: *status = filesystem_list(stdout); return false;
        case OPT_PROBE: *status = probe_kernel(stdout); return false;
#endif
        case OPT_HELP: *status = fputs(help, stdout) < 0; return false;
        case OPT_VERSION: *status = puts("picket-bridge " VERSION) < 0; return false;
        default: *status = options_usage("unknown option or missing value", NULL); return false;
        }
        if (!good) {
            char name[64];
            (void)snprintf(name, sizeof name, "--%s", long_options[at].name);
            (void)fprintf(stderr, "picket-bridge: %s can't be '%s'\n", name, optarg);
            *status = EXIT_USAGE;
            return false;
        }
    }
    if (optind < argc) *status = options_usage("unexpected argument", argv[optind]);
    else if (options->control == NULL && options->backend == NULL) *status = options_usage("--backend is missing", NULL);
    return *status == 0;
}
