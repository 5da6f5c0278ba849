#include "core/event_encoder.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/wire.h"
#include "picket/v1/event.pb.h"

// process, its parent and previous image, and theirs; deeper is cut rather than trusted to end.
enum { MAX_PROCESS_DEPTH = 4 };

static void put_user(struct wire_writer *writer, uint32_t tag, const struct user_facts *user) {
    if (!user->known) return;
    size_t mark = wire_begin(writer, tag);
    wire_uint(writer, picket_v1_User_id_tag, user->id);
    wire_bytes(writer, picket_v1_User_name_tag, user->name);
    wire_end(writer, mark);
}

void event_entity_id(uint32_t pid, uint64_t start_ns, char out[EVENT_ENTITY_ID_SIZE]) {
    // 10 + 1 + 20 digits and the end fit in any case.
    (void)snprintf(out, EVENT_ENTITY_ID_SIZE, "%" PRIu32 "-%" PRIu64, pid, start_ns);
}

static void put_hash(struct wire_writer *writer, uint32_t tag, const struct content_hash *hash) {
    if (hash == NULL || hash->state == HASH_UNSPECIFIED) return;
    size_t mark = wire_begin(writer, tag);
    if (hash->state == HASH_KNOWN)
        wire_bytes(writer, picket_v1_Hash_sha256_tag, (struct bytes){hash->sha256, sizeof hash->sha256});
    wire_bool(writer, picket_v1_Hash_unstable_tag, hash->unstable);
    wire_uint(writer, picket_v1_Hash_state_tag, hash->state);
    wire_end(writer, mark);
}

static void put_process(struct wire_writer *writer, uint32_t tag, const struct process_facts *process, int depth) {
    if (process == NULL || depth >= MAX_PROCESS_DEPTH) return;
    size_t mark = wire_begin(writer, tag);
    wire_bytes(writer, picket_v1_Process_executable_tag, process->executable);
    wire_uint(writer, picket_v1_Process_pid_tag, process->pid);
    if (process->entity_id != NULL) {
        wire_text(writer, picket_v1_Process_entity_id_tag, process->entity_id);
    } else if (process->start_ns != 0) {
        char entity_id[EVENT_ENTITY_ID_SIZE];
        event_entity_id(process->pid, process->start_ns, entity_id);
        wire_text(writer, picket_v1_Process_entity_id_tag, entity_id);
    }
    for (size_t i = 0; i < process->args_count; i++)
        wire_bytes_always(writer, picket_v1_Process_args_tag, process->args[i]);
    wire_bytes(writer, picket_v1_Process_working_directory_tag, process->working_directory);
    wire_fixed64(writer, picket_v1_Process_start_ns_tag, process->start_ns);
    put_user(writer, picket_v1_Process_user_tag, &process->user);
    put_user(writer, picket_v1_Process_real_user_tag, &process->real_user);
    wire_uint(writer, picket_v1_Process_group_id_tag, process->group_id);
    put_process(writer, picket_v1_Process_parent_tag, process->parent, depth + 1);
    put_process(writer, picket_v1_Process_previous_tag, process->previous, depth + 1);
    if (process->has_exit_code) wire_sint_always(writer, picket_v1_Process_exit_code_tag, process->exit_code);
    wire_bool(writer, picket_v1_Process_executable_unresolved_tag, process->executable_unresolved);
    for (size_t i = 0; i < process->env_vars_count; i++)
        wire_bytes_always(writer, picket_v1_Process_env_vars_tag, process->env_vars[i]);
    wire_bytes(writer, picket_v1_Process_tty_tag, process->tty);
    wire_uint(writer, picket_v1_Process_thread_id_tag, process->thread_id);
    wire_uint(writer, picket_v1_Process_session_leader_pid_tag, process->session_leader_pid);
    wire_uint(writer, picket_v1_Process_group_leader_pid_tag, process->group_leader_pid);
    wire_bytes(writer, picket_v1_Process_name_tag, process->name);
    put_hash(writer, picket_v1_Process_hash_tag, process->hash);
    wire_bytes(writer, picket_v1_Process_cgroup_tag, process->cgroup);
    wire_end(writer, mark);
}

