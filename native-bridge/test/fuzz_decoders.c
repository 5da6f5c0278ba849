// Mutates messages that the agent, the FIFO or a recording could hold and feeds them to everything that decodes,
// under ASan and UBSan: `fuzz_decoders SECONDS [SEED]`. Prints its seed; the same seed repeats the run.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/event_encoder.h"
#include "core/frame.h"
#include "core/messages.h"
#include "core/picket_event.h"
#include "core/policy.h"
#include "core/wire.h"
#include "picket/v1/bridge.pb.h"
#include "picket/v1/event.pb.h"
#include "replay/event_view.h"
#include "test/core_check.h"

enum { SIZE = 8192, CORPUS = 512 };

static struct {
    size_t length;
    uint8_t data[SIZE];
} corpus[CORPUS];
static size_t corpus_count;
static uint64_t decoded, refused;

static void keep(const uint8_t *data, size_t length) {
    size_t at = corpus_count < CORPUS ? corpus_count++ : random_below(CORPUS);
    corpus[at].length = length;
    memcpy(corpus[at].data, data, length);
}

static void put_static(struct wire_writer *writer, uint32_t tag) {
    size_t item = wire_begin(writer, tag);
    wire_text(writer, picket_v1_StaticVerdict_action_tag, "open");
    wire_uint(writer, picket_v1_StaticVerdict_verdict_tag, VERDICT_DENY);
    wire_text(writer, picket_v1_StaticVerdict_rule_tag, "rule");
    for (uint32_t i = 1; i <= 3; i++) {
        size_t test = wire_begin(writer, picket_v1_StaticVerdict_tests_tag);
        wire_uint(writer, picket_v1_StaticTest_subject_tag, i);
        wire_uint(writer, picket_v1_StaticTest_operator_tag, i);
        wire_text(writer, picket_v1_StaticTest_values_tag, "/a");
        wire_text(writer, picket_v1_StaticTest_values_tag, "/secret/");
        wire_end(writer, test);
    }
    size_t annotations = wire_begin(writer, picket_v1_StaticVerdict_annotations_tag);
    wire_text(writer, picket_v1_Event_rules_tag, "rule");
    wire_end(writer, annotations);
    wire_end(writer, item);
}

static void put_notice(struct wire_writer *writer) {
    wire_fixed64(writer, picket_v1_Event_created_ns_tag, 7);
    wire_uint(writer, picket_v1_Event_kind_tag, EVENT_PICKET);
    wire_text(writer, picket_v1_Event_action_tag, "rule_set");
    size_t set = wire_begin(writer, picket_v1_Event_rule_set_tag);
    wire_uint(writer, picket_v1_RuleSet_epoch_tag, 3);
    wire_text(writer, picket_v1_RuleSet_state_tag, "shadow");
    wire_end(writer, set);
}

