#include "core/picket_event.h"

#include "core/wire.h"
#include "picket/v1/event.pb.h"

static struct wire_writer begin(const struct picket_event *event, const char *action) {
    struct wire_writer writer;
    wire_writer_init(&writer, event->buffer, event->capacity);
    wire_fixed64(&writer, picket_v1_Event_created_ns_tag, event->created_ns);
    wire_uint(&writer, picket_v1_Event_kind_tag, EVENT_PICKET);
    wire_text(&writer, picket_v1_Event_action_tag, action);
    wire_uint(&writer, picket_v1_Event_platform_tag, event->platform);
    wire_text(&writer, picket_v1_Event_provider_tag, "picket-bridge");
    return writer;
}

static void put_alert(struct wire_writer *writer, const struct picket_alert *alert) {
    size_t mark = wire_begin(writer, picket_v1_Event_alerts_tag);
    wire_text(writer, picket_v1_Alert_rule_tag, alert->rule);
    wire_text(writer, picket_v1_Alert_severity_tag, alert->severity);
    wire_text(writer, picket_v1_Alert_message_tag, alert->message);
    wire_end(writer, mark);
}

static bool finish(struct wire_writer *writer, const char *action, const struct picket_alert *alert,
                   struct encoded_event *encoded) {
    if (alert != NULL) put_alert(writer, alert);
    if (writer->overflow) return false;
    *encoded = (struct encoded_event){writer->data, writer->length, EVENT_PICKET, action};
    return true;
}

bool event_encode_enforcement(const struct picket_event *event, const struct enforcement_facts *facts,
                              const struct picket_alert *alert, struct encoded_event *encoded) {
    struct wire_writer writer = begin(event, "enforcement");
    size_t mark = wire_begin(&writer, picket_v1_Event_enforcement_tag);
    wire_text(&writer, picket_v1_Enforcement_state_tag, facts->state);
    wire_text(&writer, picket_v1_Enforcement_reason_tag, facts->reason);
    wire_uint(&writer, picket_v1_Enforcement_uid_tag, facts->uid);
    wire_uint(&writer, picket_v1_Enforcement_pid_tag, facts->pid);
    wire_end(&writer, mark);
    return finish(&writer, "enforcement", alert, encoded);
}

bool event_encode_overload(const struct picket_event *event, const struct overload_facts *facts,
                           const struct picket_alert *alert, struct encoded_event *encoded) {
    struct wire_writer writer = begin(event, "overload");
    size_t mark = wire_begin(&writer, picket_v1_Event_overload_tag);
    wire_uint(&writer, picket_v1_Overload_uid_tag, facts->uid);
    wire_uint(&writer, picket_v1_Overload_denied_tag, facts->denied);
    wire_uint(&writer, picket_v1_Overload_allowed_tag, facts->allowed);
    wire_fixed64(&writer, picket_v1_Overload_from_ns_tag, facts->from_ns);
    wire_fixed64(&writer, picket_v1_Overload_to_ns_tag, facts->to_ns);
    wire_end(&writer, mark);
    return finish(&writer, "overload", alert, encoded);
}

bool event_encode_mount(const struct picket_event *event, const struct mount_facts *facts,
                        const struct picket_alert *alert, struct encoded_event *encoded) {
    struct wire_writer writer = begin(event, "mount");
    size_t mark = wire_begin(&writer, picket_v1_Event_mount_tag);
    wire_bytes(&writer, picket_v1_Mount_path_tag, facts->path);
    wire_text(&writer, picket_v1_Mount_type_tag, facts->type);
    wire_uint(&writer, picket_v1_Mount_device_tag, facts->device);
    wire_bool(&writer, picket_v1_Mount_guarded_tag, facts->guarded);
    wire_text(&writer, picket_v1_Mount_reason_tag, facts->reason);
    wire_uint(&writer, picket_v1_Mount_pid_tag, facts->pid);
    wire_end(&writer, mark);
    return finish(&writer, "mount", alert, encoded);
}

bool event_append_alert(const struct picket_alert *alert, void *buffer, size_t capacity,
                        struct encoded_event *encoded) {
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, capacity);
    writer.length = encoded->length;
    put_alert(&writer, alert);
    if (writer.overflow) return false;
    encoded->length = writer.length;
    return true;
}

// NULL: no action of an agent's own event.
static const char *notice_action(struct bytes action) {
    static const char *const known[] = {"rule_set", "shadow_difference"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (bytes_equal_text(action, known[i])) return known[i];
    return NULL;
}

bool event_is_notice(struct bytes event, const char **action) {
    struct wire_reader reader;
    struct wire_field field;
    uint64_t kind = 0;
    bool numbered = false;
    *action = NULL;
    wire_reader_init(&reader, event);
    while (wire_next(&reader, &field)) {
        if (field.tag == picket_v1_Event_sequence_tag) numbered = true;     // the bridge alone numbers
        if (field.tag == picket_v1_Event_kind_tag) kind = wire_field_uint(&field);
        if (field.tag == picket_v1_Event_action_tag) *action = notice_action(wire_field_bytes(&field));
    }
    return !reader.malformed && !numbered && kind == EVENT_PICKET && *action != NULL;
}
