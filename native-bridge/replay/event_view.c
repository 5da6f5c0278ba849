#include "replay/event_view.h"

#include <string.h>

#include "core/event_encoder.h"
#include "core/wire.h"
#include "picket/v1/event.pb.h"

struct image {
    struct bytes executable;
    bool unresolved;
    uint32_t uid;
    uint32_t pid;
    struct bytes previous;      // still encoded
};

static bool read_user(struct bytes message, uint32_t *uid) {
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field))
        if (field.tag == picket_v1_User_id_tag) *uid = (uint32_t)wire_field_uint(&field);
    return !reader.malformed;
}

static bool read_process(struct bytes message, struct image *image) {
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        switch (field.tag) {
        case picket_v1_Process_executable_tag: image->executable = wire_field_bytes(&field); break;
        case picket_v1_Process_executable_unresolved_tag: image->unresolved = wire_field_uint(&field) != 0; break;
        case picket_v1_Process_pid_tag: image->pid = (uint32_t)wire_field_uint(&field); break;
        case picket_v1_Process_previous_tag: image->previous = wire_field_bytes(&field); break;
        case picket_v1_Process_user_tag:
            if (!read_user(wire_field_bytes(&field), &image->uid)) return false;
            break;
        default: break;
        }
    }
    return !reader.malformed;
}

static bool read_file(struct bytes message, struct event_view *view) {
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        if (field.tag == picket_v1_File_path_tag) view->file_path = wire_field_bytes(&field);
        if (field.tag == picket_v1_File_path_unresolved_tag) view->file_path_unresolved = wire_field_uint(&field) != 0;
    }
    return !reader.malformed;
}

bool event_view_read(struct bytes event, struct event_view *view) {
    struct image acting = {0}, previous = {0};
    struct wire_reader reader;
    struct wire_field field;
    bool good = true;
    memset(view, 0, sizeof *view);
    wire_reader_init(&reader, event);
    while (good && wire_next(&reader, &field)) {
        switch (field.tag) {
        case picket_v1_Event_created_ns_tag: view->created_ns = wire_field_fixed64(&field); break;
        case picket_v1_Event_kind_tag: view->kind = (uint32_t)wire_field_uint(&field); break;
        case picket_v1_Event_action_tag: view->action = wire_field_bytes(&field); break;
        case picket_v1_Event_process_tag: good = read_process(wire_field_bytes(&field), &acting); break;
        case picket_v1_Event_file_tag: good = read_file(wire_field_bytes(&field), view); break;
        default: break;
        }
    }
    good = good && !reader.malformed && read_process(acting.previous, &previous);
    if (!good || view->kind == 0 || view->action.length == 0) return false;
    view->uid = acting.uid;
    view->pid = acting.pid;
    if (bytes_equal_text(view->action, "exec")) {
        // The image asked about is the new one; some recordings name it as the process alone.
        if (view->file_path.length == 0) {
            view->file_path = acting.executable;
            view->file_path_unresolved = acting.unresolved;
        }
        view->executable = previous.executable;
        view->executable_unresolved = previous.unresolved;
    } else {
        view->executable = acting.executable;
        view->executable_unresolved = acting.unresolved;
    }
    return true;
}

size_t event_view_strip(struct bytes event, uint8_t *out, size_t capacity) {
    struct wire_writer writer;
    struct wire_reader reader;
    struct wire_field field;
    wire_writer_init(&writer, out, capacity);
    wire_reader_init(&reader, event);
    while (wire_next(&reader, &field)) {
        bool added = field.tag == picket_v1_Event_sequence_tag ||
                     (field.tag >= picket_v1_Event_auth_tag && field.tag <= picket_v1_Event_decision_tag);
        if (!added) wire_raw(&writer, field.whole.data, field.whole.length);
    }
    return writer.overflow || reader.malformed ? 0 : writer.length;
}
