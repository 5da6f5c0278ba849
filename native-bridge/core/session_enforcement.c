// Switching enforcement, by root or by a crash loop: the order in which a switch takes effect, how it is told, and what
// of it is kept across restarts.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/kernel_parameter.h"
#include "core/log.h"
#include "core/picket_event.h"
#include "core/session.h"
#include "core/state_writer.h"

// A switch waits so long to hear that it is kept: well below what the event thread may be silent for.
enum { KEPT_WITHIN_MS = 500, EVENT_BYTES = 2048 };

// --- what is kept ---

// `note` says so where a switch does not outlive this bridge.
static void keep(struct session *session, char note[SESSION_NOTE]) {
    char text[ENFORCEMENT_TEXT];
    const char *directory = session->state_directory;
    if (directory == NULL) {
        (void)snprintf(note, SESSION_NOTE, "the bridge has no --state-dir: this does not outlive a restart of it");
        return;
    }
    bool is_kept = enforcement_write(&session->core->enforcement, text) > 0;
    (void)state_write(directory, STATE_ENFORCEMENT, is_kept ? text : NULL);
    if (state_wait(STATE_ENFORCEMENT, KEPT_WITHIN_MS) == 0) return;
    (void)snprintf(note, SESSION_NOTE, "%s can't be written (%s): this may not outlive a restart of the bridge", directory,
                   strerror(errno));
    log_line(LOG_LEVEL_ERROR, "the state of enforcement can't be kept", "folder=%s error=\"%s\"", directory,
             strerror(errno));
}

static void keep_crashes(const struct session *session) {
    char text[STATE_TEXT];
    if (session->state_directory == NULL) return;
    size_t length = crash_times_write(&session->bridge_starts, "bridge", text, sizeof text);
    (void)crash_times_write(&session->agent_crashes, "agent", text + length, sizeof text - length);
    (void)state_write(session->state_directory, STATE_CRASHES, text);
}

void session_forget_crashes(struct session *session) {
    struct crash_times *starts = &session->bridge_starts;
    uint64_t own_ns = starts->count > 0 ? starts->at_ns[starts->count - 1] : 0;
    session->agent_crashes.count = starts->count = 0;
    if (own_ns != 0) crash_times_add(starts, own_ns);
    keep_crashes(session);
    // Or the next start would find a crash loop, whoever has said `on`.
    if (session->state_directory != NULL) (void)state_wait(STATE_CRASHES, KEPT_WITHIN_MS);
}

// --- switching ---

// In the stream, and in the log.
static void tell(struct session *session) {
    struct core *core = session->core;
    const struct enforcement *enforcement = &core->enforcement;
    const char *state = enforcement_name_of(enforcement), *reason = enforcement_reason_of(enforcement);
    bool observes = enforcement_state_of(enforcement) == ENFORCEMENT_OBSERVING;
    uint8_t buffer[EVENT_BYTES];
    char message[ENFORCEMENT_REASON + 64];
    struct encoded_event event;
    (void)snprintf(message, sizeof message, "Enforcement is %s: %s", state, reason);
    if (event_encode_enforcement(
            &(struct picket_event){clock_unix_ns(), core->platform, buffer, sizeof buffer},
            &(struct enforcement_facts){state, reason, enforcement->uid, enforcement->pid},
            &(struct picket_alert){"picket-enforcement", "high", message}, &event))
        core_push(core, &event);
    log_line(LOG_LEVEL_WARN,
             observes ? "the bridge only observes, and denies nothing; to make it enforce again: picket on"
                      : "enforcement is switched",
             "state=%s uid=%u pid=%u reason=\"%s\"", state, (unsigned)enforcement->uid, (unsigned)enforcement->pid,
             reason);
}

static void note_unguarded(void *context, const char *sentence) {
    (void)context;
    log_line(LOG_LEVEL_WARN, "not guarded", "what=\"%s\"", sentence);
}

static void ask_kernel(struct core *core) {
    if (core->backend->ask != NULL)
        core->backend->ask(core->backend->state, enforcement_asks(&core->enforcement), note_unguarded, NULL);
}

// First nothing is denied any more, then whoever waits goes on, then nobody is asked any more; all else comes later.
void session_switch(struct session *session, const struct enforcement_change *to,
                    char note[SESSION_NOTE]) {
    struct core *core = session->core;
    bool is_news = enforcement_change(&core->enforcement, to);
    if (!enforcement_is_on(&core->enforcement)) core_allow_all(core);
    ask_kernel(core);
    if (is_news) tell(session);
    keep(session, note);
}

static void change_by_itself(struct session *session, enum enforcement_state state, enum enforcement_cause cause,
                             const char *reason) {
    char note[SESSION_NOTE];
    session_switch(session, &(struct enforcement_change){.state = state, .cause = cause, .reason = bytes_of_text(reason),
                                                 .now_ns = clock_unix_ns()}, note);
}