static void put_file(struct wire_writer *writer, const struct file_facts *file) {
    if (file == NULL) return;
    size_t mark = wire_begin(writer, picket_v1_Event_file_tag);
    wire_bytes(writer, picket_v1_File_path_tag, file->path);
    wire_bool(writer, picket_v1_File_path_unresolved_tag, file->path_unresolved);
    wire_bytes(writer, picket_v1_File_target_path_tag, file->target_path);
    wire_bytes(writer, picket_v1_File_container_path_tag, file->container_path);
    if (file->has_stat) {
        wire_uint(writer, picket_v1_File_inode_tag, file->inode);
        wire_uint(writer, picket_v1_File_device_tag, file->device);
        wire_uint(writer, picket_v1_File_size_tag, file->size);
        wire_uint(writer, picket_v1_File_mode_tag, file->mode);
        wire_uint_always(writer, picket_v1_File_uid_tag, file->uid);
        wire_uint_always(writer, picket_v1_File_gid_tag, file->gid);
        wire_uint(writer, picket_v1_File_links_tag, file->links);
        wire_fixed64(writer, picket_v1_File_mtime_ns_tag, file->mtime_ns);
        wire_fixed64(writer, picket_v1_File_ctime_ns_tag, file->ctime_ns);
    }
    put_hash(writer, picket_v1_File_hash_tag, file->hash);
    wire_bytes(writer, picket_v1_File_owner_tag, file->owner);
    wire_end(writer, mark);
}

static void put_text_field(struct wire_writer *writer, const char *key, struct bytes text) {
    if (text.length == 0) return;
    size_t field = wire_begin(writer, picket_v1_ValueMap_fields_tag);
    wire_text(writer, picket_v1_ValueMap_Field_key_tag, key);
    size_t value = wire_begin(writer, picket_v1_ValueMap_Field_value_tag);
    wire_bytes(writer, picket_v1_Value_text_tag, text);
    wire_end(writer, value);
    wire_end(writer, field);
}

// es.statfs, as eslogger prints it.
static void put_statfs(struct wire_writer *writer, const struct statfs_facts *statfs) {
    if (statfs == NULL) return;
    size_t es = wire_begin(writer, picket_v1_Event_es_tag);
    size_t body = wire_begin(writer, picket_v1_Value_map_tag);
    size_t field = wire_begin(writer, picket_v1_ValueMap_fields_tag);
    wire_text(writer, picket_v1_ValueMap_Field_key_tag, "statfs");
    size_t value = wire_begin(writer, picket_v1_ValueMap_Field_value_tag);
    size_t map = wire_begin(writer, picket_v1_Value_map_tag);
    put_text_field(writer, "f_mntonname", statfs->mount_point);
    put_text_field(writer, "f_mntfromname", statfs->source);
    put_text_field(writer, "f_fstypename", statfs->type);
    wire_end(writer, map);
    wire_end(writer, value);
    wire_end(writer, field);
    wire_end(writer, body);
    wire_end(writer, es);
}

static void put_container(struct wire_writer *writer, const struct container_facts *container) {
    if (container->lookup == 0) return;
    size_t mark = wire_begin(writer, picket_v1_Event_container_tag);
    wire_uint(writer, picket_v1_Container_lookup_tag, container->lookup);
    wire_bytes(writer, picket_v1_Container_id_tag, container->id);
    wire_text(writer, picket_v1_Container_runtime_tag, container->runtime);
    wire_end(writer, mark);
}

static void put_head(struct wire_writer *writer, uint64_t created_ns, enum event_kind kind, const char *action,
                     uint32_t event_type, enum platform platform, const char *provider) {
    wire_fixed64(writer, picket_v1_Event_created_ns_tag, created_ns);
    wire_uint(writer, picket_v1_Event_kind_tag, kind);
    wire_text(writer, picket_v1_Event_action_tag, action);
    wire_uint(writer, picket_v1_Event_event_type_tag, event_type);
    wire_uint(writer, picket_v1_Event_platform_tag, platform);
    wire_text(writer, picket_v1_Event_provider_tag, provider);
}

