// Encodes picket.v1.Event from plain structs into a caller's buffer, without allocation. What is unknown stays zero
// (empty bytes, 0, NULL) and is not written.
//
// Ownership: everything is borrowed for the call. Threading: pure; any thread.
#ifndef PICKET_EVENT_ENCODER_H
#define PICKET_EVENT_ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backend.h"

// Large enough for an event with five paths of PATH_MAX; exec events with long arguments take more.
#define EVENT_BUFFER_SIZE 32768

// Values of picket.v1.EventKind, Platform, Container.Lookup and Exec.Stage, so that backends need no generated header.
enum event_kind {
    EVENT_AUTH = 1, EVENT_NOTIFY = 2, EVENT_LOG = 3, EVENT_DNS_QUERY = 4, EVENT_DNS_ANSWER = 5, EVENT_FLOW = 6,
    EVENT_PICKET = 7,
};
enum platform { PLATFORM_MACOS = 1, PLATFORM_LINUX = 2 };
enum container_lookup { CONTAINER_NONE = 1, CONTAINER_PENDING = 2, CONTAINER_FAILED = 3, CONTAINER_FOUND = 4 };
enum exec_stage { EXEC_STAGE_NONE = 0, EXEC_STAGE_PROGRAM = 1, EXEC_STAGE_INTERPRETER = 2, EXEC_STAGE_LOADER = 3 };

struct user_facts {
    bool known;
    uint32_t id;
    struct bytes name;
};

struct process_facts {
    struct bytes executable;
    bool executable_unresolved;
    uint32_t pid;
    const char *entity_id;              // NULL: pid and start_ns make it (event_entity_id)
    const struct bytes *args;
    size_t args_count;
    struct bytes working_directory;
    uint64_t start_ns;
    struct user_facts user;
    struct user_facts real_user;
    uint32_t group_id;
    const struct process_facts *parent;
    const struct process_facts *previous;
    bool has_exit_code;
    int32_t exit_code;
    const struct bytes *env_vars;
    size_t env_vars_count;
    struct bytes tty;
    uint32_t thread_id;
    uint32_t session_leader_pid;
    uint32_t group_leader_pid;
    struct bytes name;                  // comm, where the executable is unknown
    const struct content_hash *hash;    // NULL: nobody asks for it
    struct bytes cgroup;
};

// In which container the event's process is.
struct container_facts {
    enum container_lookup lookup;       // 0: nothing is to be said
    struct bytes id, cgroup;
    const char *runtime;
};

struct file_facts {
    struct bytes path;
    bool path_unresolved;
    struct bytes container_path;        // as the acting process has it from its own root, where that is another path
    struct bytes target_path;
    bool has_stat;                      // the fields below, down to ctime_ns
    uint64_t inode;
    uint64_t device;
    uint64_t size;
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
    uint32_t links;
    uint64_t mtime_ns;
    uint64_t ctime_ns;
    const struct content_hash *hash;    // NULL: nobody asks for it
    struct bytes owner;
};

// A mounted filesystem, by the names that Endpoint Security has for it.
struct statfs_facts {
    struct bytes mount_point;           // f_mntonname
    struct bytes source;                // f_mntfromname
    struct bytes type;                  // f_fstypename
};

struct event_facts {
    uint64_t created_ns;
    enum event_kind kind;
    const char *action;                 // static storage
    uint32_t event_type;
    enum platform platform;
    const char *provider;
    const struct process_facts *process;
    const struct file_facts *file;
    enum exec_stage exec_stage;
    struct bytes exec_script;
    const char *outcome;
    const struct statfs_facts *statfs;  // NULL: none
    struct container_facts container;
};

// Writes the event into buffer and describes it in *encoded (which borrows buffer). False: it does not fit.
bool event_encode(const struct event_facts *event, void *buffer, size_t capacity, struct encoded_event *encoded);

// "<pid>-<start_ns>": stable across restarts of the bridge, unlike the pid alone.
#define EVENT_ENTITY_ID_SIZE 40
void event_entity_id(uint32_t pid, uint64_t start_ns, char out[EVENT_ENTITY_ID_SIZE]);

// Fields that add hashes to an encoded event: appended to it, they take the place of those that it has.
#define EVENT_HASHES_SIZE 128
size_t event_encode_hashes(const struct content_hashes *hashes, uint8_t buffer[EVENT_HASHES_SIZE]);

// What the core says about itself (kind PICKET).
bool event_encode_unwatched(uint64_t created_ns, enum platform platform, uint64_t from_ns, uint64_t to_ns,
                            const char *who, void *buffer, size_t capacity, struct encoded_event *encoded);
bool event_encode_takeover(uint64_t created_ns, enum platform platform, uint64_t generation, uint32_t uid,
                           uint32_t pid, struct bytes agent, void *buffer, size_t capacity,
                           struct encoded_event *encoded);

#endif