// --- crash loops ---

static void describe_loop(const struct session *session, const char *who, char text[ENFORCEMENT_REASON]) {
    (void)snprintf(text, ENFORCEMENT_REASON, "%s %" PRIu32 " times within %" PRIu64 " s", who,
                   session->crash_limit.crashes, session->crash_limit.window_ns / 1000000000);
}

void session_agent_crashed(struct session *session) {
    char reason[ENFORCEMENT_REASON];
    uint64_t now_ns = clock_unix_ns();
    crash_times_add(&session->agent_crashes, now_ns);
    bool too_many = crash_times_too_many(&session->agent_crashes, &session->crash_limit, now_ns);
    keep_crashes(session);
    if (!too_many || !enforcement_is_on(&session->core->enforcement)) return;
    describe_loop(session, "the agent ended without a goodbye", reason);
    change_by_itself(session, ENFORCEMENT_OBSERVING, CAUSE_AGENT_CRASHES, reason);
}

void session_enforcement_each_second(struct session *session) {
    if (session->core->enforcement.cause != CAUSE_AGENT_CRASHES || session->serving_since_us == 0) return;
    uint64_t served_us = (uint64_t)(clock_monotonic_us() - session->serving_since_us);
    if (served_us < session->crash_limit.window_ns / 1000) return;
    session_forget_crashes(session);
    change_by_itself(session, ENFORCEMENT_ON, CAUSE_NONE, "an agent has stayed since");
}

// --- start and end ---

static int heed_kernel_parameter(struct session *session, const char *path, char *error, size_t error_size) {
    enum kernel_parameter parameter = PARAMETER_NONE;
#ifdef __linux__
    if (kernel_parameter_read(path == NULL ? KERNEL_COMMAND_LINE : path, &parameter) != 0) {
#else
    if (path != NULL && kernel_parameter_read(path, &parameter) != 0) {
#endif
        (void)snprintf(error, error_size, "the kernel's command line can't be read from %s: %s",
                       path == NULL ? KERNEL_COMMAND_LINE : path, strerror(errno));
        return -1;
    }
    if (parameter == PARAMETER_OFF) enforcement_forbid(&session->core->enforcement, clock_unix_ns());
    if (parameter == PARAMETER_UNKNOWN)
        log_line(LOG_LEVEL_WARN, "the kernel's parameter picket= is neither on nor off", NULL);
    return 0;
}

static void take_up(struct session *session, bool *kept) {
    char text[STATE_TEXT];
    const char *directory = session->state_directory;
    uint64_t now_ns = clock_unix_ns();
    if (state_read(directory, STATE_ENFORCEMENT, text)) enforcement_read(&session->core->enforcement, text);
    if (state_read(directory, STATE_CRASHES, text)) {
        crash_times_read(&session->bridge_starts, "bridge", text);
        crash_times_read(&session->agent_crashes, "agent", text);
    }
    if (crash_times_too_many(&session->bridge_starts, &session->crash_limit, now_ns) &&
        enforcement_is_on(&session->core->enforcement)) {
        char reason[ENFORCEMENT_REASON];
        describe_loop(session, "the bridge was started and did not end well", reason);
        *kept = enforcement_change(&session->core->enforcement, &(struct enforcement_change){
            .state = ENFORCEMENT_OBSERVING, .cause = CAUSE_BRIDGE_CRASHES, .reason = bytes_of_text(reason),
            .now_ns = now_ns});
    }
    crash_times_add(&session->bridge_starts, now_ns);
}

int session_enforcement_begin(struct session *session, const struct enforcement_options *options, char *error,
                              size_t error_size) {
    char note[SESSION_NOTE];
    bool is_news = false;
    session->crash_limit = options->crash_limit;
    if (session->state_directory != NULL) take_up(session, &is_news);
    if (heed_kernel_parameter(session, options->kernel_command_line, error, error_size) != 0) return -1;
    session->is_begun = true;
    // On disk before anything can crash by what comes now.
    keep_crashes(session);
    if (is_news) keep(session, note);
    if (session->state_directory != NULL) (void)state_wait(STATE_CRASHES, KEPT_WITHIN_MS);
    ask_kernel(session->core);
    if (!enforcement_is_on(&session->core->enforcement)) tell(session);
    return 0;
}

void session_enforcement_end(struct session *session) {
    if (!session->is_begun || session->state_directory == NULL) return;
    session->is_begun = false;
    crash_times_take_back(&session->bridge_starts);
    keep_crashes(session);
    (void)state_wait(STATE_CRASHES, KEPT_WITHIN_MS);
}