static bool describe(const struct wire_writer *writer, enum event_kind kind, const char *action,
                     struct encoded_event *encoded) {
    if (writer->overflow) return false;
    *encoded = (struct encoded_event){writer->data, writer->length, kind, action};
    return true;
}

bool event_encode(const struct event_facts *event, void *buffer, size_t capacity, struct encoded_event *encoded) {
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, capacity);
    put_head(&writer, event->created_ns, event->kind, event->action, event->event_type, event->platform,
             event->provider);
    put_process(&writer, picket_v1_Event_process_tag, event->process, 0);
    put_file(&writer, event->file);
    if (event->exec_stage != EXEC_STAGE_NONE || event->exec_script.length > 0) {
        size_t mark = wire_begin(&writer, picket_v1_Event_exec_tag);
        wire_uint(&writer, picket_v1_Exec_stage_tag, event->exec_stage);
        wire_bytes(&writer, picket_v1_Exec_script_tag, event->exec_script);
        wire_end(&writer, mark);
    }
    wire_text(&writer, picket_v1_Event_outcome_tag, event->outcome);
    put_statfs(&writer, event->statfs);
    put_container(&writer, &event->container);
    return describe(&writer, event->kind, event->action, encoded);
}

static void put_part(struct wire_writer *writer, uint32_t part, uint32_t tag, const struct content_hash *hash) {
    if (hash->state == HASH_UNSPECIFIED) return;
    size_t mark = wire_begin(writer, part);
    put_hash(writer, tag, hash);
    wire_end(writer, mark);
}

size_t event_encode_hashes(const struct content_hashes *hashes, uint8_t buffer[EVENT_HASHES_SIZE]) {
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, EVENT_HASHES_SIZE);
    put_part(&writer, picket_v1_Event_process_tag, picket_v1_Process_hash_tag,
             hashes->is_one ? &hashes->file : &hashes->process);
    put_part(&writer, picket_v1_Event_file_tag, picket_v1_File_hash_tag, &hashes->file);
    return writer.overflow ? 0 : writer.length;
}

bool event_encode_unwatched(uint64_t created_ns, enum platform platform, uint64_t from_ns, uint64_t to_ns,
                            const char *who, void *buffer, size_t capacity, struct encoded_event *encoded) {
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, capacity);
    put_head(&writer, created_ns, EVENT_PICKET, "unwatched", 0, platform, "picket-bridge");
    size_t mark = wire_begin(&writer, picket_v1_Event_unwatched_tag);
    wire_fixed64(&writer, picket_v1_Unwatched_from_ns_tag, from_ns);
    wire_fixed64(&writer, picket_v1_Unwatched_to_ns_tag, to_ns);
    wire_text(&writer, picket_v1_Unwatched_who_tag, who);
    wire_end(&writer, mark);
    return describe(&writer, EVENT_PICKET, "unwatched", encoded);
}

bool event_encode_takeover(uint64_t created_ns, enum platform platform, uint64_t generation, uint32_t uid,
                           uint32_t pid, struct bytes agent, void *buffer, size_t capacity,
                           struct encoded_event *encoded) {
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, capacity);
    put_head(&writer, created_ns, EVENT_PICKET, "takeover", 0, platform, "picket-bridge");
    size_t mark = wire_begin(&writer, picket_v1_Event_takeover_tag);
    wire_uint(&writer, picket_v1_Takeover_generation_tag, generation);
    wire_uint(&writer, picket_v1_Takeover_uid_tag, uid);
    wire_uint(&writer, picket_v1_Takeover_pid_tag, pid);
    wire_bytes(&writer, picket_v1_Takeover_agent_tag, agent);
    wire_end(&writer, mark);
    return describe(&writer, EVENT_PICKET, "takeover", encoded);
}