static void seeds(void) {
    uint8_t data[SIZE];
    struct wire_writer writer;
    struct encoded_event event;
    size_t mark;

    wire_writer_init(&writer, data, sizeof data);
    mark = wire_begin(&writer, picket_v1_ToBridge_hello_tag);
    wire_uint(&writer, picket_v1_Hello_protocol_tag, 1);
    wire_text(&writer, picket_v1_Hello_agent_tag, "agent");
    wire_text(&writer, picket_v1_Hello_bridge_instance_tag, "0123456789abcdef");
    wire_uint(&writer, picket_v1_Hello_accepted_through_tag, 12345);
    wire_end(&writer, mark);
    keep(data, writer.length);

    wire_writer_init(&writer, data, sizeof data);
    mark = wire_begin(&writer, picket_v1_ToBridge_credit_tag);
    wire_uint(&writer, picket_v1_Credit_events_tag, 100);
    wire_uint(&writer, picket_v1_Credit_accepted_through_tag, 1000000);
    wire_end(&writer, mark);
    keep(data, writer.length);

    wire_writer_init(&writer, data, sizeof data);
    mark = wire_begin(&writer, picket_v1_ToBridge_control_tag);
    wire_uint(&writer, picket_v1_Control_command_tag, CONTROL_OFF);
    wire_text(&writer, picket_v1_Control_reason_tag, "a reason");
    wire_end(&writer, mark);
    keep(data, writer.length);

    wire_writer_init(&writer, data, sizeof data);
    mark = wire_begin(&writer, picket_v1_ToBridge_goodbye_tag);
    wire_text(&writer, picket_v1_Goodbye_reason_tag, "a reason");
    wire_end(&writer, mark);
    keep(data, writer.length);

    wire_writer_init(&writer, data, sizeof data);
    mark = wire_begin(&writer, picket_v1_ToBridge_notice_tag);
    size_t own = wire_begin(&writer, picket_v1_Notice_event_tag);
    put_notice(&writer);
    wire_end(&writer, own);
    wire_end(&writer, mark);
    keep(data, writer.length);

    // The event by itself, for what looks at it later.
    wire_writer_init(&writer, data, sizeof data);
    put_notice(&writer);
    keep(data, writer.length);

    for (uint32_t tag = 1; tag <= 4; tag += 3) {     // lane and socket
        wire_writer_init(&writer, data, sizeof data);
        mark = wire_begin(&writer, tag);
        wire_fixed64(&writer, picket_v1_AuthVerdict_id_tag, 0x1122334455667788);
        wire_uint(&writer, picket_v1_AuthVerdict_epoch_tag, 3);
        wire_uint(&writer, picket_v1_AuthVerdict_verdict_tag, VERDICT_DENY);
        wire_text(&writer, picket_v1_AuthVerdict_rule_tag, "rule");
        size_t annotations = wire_begin(&writer, picket_v1_AuthVerdict_annotations_tag);
        wire_text(&writer, picket_v1_Event_rules_tag, "rule");
        wire_text(&writer, picket_v1_Event_tags_tag, "attack.t1204");
        wire_end(&writer, annotations);
        wire_end(&writer, mark);
        keep(data, writer.length);
    }

    wire_writer_init(&writer, data, sizeof data);
    mark = wire_begin(&writer, picket_v1_LaneToBridge_switched_tag);
    wire_uint(&writer, picket_v1_Switched_epoch_tag, 3);
    wire_end(&writer, mark);
    mark = wire_begin(&writer, picket_v1_LaneToBridge_pong_tag);
    wire_uint(&writer, picket_v1_Pong_number_tag, 3);
    wire_end(&writer, mark);
    keep(data, writer.length);

    wire_writer_init(&writer, data, sizeof data);
    wire_uint(&writer, picket_v1_Policy_epoch_tag, 1);
    put_static(&writer, picket_v1_Policy_static_verdicts_tag);
    put_static(&writer, picket_v1_Policy_deny_reach_tag);
    wire_text(&writer, picket_v1_Policy_never_denied_tag, "/lib");
    mark = wire_begin(&writer, picket_v1_Policy_actions_tag);
    wire_text(&writer, picket_v1_ActionSettings_action_tag, "open");
    wire_uint(&writer, picket_v1_ActionSettings_default_verdict_tag, VERDICT_ALLOW);
    wire_end(&writer, mark);
    mark = wire_begin(&writer, picket_v1_Policy_subscriptions_tag);
    wire_uint(&writer, picket_v1_Subscription_kind_tag, EVENT_AUTH);
    wire_text(&writer, picket_v1_Subscription_action_tag, "open");
    wire_bool(&writer, picket_v1_Subscription_environment_tag, true);
    wire_end(&writer, mark);
    mark = wire_begin(&writer, picket_v1_Policy_guarded_filesystems_tag);
    wire_text(&writer, picket_v1_GuardedFilesystem_path_tag, "/data");
    wire_end(&writer, mark);
    mark = wire_begin(&writer, picket_v1_Policy_mutes_tag);
    wire_text(&writer, picket_v1_Mute_executable_prefix_tag, "/usr/bin/");
    wire_end(&writer, mark);
    wire_bool(&writer, picket_v1_Policy_guard_local_tag, true);
    wire_uint(&writer, picket_v1_Policy_new_mounts_tag, picket_v1_NewMounts_NEW_MOUNTS_GUARD);
    keep(data, writer.length);

    struct process_facts previous = {.executable = bytes_of_text("/bin/sh"), .pid = 2};
    struct process_facts process = {.executable = bytes_of_text("/bin/ls"), .pid = 3, .start_ns = 5, .previous = &previous,
                                    .user = {true, 1000, bytes_of_text("a")}, .has_exit_code = true, .exit_code = -1};
    struct file_facts file = {.path = bytes_of_text("/data/\xff"), .has_stat = true, .inode = 99, .mode = 0100644};
    CHECK(event_encode(&(struct event_facts){.created_ns = 7, .kind = EVENT_AUTH, .action = "exec", .process = &process,
                                             .file = &file, .exec_stage = EXEC_STAGE_PROGRAM},
                       data, sizeof data, &event));
    keep(data, event.length);
}

