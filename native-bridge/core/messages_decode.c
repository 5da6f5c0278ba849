#include <string.h>

#include "core/messages.h"
#include "picket/v1/bridge.pb.h"
#include "picket/v1/event.pb.h"

bool message_is_utf8(struct bytes text) {
    for (size_t i = 0; i < text.length;) {
        uint8_t lead = text.data[i];
        size_t more = lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2
                      : lead >= 0xf0 && lead < 0xf5 ? 3 : 4;
        if (more == 4 || more > text.length - i - 1) return false;
        uint32_t point = more == 0 ? lead : lead & (0x3fu >> more);
        for (size_t k = 1; k <= more; k++) {
            if ((text.data[i + k] & 0xc0) != 0x80) return false;
            point = point << 6 | (text.data[i + k] & 0x3f);
        }
        static const uint32_t lowest[] = {0, 0x80, 0x800, 0x10000};
        if (point < lowest[more] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
        i += more + 1;
    }
    return true;
}

bool message_annotations_valid(struct bytes annotations) {
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, annotations);
    while (wire_next(&reader, &field)) {
        // Strings among them must be UTF-8, or other languages refuse the whole batch.
        bool is_text = field.tag == picket_v1_Event_rules_tag || field.tag == picket_v1_Event_tags_tag ||
                       field.tag == picket_v1_Event_decision_tag;
        if (field.tag < picket_v1_Event_rules_tag || field.tag > picket_v1_Event_decision_tag) return false;
        if (is_text && (field.type != WIRE_BYTES || !message_is_utf8(field.bytes))) return false;
    }
    return !reader.malformed;
}

static bool decode_hello(struct bytes message, struct hello *hello) {
    struct wire_reader reader;
    struct wire_field field;
    memset(hello, 0, sizeof *hello);
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        switch (field.tag) {
        case picket_v1_Hello_protocol_tag: hello->protocol = (uint32_t)wire_field_uint(&field); break;
        case picket_v1_Hello_agent_tag: hello->agent = wire_field_bytes(&field); break;
        case picket_v1_Hello_version_tag: hello->version = wire_field_bytes(&field); break;
        case picket_v1_Hello_bridge_instance_tag: hello->bridge_instance = wire_field_bytes(&field); break;
        case picket_v1_Hello_accepted_through_tag: hello->accepted_through = wire_field_uint(&field); break;
        default: break;
        }
    }
    return !reader.malformed && message_is_utf8(hello->agent) && message_is_utf8(hello->version);
}

static bool decode_credit(struct bytes message, struct credit *credit) {
    struct wire_reader reader;
    struct wire_field field;
    memset(credit, 0, sizeof *credit);
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        if (field.tag == picket_v1_Credit_events_tag) credit->events = (uint32_t)wire_field_uint(&field);
        if (field.tag == picket_v1_Credit_accepted_through_tag) credit->accepted_through = wire_field_uint(&field);
    }
    return !reader.malformed;
}

static bool decode_verdict(struct bytes message, struct auth_verdict *verdict) {
    uint64_t answer = 0;
    struct wire_reader reader;
    struct wire_field field;
    memset(verdict, 0, sizeof *verdict);
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        switch (field.tag) {
        case picket_v1_AuthVerdict_id_tag: verdict->id = wire_field_fixed64(&field); break;
        case picket_v1_AuthVerdict_epoch_tag: verdict->epoch = wire_field_uint(&field); break;
        case picket_v1_AuthVerdict_verdict_tag: answer = wire_field_uint(&field); break;
        case picket_v1_AuthVerdict_cacheable_tag: verdict->cacheable = wire_field_uint(&field) != 0; break;
        case picket_v1_AuthVerdict_rule_tag: verdict->rule = wire_field_bytes(&field); break;
        case picket_v1_AuthVerdict_annotations_tag: verdict->annotations = wire_field_bytes(&field); break;
        case picket_v1_AuthVerdict_report_tag: verdict->report = wire_field_uint(&field) != 0; break;
        case picket_v1_AuthVerdict_hashes_tag: verdict->hashes = (uint32_t)wire_field_uint(&field); break;
        case picket_v1_AuthVerdict_annotated_tag: verdict->annotated = wire_field_uint(&field) != 0; break;
        case picket_v1_AuthVerdict_lane_us_tag: verdict->lane_us = (uint32_t)wire_field_uint(&field); break;
        case picket_v1_AuthVerdict_failed_tag: verdict->failed = wire_field_uint(&field) != 0; break;
        default: break;
        }
    }
    if (verdict->failed) answer = VERDICT_ALLOW;    // whatever it says
    if (reader.malformed || answer < VERDICT_ALLOW || answer > VERDICT_DEFER) return false;
    verdict->verdict = (enum verdict)answer;
    return message_is_utf8(verdict->rule) && message_annotations_valid(verdict->annotations);
}

