// Root's control as a connection sees it: what an answer holds, whatever the backend has to tell.
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/frame.h"
#include "core/log.h"
#include "core/session.h"
#include "picket/v1/bridge.pb.h"
#include "test/core_check.h"

enum { MANY = 3000, ANSWER = 256 * 1024 };

static struct core core;
static struct session session;
static struct listener listener;
static int sentences, described;
static bool is_asked;

static void ask(void *state, bool wanted, void (*unguarded)(void *context, const char *sentence), void *context) {
    (void)state, (void)unguarded, (void)context;
    is_asked = wanted;
}

static void describe(void *state, void (*guarded)(void *context, const char *sentence),
                     void (*unguarded)(void *context, const char *sentence), void *context) {
    (void)state;
    described++;
    for (int i = 0; i < sentences; i++) {
        char sentence[64];
        (void)snprintf(sentence, sizeof sentence, "/a/filesystem/with/a/name/that/is/long/%d", i);
        guarded(context, sentence);
    }
    unguarded(context, "/not is not guarded: \xff is no UTF-8");
    unguarded(context, "/proc is not guarded");
}

static struct backend backend = {.name = "test", .ask = ask, .describe = describe};

struct answer {
    struct bytes state, error, note, first_unguarded;
    int guarded, unguarded, statistics;
};

// A connection of that user's, its command, and the whole of what it is answered.
static struct answer control(uint32_t uid, enum control_command command) {
    static uint8_t buffer[ANSWER];
    struct candidate *candidate = &session.candidates[0];
    struct answer answer = {.guarded = 0};
    struct wire_reader reader;
    struct wire_field field;
    int ends[2], room = ANSWER;
    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_EQUAL(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    connection_open(&candidate->connection, ends[1], SESSION_CANDIDATE_IN - FRAME_HEADER);
    candidate->peer = (struct peer){.uid = uid, .pid = (uint32_t)getpid(), .process = -1};
    session_control(&session, candidate, &(struct control){.command = command});
    CHECK_EQUAL(candidate->connection.fd, -1);
    size_t length = 0;
    ssize_t count;
    while ((count = read(ends[0], buffer + length, sizeof buffer - length)) > 0) length += (size_t)count;
    CHECK_EQUAL(close(ends[0]), 0);
    CHECK(length > FRAME_HEADER);
    wire_reader_init(&reader, (struct bytes){buffer + FRAME_HEADER, length - FRAME_HEADER});
    CHECK(wire_next(&reader, &field) && field.tag == picket_v1_ToAgent_control_reply_tag);
    CHECK_EQUAL(reader.offset, reader.input.length);        // one frame, and all of it
    wire_reader_init(&reader, wire_field_bytes(&field));
    while (wire_next(&reader, &field)) {
        if (field.tag == picket_v1_ControlReply_state_tag) answer.state = wire_field_bytes(&field);
        if (field.tag == picket_v1_ControlReply_error_tag) answer.error = wire_field_bytes(&field);
        if (field.tag == picket_v1_ControlReply_note_tag) answer.note = wire_field_bytes(&field);
        if (field.tag == picket_v1_ControlReply_statistics_tag) answer.statistics++;
        if (field.tag == picket_v1_ControlReply_guarded_tag) answer.guarded++;
        if (field.tag == picket_v1_ControlReply_unguarded_tag && answer.unguarded++ == 0)
            answer.first_unguarded = wire_field_bytes(&field);
    }
    CHECK(!reader.malformed);
    return answer;
}

static void told(void) {
    sentences = 2;
    struct answer answer = control(0, CONTROL_STATUS);
    CHECK(bytes_equal_text(answer.state, "on") && answer.error.length == 0 && answer.note.length == 0);
    CHECK_EQUAL(answer.guarded, 2);
    CHECK_EQUAL(answer.unguarded, 2);
    // One that is no UTF-8 would spoil the whole answer, and left out it would hide a mount by its name.
    CHECK(bytes_equal_text(answer.first_unguarded, "/not is not guarded: ? is no UTF-8"));
    CHECK_EQUAL(answer.statistics, 1);
    sentences = MANY;
    static char actions[STATISTICS_ACTIONS - 1][8];
    for (size_t i = 0; i < STATISTICS_ACTIONS - 1; i++) {
        (void)snprintf(actions[i], sizeof actions[i], "%zu", i);
        statistics_request(&core.statistics, actions[i]);
        for (uint32_t level = 1; level < STATISTICS_LEVELS; level++) {
            statistics_answer(&core.statistics, actions[i], (enum answer_level)level, VERDICT_ALLOW, 1);
            statistics_answer(&core.statistics, actions[i], (enum answer_level)level, VERDICT_DENY, 1);
        }
    }
    answer = control(0, CONTROL_STATUS);
    CHECK(answer.guarded > 500 && answer.guarded < MANY);
    CHECK(bytes_equal_text(answer.state, "on") && answer.statistics == 1);
    holds("the status lists what is guarded and what is not, as far as there is room");
}

static void switched(void) {
    int before = described;
    is_asked = true;
    struct answer answer = control(0, CONTROL_OFF);
    CHECK(bytes_equal_text(answer.state, "off") && !is_asked && !enforcement_is_on(&core.enforcement));
    CHECK(answer.note.length > 0);          // there is no folder to keep it in
    answer = control(0, CONTROL_ON);
    CHECK(bytes_equal_text(answer.state, "on") && is_asked && enforcement_is_on(&core.enforcement));
    CHECK_EQUAL(described, before);
    holds("a switch waits for no list");
}

static void refused(void) {
    int before = described;
    for (int command = CONTROL_STATUS; command <= CONTROL_ON; command++) {
        struct answer answer = control(1000, (enum control_command)command);
        CHECK(answer.error.length > 0 && answer.state.length == 0 && answer.guarded == 0);
    }
    CHECK(enforcement_is_on(&core.enforcement));
    CHECK_EQUAL(described, before);
    holds("who is not root learns and changes nothing");
}

int main(void) {
    char error[256];
    struct core_options options = {.queue_events = 1024, .queue_bytes = 8u << 20, .cores = 2};
    log_init();
    CHECK_EQUAL(core_init(&core, &backend, &options, error, sizeof error), 0);
    CHECK_EQUAL(session_init(&session, &core, &listener, NULL, -1), 0);
    told();
    switched();
    refused();
    return 0;
}