static size_t mutate(uint8_t *data, size_t length) {
    for (uint64_t count = 1 + random_below(4); count > 0; count--) {
        size_t at = length > 0 ? random_below(length) : 0;
        switch (random_below(7)) {
        case 0: if (length > 0) data[at] = (uint8_t)random_next(); break;
        case 1: if (length > 0) data[at] ^= (uint8_t)(1u << random_below(8)); break;
        case 2: length = at; break;
        case 3: {       // what length and tag bytes are most afraid of
            static const uint8_t nasty[] = {0x00, 0x7f, 0x80, 0xff, 0x01, 0x0a, 0x0b};
            if (length > 0) data[at] = nasty[random_below(sizeof nasty)];
            break;
        }
        case 4: {       // doubles a piece
            size_t piece = random_below(64);
            if (piece > length - at) piece = length - at;
            if (length + piece > SIZE) break;
            memmove(data + at + piece, data + at, length - at);
            length += piece;
            break;
        }
        case 5: {       // splices in a piece of another message
            const size_t other = random_below(corpus_count);
            size_t from = corpus[other].length > 0 ? random_below(corpus[other].length) : 0;
            size_t piece = corpus[other].length - from;
            if (piece > SIZE - at) piece = SIZE - at;
            memcpy(data + at, corpus[other].data + from, piece);
            if (at + piece > length) length = at + piece;
            break;
        }
        default:        // an endless varint
            if (length + 11 > SIZE) break;
            memset(data + length, 0xff, 11);
            length += 11;
        }
    }
    return length;
}

// The input in a block of exactly its size, so that a read behind it is seen.
static void decode_all(const uint8_t *data, size_t length) {
    static const struct auth_subject subjects[] = {
        {.action = "open", .file_path = {(const uint8_t *)"/secret/x", 9}, .executable = {(const uint8_t *)"/a", 2}},
        {.action = "exec", .file_path_unresolved = true, .executable_unresolved = true},
    };
    uint8_t *exact = malloc(length > 0 ? length : 1);
    char error[256];
    struct agent_message message;
    struct event_view view;
    static uint8_t stripped[SIZE];
    CHECK(exact != NULL);
    memcpy(exact, data, length);
    struct bytes input = {exact, length};
    bool good = message_decode_to_bridge(input, &message);
    good |= message_decode_lane_to_bridge(input, &message);
    struct policy *policy = policy_decode(input, error, sizeof error);
    if (policy != NULL) {
        for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
            (void)policy_static_verdict(policy, &subjects[i]);
            (void)policy_deny_could_reach(policy, &subjects[i]);
        }
        (void)policy_subscribes(policy, EVENT_AUTH, "open");
        (void)policy_mutes(policy, subjects[0].executable);
        (void)policy_action_settings(policy, "open");
        policy_unref(policy);
        good = true;
    }
    good |= event_view_read(input, &view);
    CHECK(event_view_strip(input, stripped, sizeof stripped) <= length);
    (void)message_annotations_valid(input);
    const char *action;
    if (event_is_notice(input, &action)) good = true;
    if (good) decoded++;
    else refused++;
    if (good && random_below(200) == 0) keep(data, length);
    free(exact);
}

static void frames(void) {
    static uint8_t buffer[1024 + FRAME_HEADER];
    struct frame_reader reader;
    struct bytes frame;
    frame_reader_init(&reader, buffer, sizeof buffer, 1024);
    for (int i = 0; i < 50; i++) {
        size_t space, count;
        uint8_t *into = frame_reader_space(&reader, &space);
        if (space == 0) return;
        count = 1 + random_below(space);
        for (size_t k = 0; k < count; k++) into[k] = random_below(3) == 0 ? (uint8_t)random_next() : 0;
        frame_reader_filled(&reader, count);
        enum frame_result result;
        while ((result = frame_reader_next(&reader, &frame)) == FRAME_READY) CHECK(frame.length <= 1024);
        if (result == FRAME_TOO_LONG) return;
    }
}

int main(int argc, char **argv) {
    long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 20;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    if (seed == 0) seed = (uint64_t)time(NULL);
    random_state ^= seed * 0x9e3779b97f4a7c15u;
    printf("  seed %" PRIu64 ", %ld s\n", seed, seconds);
    seeds();
    time_t end = time(NULL) + seconds;
    while (time(NULL) < end) {
        for (int i = 0; i < 1000; i++) {
            uint8_t data[SIZE];
            size_t from = random_below(corpus_count), length = corpus[from].length;
            memcpy(data, corpus[from].data, length);
            decode_all(data, mutate(data, length));
            frames();
        }
    }
    printf("  %" PRIu64 " inputs decoded, %" PRIu64 " refused, no fault\n", decoded, refused);
    return 0;
}