static bool decode_control(struct bytes message, struct control *control) {
    uint64_t command = 0;
    struct wire_reader reader;
    struct wire_field field;
    memset(control, 0, sizeof *control);
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        if (field.tag == picket_v1_Control_command_tag) command = wire_field_uint(&field);
        if (field.tag == picket_v1_Control_reason_tag) control->reason = wire_field_bytes(&field);
    }
    if (reader.malformed || command < CONTROL_STATUS || command > CONTROL_ON) return false;
    control->command = (enum control_command)command;
    return message_is_utf8(control->reason);
}

static bool decode_slice(struct bytes message, uint32_t tag, struct bytes *slice) {
    struct wire_reader reader;
    struct wire_field field;
    *slice = (struct bytes){NULL, 0};
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field))
        if (field.tag == tag) *slice = wire_field_bytes(&field);
    return !reader.malformed;
}

static bool decode_number(struct bytes message, uint32_t tag, uint64_t *number) {
    struct wire_reader reader;
    struct wire_field field;
    *number = 0;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field))
        if (field.tag == tag) *number = wire_field_uint(&field);
    return !reader.malformed;
}

static bool decode_pong(struct bytes message, struct pong *pong) {
    struct wire_reader reader;
    struct wire_field field;
    memset(pong, 0, sizeof *pong);
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        if (field.tag == picket_v1_Pong_number_tag) pong->number = wire_field_uint(&field);
        if (field.tag == picket_v1_Pong_thread_id_tag) pong->thread_id = (uint32_t)wire_field_uint(&field);
    }
    return !reader.malformed;
}

bool message_decode_to_bridge(struct bytes frame, struct agent_message *message) {
    struct wire_reader reader;
    struct wire_field field;
    memset(message, 0, sizeof *message);
    wire_reader_init(&reader, frame);
    while (wire_next(&reader, &field)) {     // of a oneof's members the last one counts
        struct bytes body = wire_field_bytes(&field);
        switch (field.tag) {
        case picket_v1_ToBridge_hello_tag:
            message->kind = AGENT_MESSAGE_HELLO;
            if (!decode_hello(body, &message->hello)) return false;
            break;
        case picket_v1_ToBridge_policy_tag:
            message->kind = AGENT_MESSAGE_POLICY;
            message->policy = body;
            break;
        case picket_v1_ToBridge_credit_tag:
            message->kind = AGENT_MESSAGE_CREDIT;
            if (!decode_credit(body, &message->credit)) return false;
            break;
        case picket_v1_ToBridge_auth_verdict_tag:
            message->kind = AGENT_MESSAGE_AUTH_VERDICT;
            if (!decode_verdict(body, &message->verdict)) return false;
            break;
        case picket_v1_ToBridge_control_tag:
            message->kind = AGENT_MESSAGE_CONTROL;
            if (!decode_control(body, &message->control)) return false;
            break;
        case picket_v1_ToBridge_goodbye_tag:
            message->kind = AGENT_MESSAGE_GOODBYE;
            if (!decode_slice(body, picket_v1_Goodbye_reason_tag, &message->reason) ||
                !message_is_utf8(message->reason))
                return false;
            break;
        case picket_v1_ToBridge_notice_tag:
            message->kind = AGENT_MESSAGE_NOTICE;
            if (!decode_slice(body, picket_v1_Notice_event_tag, &message->event)) return false;
            break;
        default: break;
        }
    }
    return !reader.malformed;
}

bool message_decode_lane_to_bridge(struct bytes frame, struct agent_message *message) {
    struct wire_reader reader;
    struct wire_field field;
    memset(message, 0, sizeof *message);
    wire_reader_init(&reader, frame);
    while (wire_next(&reader, &field)) {
        struct bytes body = wire_field_bytes(&field);
        switch (field.tag) {
        case picket_v1_LaneToBridge_auth_verdict_tag:
            message->kind = AGENT_MESSAGE_AUTH_VERDICT;
            if (!decode_verdict(body, &message->verdict)) return false;
            break;
        case picket_v1_LaneToBridge_switched_tag:
            message->kind = AGENT_MESSAGE_SWITCHED;
            if (!decode_number(body, picket_v1_Switched_epoch_tag, &message->epoch)) return false;
            break;
        case picket_v1_LaneToBridge_pong_tag:
            message->kind = AGENT_MESSAGE_PONG;
            if (!decode_pong(body, &message->pong)) return false;
            break;
        default: break;
        }
    }
    return !reader.malformed;
}
