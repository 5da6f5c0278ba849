// From what the table and the kernel say to what the encoder takes. A `struct event_memory` is one thread's workplace:
// all that an event borrows lies in it.
//
// Threading: each memory belongs to one thread.
#ifndef PICKET_LINUX_EVENT_FACTS_H
#define PICKET_LINUX_EVENT_FACTS_H

#include "canonical_path.h"
#include "container_path.h"
#include "core/event_encoder.h"
#include "host_identity.h"
#include "process_table.h"

struct process_memory {
    struct process_facts facts;
    char entity_id[ENTITY_ID_BYTES];
};

struct event_memory {
    struct event_facts event;
    struct process_memory process, parent, previous;
    struct file_facts file;
    struct content_hash file_hash, process_hash;
    struct actor_view view;
    struct process_view previous_view;
    struct canonical_path path, target;
    struct container_path container_path;
    uint8_t directory[PROCESS_PATH_BYTES];
    size_t directory_length;
    size_t args_used;
    size_t args_room;
    struct bytes *args;             // all arguments of an event, of one process behind the other, and variables
    size_t buffer_size;
    uint8_t *buffer;                // what is encoded
};

// Allocates room for an event of `buffer_size` bytes. False: out of memory.
bool event_memory_init(struct event_memory *memory, size_t buffer_size);
void event_memory_free(struct event_memory *memory);

// Begins an event: nothing of the one before is left.
void event_begin(struct event_memory *memory, enum event_kind kind, const char *action, const char *provider,
                 uint64_t created_ns);

// Describes a process as the event's, its parent or its previous image.
void event_set_process(struct event_memory *memory, struct process_memory *to, const struct process_view *view,
                       const struct boot *boot, const struct user_names *users);

// process, process.parent and process.working_directory from memory->view.
void event_set_actor(struct event_memory *memory, const struct boot *boot, const struct user_names *users);

// process.env_vars from what /proc/PID/environ holds.
void event_set_environment(struct event_memory *memory, struct bytes environment);

// The file by its path and, unless NULL, its stat. memory->container_path is the event's own to add.
void event_set_file(struct event_memory *memory, const struct canonical_path *path, const struct statx *stat,
                    const struct user_names *users);

// Encodes; environment and arguments that make the event too long are left out rather than it. False: not even so.
bool event_finish(struct event_memory *memory, struct encoded_event *encoded);

#endif
