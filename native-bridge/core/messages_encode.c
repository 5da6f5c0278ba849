#include "core/frame.h"
#include "core/host.h"
#include "core/messages.h"
#include "picket/v1/batch.pb.h"
#include "picket/v1/bridge.pb.h"
#include "picket/v1/event.pb.h"

enum { SENTENCE_BYTES = 1024 };     // what backends tell is shorter

static size_t begin_frame(struct wire_writer *writer) {
    static const uint8_t space[FRAME_HEADER];
    wire_raw(writer, space, sizeof space);
    return writer->length;
}

static void end_frame(struct wire_writer *writer, size_t mark) {
    if (writer->overflow) return;
    size_t length = writer->length - mark;
    if (length > FRAME_MAX) {
        writer->overflow = true;
        return;
    }
    frame_put_header(writer->data + mark - FRAME_HEADER, (uint32_t)length);
}

static void put_request(struct wire_writer *writer, uint32_t tag, const struct auth_request_facts *request) {
    size_t frame = begin_frame(writer);
    size_t mark = wire_begin(writer, tag);
    wire_fixed64(writer, picket_v1_AuthRequest_id_tag, request->id);
    wire_uint(writer, picket_v1_AuthRequest_epoch_tag, request->epoch);
    wire_uint(writer, picket_v1_AuthRequest_budget_us_tag, request->budget_us);
    wire_bytes(writer, picket_v1_AuthRequest_event_tag, request->event);
    wire_end(writer, mark);
    end_frame(writer, frame);
}

void message_lane_request(struct wire_writer *writer, const struct auth_request_facts *request) {
    put_request(writer, picket_v1_LaneToAgent_auth_request_tag, request);
}

void message_slow_request(struct wire_writer *writer, const struct auth_request_facts *request) {
    put_request(writer, picket_v1_ToAgent_auth_request_tag, request);
}

static void put_number(struct wire_writer *writer, uint32_t oneof_tag, uint32_t tag, uint64_t number) {
    size_t frame = begin_frame(writer);
    size_t mark = wire_begin(writer, oneof_tag);
    wire_uint(writer, tag, number);
    wire_end(writer, mark);
    end_frame(writer, frame);
}

void message_lane_switch(struct wire_writer *writer, uint64_t epoch) {
    put_number(writer, picket_v1_LaneToAgent_policy_switch_tag, picket_v1_PolicySwitch_epoch_tag, epoch);
}

void message_lane_ping(struct wire_writer *writer, uint64_t number) {
    put_number(writer, picket_v1_LaneToAgent_ping_tag, picket_v1_Ping_number_tag, number);
}

// A host name need not be UTF-8, and the field is a string: then it is left out.
static void put_utf8(struct wire_writer *writer, uint32_t tag, const char *text) {
    if (message_is_utf8(bytes_of_text(text))) wire_text(writer, tag, text);
}

void message_welcome(struct wire_writer *writer, const struct welcome *welcome) {
    size_t frame = begin_frame(writer);
    size_t mark = wire_begin(writer, picket_v1_ToAgent_welcome_tag);
    wire_uint(writer, picket_v1_Welcome_protocol_tag, PROTOCOL_VERSION);
    wire_text(writer, picket_v1_Welcome_backend_tag, welcome->backend);
    size_t host = wire_begin(writer, picket_v1_Welcome_host_tag);
    put_utf8(writer, picket_v1_Host_name_tag, welcome->host->name);
    put_utf8(writer, picket_v1_Host_os_family_tag, welcome->host->os_family);
    put_utf8(writer, picket_v1_Host_os_version_tag, welcome->host->os_version);
    put_utf8(writer, picket_v1_Host_kernel_tag, welcome->host->kernel);
    put_utf8(writer, picket_v1_Host_architecture_tag, welcome->host->architecture);
    put_utf8(writer, picket_v1_Host_boot_id_tag, welcome->host->boot_id);
    wire_end(writer, host);
    wire_text(writer, picket_v1_Welcome_bridge_instance_tag, welcome->bridge_instance);
    wire_uint(writer, picket_v1_Welcome_generation_tag, welcome->generation);
    for (const char *const *name = welcome->capabilities; name != NULL && *name != NULL; name++)
        wire_text(writer, picket_v1_Welcome_capabilities_tag, *name);
    wire_text(writer, picket_v1_Welcome_request_fifo_tag, welcome->request_fifo);
    wire_text(writer, picket_v1_Welcome_verdict_fifo_tag, welcome->verdict_fifo);
    wire_uint(writer, picket_v1_Welcome_max_frame_tag, FRAME_MAX);
    wire_uint(writer, picket_v1_Welcome_next_sequence_tag, welcome->next_sequence);
    wire_uint(writer, picket_v1_Welcome_platform_tag, welcome->platform);
    wire_end(writer, mark);
    end_frame(writer, frame);
}

