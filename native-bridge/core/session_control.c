// Root's control of enforcement over a connection of its own, which is answered with or without an agent and is no
// takeover: one Control, one ControlReply, then the end.
#include <stdio.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/session.h"

// STATISTICS_BYTES: what 64 actions with answers of each kind take.
enum { LIST_BYTES = 32 * 1024, STATISTICS_BYTES = 48 * 1024, REPLY_BYTES = LIST_BYTES + STATISTICS_BYTES + 8192 };

static void obey(struct session *session, const struct peer *peer, const struct control *control, char error[SESSION_NOTE],
                 char note[SESSION_NOTE]) {
    const struct enforcement *enforcement = &session->core->enforcement;
    struct enforcement_change to = {.reason = control->reason, .now_ns = clock_unix_ns(), .uid = peer->uid,
                                    .pid = peer->pid};
    switch (control->command) {
    case CONTROL_STATUS: return;
    case CONTROL_OFF:
        to.state = ENFORCEMENT_OFF;
        to.cause = CAUSE_ADMINISTRATOR;
        break;
    case CONTROL_ON:
        if (enforcement->by_kernel_parameter) {
            (void)snprintf(error, SESSION_NOTE, "the kernel's command line says picket=off, and whoever wrote it there "
                           "has the last word: start the machine without it");
            return;
        }
        to.state = ENFORCEMENT_ON;
        to.cause = CAUSE_NONE;
        session_forget_crashes(session);
        break;
    }
    if (to.reason.length == 0) to.reason = bytes_of_text("an administrator said so");
    session_switch(session, &to, note);
}

static void list_guarded(void *context, const char *sentence) {
    struct wire_writer *writer = context, before = *writer;
    message_control_guarded(writer, sentence);
    if (writer->overflow) *writer = before;     // a list longer than 32 KiB is cut
}

static void list_unguarded(void *context, const char *sentence) {
    struct wire_writer *writer = context, before = *writer;
    message_control_unguarded(writer, sentence);
    if (writer->overflow) *writer = before;
}

// What is guarded is told only where nothing is switched: the list may have to wait for a filesystem.
static void put_reply(struct session *session, const struct control *control, struct wire_writer *writer,
                      const char *error, const char *note) {
    static uint8_t list[LIST_BYTES];        // the event thread's alone
    struct core *core = session->core;
    struct wire_writer filesystems;
    wire_writer_init(&filesystems, list, sizeof list);
    if (control->command == CONTROL_STATUS && core->backend->describe != NULL)
        core->backend->describe(core->backend->state, list_guarded, list_unguarded, &filesystems);
    struct policy *policy = core_policy(core);
    bool has_agent = session_has_agent(session);
    struct bridge_figures figures = session_figures(session);
    message_control_reply(writer, &(struct control_reply){
        .state = enforcement_name_of(&core->enforcement),
        .reason = enforcement_reason_of(&core->enforcement),
        .since_ns = core->enforcement.since_ns,
        .error = error,
        .agent = has_agent ? session->agent_name : "",
        .generation = has_agent ? session->agent_generation : 0,
        .epoch = policy == NULL ? 0 : policy->epoch,
        .filesystems = {list, filesystems.length},
        .note = note,
        .figures = control->command == CONTROL_STATUS ? &figures : NULL,
    });
    policy_unref(policy);
}

void session_control(struct session *session, struct candidate *candidate, const struct control *control) {
    static uint8_t buffer[REPLY_BYTES];     // likewise
    struct wire_writer writer;
    char error[SESSION_NOTE] = "", note[SESSION_NOTE] = "";
    wire_writer_init(&writer, buffer, sizeof buffer);
    if (candidate->peer.uid != 0) {
        (void)snprintf(error, sizeof error, "only root may ask about enforcement and switch it, not user %u",
                       (unsigned)candidate->peer.uid);
        log_line(LOG_LEVEL_WARN, "control is refused", "uid=%u pid=%u", (unsigned)candidate->peer.uid,
                 (unsigned)candidate->peer.pid);
        message_control_reply(&writer, &(struct control_reply){.state = "", .reason = "", .error = error, .agent = "",
                                                               .note = ""});
    } else if (peer_check_again(&candidate->peer, error, sizeof error) != 0) {
        session_refuse(candidate, error);
        return;
    } else {
        obey(session, &candidate->peer, control, error, note);
        put_reply(session, control, &writer, error, note);
    }
    // A fresh socket has room for it.
    if (writer.overflow || send(candidate->connection.fd, buffer, writer.length, MSG_NOSIGNAL) != (ssize_t)writer.length)
        log_line(LOG_LEVEL_WARN, "an answer about enforcement could not be sent", "pid=%u",
                 (unsigned)candidate->peer.pid);
    session_close_candidate(candidate);
}