void message_refused(struct wire_writer *writer, const char *reason) {
    size_t frame = begin_frame(writer);
    size_t mark = wire_begin(writer, picket_v1_ToAgent_refused_tag);
    wire_text(writer, picket_v1_Refused_reason_tag, reason);
    wire_end(writer, mark);
    end_frame(writer, frame);
}

// A sentence may quote a path, or be cut within a character. It is told all the same: a mount must not hide by its name.
static void put_sentence(struct wire_writer *writer, uint32_t tag, const char *sentence) {
    char ascii[SENTENCE_BYTES];
    size_t length = 0;
    if (message_is_utf8(bytes_of_text(sentence))) {
        wire_text(writer, tag, sentence);
        return;
    }
    for (; sentence[length] != 0 && length + 1 < sizeof ascii; length++)
        ascii[length] = (unsigned char)sentence[length] < 0x80 ? sentence[length] : '?';
    ascii[length] = 0;
    wire_text(writer, tag, ascii);
}

void message_unguarded(struct wire_writer *writer, const char *sentence) {
    put_sentence(writer, picket_v1_PolicyApplied_unguarded_tag, sentence);
}

void message_policy_applied(struct wire_writer *writer, uint64_t epoch, struct bytes unguarded, const char *error) {
    size_t frame = begin_frame(writer);
    size_t mark = wire_begin(writer, picket_v1_ToAgent_policy_applied_tag);
    wire_uint(writer, picket_v1_PolicyApplied_epoch_tag, epoch);
    wire_raw(writer, unguarded.data, unguarded.length);
    put_utf8(writer, picket_v1_PolicyApplied_error_tag, error);
    wire_end(writer, mark);
    end_frame(writer, frame);
}

void message_control_guarded(struct wire_writer *writer, const char *sentence) {
    put_sentence(writer, picket_v1_ControlReply_guarded_tag, sentence);
}

void message_control_unguarded(struct wire_writer *writer, const char *sentence) {
    put_sentence(writer, picket_v1_ControlReply_unguarded_tag, sentence);
}

// Answers before requests, each of which is counted first: so no snapshot has more answers than requests.
static void put_answers(struct wire_writer *writer, const struct statistics *statistics) {
    for (size_t place = 0; place < STATISTICS_ACTIONS; place++) {
        const char *action = atomic_load(&statistics->actions[place]);
        if (action == NULL) continue;
        for (uint32_t level = 1; level < STATISTICS_LEVELS; level++) {
            for (uint32_t denied = 0; denied < 2; denied++) {
                uint64_t count = atomic_load_explicit(&statistics->answers[place][level][denied], memory_order_acquire);
                if (count == 0) continue;
                size_t mark = wire_begin(writer, picket_v1_BridgeStatistics_answers_tag);
                wire_text(writer, picket_v1_BridgeStatistics_Answers_action_tag, action);
                wire_uint(writer, picket_v1_BridgeStatistics_Answers_level_tag, level);
                wire_uint(writer, picket_v1_BridgeStatistics_Answers_verdict_tag,
                          denied ? VERDICT_DENY : VERDICT_ALLOW);
                wire_uint(writer, picket_v1_BridgeStatistics_Answers_count_tag, count);
                wire_end(writer, mark);
            }
        }
    }
}

static void put_containers(struct wire_writer *writer, const struct statistics *statistics) {
    size_t mark = wire_begin(writer, picket_v1_BridgeStatistics_container_lookups_tag);
    wire_uint(writer, picket_v1_BridgeStatistics_ContainerLookups_found_tag, atomic_load(&statistics->containers_found));
    wire_uint(writer, picket_v1_BridgeStatistics_ContainerLookups_none_tag, atomic_load(&statistics->containers_none));
    wire_uint(writer, picket_v1_BridgeStatistics_ContainerLookups_gone_tag, atomic_load(&statistics->containers_gone));
    wire_uint(writer, picket_v1_BridgeStatistics_ContainerLookups_unreadable_tag,
              atomic_load(&statistics->containers_unreadable));
    wire_end(writer, mark);
}

static void put_requests(struct wire_writer *writer, const struct statistics *statistics) {
    for (size_t place = 0; place < STATISTICS_ACTIONS; place++) {
        uint64_t count = atomic_load_explicit(&statistics->requests[place], memory_order_relaxed);
        if (count == 0) continue;
        size_t mark = wire_begin(writer, picket_v1_BridgeStatistics_requests_tag);
        wire_text(writer, picket_v1_BridgeStatistics_Requests_action_tag, atomic_load(&statistics->actions[place]));
        wire_uint(writer, picket_v1_BridgeStatistics_Requests_count_tag, count);
        wire_end(writer, mark);
    }
}

static void put_hashes(struct wire_writer *writer, const struct hash_figures *hashes) {
    size_t mark = wire_begin(writer, picket_v1_BridgeStatistics_hashes_tag);
    wire_uint(writer, picket_v1_BridgeStatistics_Hashes_computed_tag, hashes->computed);
    wire_uint(writer, picket_v1_BridgeStatistics_Hashes_remembered_tag, hashes->remembered);
    wire_uint(writer, picket_v1_BridgeStatistics_Hashes_unstable_tag, hashes->unstable);
    wire_uint(writer, picket_v1_BridgeStatistics_Hashes_absent_tag, hashes->absent);
    wire_uint(writer, picket_v1_BridgeStatistics_Hashes_late_tag, hashes->late);
    wire_end(writer, mark);
}

static void put_figures(struct wire_writer *writer, uint32_t tag, const struct bridge_figures *figures) {
    const struct statistics *statistics = figures->statistics;
    size_t mark = wire_begin(writer, tag);
    put_answers(writer, statistics);
    put_requests(writer, statistics);
    wire_uint(writer, picket_v1_BridgeStatistics_pending_tag, figures->pending);
    wire_uint(writer, picket_v1_BridgeStatistics_late_verdicts_tag, atomic_load(&statistics->late_verdicts));
    wire_uint(writer, picket_v1_BridgeStatistics_unknown_verdicts_tag, atomic_load(&statistics->unknown_verdicts));
    wire_uint(writer, picket_v1_BridgeStatistics_queued_events_tag, figures->queued_events);
    wire_uint(writer, picket_v1_BridgeStatistics_events_tag, figures->events);
    wire_uint(writer, picket_v1_BridgeStatistics_dropped_events_tag, figures->dropped_events);
    wire_bool(writer, picket_v1_BridgeStatistics_breaker_open_tag, figures->breaker_open);
    wire_uint(writer, picket_v1_BridgeStatistics_breaker_opened_tag, figures->breaker_opened);
    if (figures->longest_answer_us > 0)
        wire_uint(writer, picket_v1_BridgeStatistics_longest_answer_us_tag, (uint64_t)figures->longest_answer_us);
    wire_text(writer, picket_v1_BridgeStatistics_enforcement_tag, figures->enforcement);
    wire_uint(writer, picket_v1_BridgeStatistics_unheard_answers_tag, atomic_load(&statistics->unheard_answers));
    put_hashes(writer, &figures->hashes);
    put_containers(writer, statistics);
    wire_end(writer, mark);
}

void message_statistics(struct wire_writer *writer, const struct bridge_figures *figures) {
    size_t frame = begin_frame(writer);
    put_figures(writer, picket_v1_ToAgent_statistics_tag, figures);
    end_frame(writer, frame);
}

void message_control_reply(struct wire_writer *writer, const struct control_reply *reply) {
    size_t frame = begin_frame(writer);
    size_t mark = wire_begin(writer, picket_v1_ToAgent_control_reply_tag);
    wire_text(writer, picket_v1_ControlReply_state_tag, reply->state);
    put_utf8(writer, picket_v1_ControlReply_reason_tag, reply->reason);
    wire_fixed64(writer, picket_v1_ControlReply_since_ns_tag, reply->since_ns);
    put_utf8(writer, picket_v1_ControlReply_error_tag, reply->error);
    put_utf8(writer, picket_v1_ControlReply_agent_tag, reply->agent);
    wire_uint(writer, picket_v1_ControlReply_generation_tag, reply->generation);
    wire_uint(writer, picket_v1_ControlReply_epoch_tag, reply->epoch);
    wire_raw(writer, reply->filesystems.data, reply->filesystems.length);
    put_utf8(writer, picket_v1_ControlReply_note_tag, reply->note);
    if (reply->figures != NULL) put_figures(writer, picket_v1_ControlReply_statistics_tag, reply->figures);
    wire_end(writer, mark);
    end_frame(writer, frame);
}

struct events_frame message_events_begin(struct wire_writer *writer) {
    struct events_frame frame = {.frame = begin_frame(writer)};
    frame.events = wire_begin(writer, picket_v1_ToAgent_events_tag);
    return frame;
}

void message_events_first(struct wire_writer *writer, uint64_t first_sequence) {
    wire_uint(writer, picket_v1_Events_first_sequence_tag, first_sequence);
}

void message_events_event(struct wire_writer *writer, const struct queue *queue, const struct queue_entry *entry) {
    size_t mark = wire_begin(writer, picket_v1_Events_events_tag);
    queue_write(queue, entry, writer);
    wire_end(writer, mark);
}

void message_events_loss(struct wire_writer *writer, const struct loss *loss) {
    size_t mark = wire_begin(writer, picket_v1_Events_losses_tag);
    wire_text(writer, picket_v1_Loss_cause_tag, loss->cause);
    wire_uint(writer, picket_v1_Loss_kind_tag, loss->kind);
    wire_text(writer, picket_v1_Loss_action_tag, loss->action);
    wire_uint(writer, picket_v1_Loss_count_tag, loss->count);
    wire_uint(writer, picket_v1_Loss_first_sequence_tag, loss->first_sequence);
    wire_uint(writer, picket_v1_Loss_last_sequence_tag, loss->last_sequence);
    wire_fixed64(writer, picket_v1_Loss_from_ns_tag, loss->from_ns);
    wire_fixed64(writer, picket_v1_Loss_to_ns_tag, loss->to_ns);
    wire_end(writer, mark);
}

void message_events_end(struct wire_writer *writer, const struct events_frame *frame, bool end_of_source) {
    wire_bool(writer, picket_v1_Events_end_of_source_tag, end_of_source);
    wire_end(writer, frame->events);
    end_frame(writer, frame->frame);
}

static void put_us(struct wire_writer *writer, uint32_t tag, int64_t us) {
    if (us > 0) wire_uint(writer, tag, us < UINT32_MAX ? (uint64_t)us : UINT32_MAX);
}

void message_auth_outcome(struct wire_writer *writer, const struct auth_outcome *outcome) {
    size_t mark = wire_begin(writer, picket_v1_Event_auth_tag);
    wire_uint(writer, picket_v1_AuthOutcome_verdict_tag, outcome->verdict);
    wire_uint(writer, picket_v1_AuthOutcome_level_tag, outcome->level);
    wire_bytes(writer, picket_v1_AuthOutcome_rule_tag, outcome->rule);
    wire_uint(writer, picket_v1_AuthOutcome_epoch_tag, outcome->epoch);
    wire_uint(writer, picket_v1_AuthOutcome_budget_us_tag, outcome->budget_us);
    put_us(writer, picket_v1_AuthOutcome_answered_us_tag, outcome->answered_us);
    wire_fixed64(writer, picket_v1_AuthOutcome_request_id_tag, outcome->request_id);
    wire_bool(writer, picket_v1_AuthOutcome_annotated_tag, outcome->annotated);
    put_us(writer, picket_v1_AuthOutcome_bridge_us_tag, outcome->bridge_us);
    put_us(writer, picket_v1_AuthOutcome_queue_us_tag, outcome->queue_us);
    put_us(writer, picket_v1_AuthOutcome_lane_us_tag, outcome->lane_us);
    if (outcome->budget_us > 0)
        put_us(writer, picket_v1_AuthOutcome_budget_percent_tag,
               (outcome->answered_us * 100 + outcome->budget_us - 1) / outcome->budget_us);
    wire_end(writer, mark);
}

void message_shadow(struct wire_writer *writer, struct bytes rule, enum verdict verdict) {
    size_t mark = wire_begin(writer, picket_v1_Event_shadow_tag);
    wire_bytes(writer, picket_v1_Shadow_rule_tag, rule);
    wire_uint(writer, picket_v1_Shadow_verdict_tag, verdict);
    wire_end(writer, mark);
}
