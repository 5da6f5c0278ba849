// Who runs what: the table from which every event gets its actor. Fed by the proc connector (fork, exec, exit, user
// changes, in whatever order they come) and by readings of /proc; bounded, the least recently used entry goes first.
//
// Ownership: the table owns its entries and texts; views are copies in the caller's memory.
// Threading: none of its own; linux_backend's table lock guards every call. Nothing here allocates after init, opens
// a file or calls the kernel.
#ifndef PICKET_LINUX_PROCESS_TABLE_H
#define PICKET_LINUX_PROCESS_TABLE_H

#include "core/backend.h"
#include "text_pool.h"

enum {
    PROCESS_NAME_BYTES = 16,        // TASK_COMM_LEN
    PROCESS_PATH_BYTES = 4096,
    PROCESS_ARGS_BYTES = 16384,     // kept for later events; notify.exec itself carries more
    PROCESS_NONE = 0xffffffff,
};

// What one reading of /proc/PID yields. Borrowed.
struct process_reading {
    uint32_t pid;
    uint32_t parent_pid;
    uint64_t start_ticks;           // since boot, field 22 of /proc/PID/stat; 0: not known
    uint32_t uid, real_uid, gid;
    bool user_known;
    struct bytes executable;        // empty: not known
    bool executable_unresolved;
    char name[PROCESS_NAME_BYTES + 1];
};

// A process as an event tells it. The bytes lie in the view's own scratch memory.
struct process_view {
    uint32_t pid;
    uint64_t start_ticks;           // 0: not known
    uint32_t uid, real_uid, gid;
    bool user_known;
    struct bytes executable;
    bool executable_unresolved;
    struct bytes args;              // each ended by a zero byte
    bool args_known;
    char name[PROCESS_NAME_BYTES + 1];
};

struct actor_view {
    struct process_view process;
    struct process_view parent;     // pid 0: none
    size_t used;
    uint8_t scratch[3 * (PROCESS_PATH_BYTES + PROCESS_ARGS_BYTES)];
};

struct process_image {
    struct text executable;
    struct text args;
    uint32_t references;
    uint32_t next_free;
    bool executable_unresolved;
    bool args_known;
    char name[PROCESS_NAME_BYTES + 1];
};

struct process_entry {
    uint32_t pid;
    uint32_t parent_pid;
    uint64_t serial;                // of this entry; never used again
    uint64_t parent_serial;         // 0: not known
    uint64_t start_ticks;
    uint32_t uid, real_uid, gid;
    bool user_known;
    bool start_exact;               // read from /proc, not estimated from the fork's time
    bool exited;
    uint32_t image;                 // PROCESS_NONE: not known
    uint32_t trust;                 // the table's trust when the entry was last known to be right
    uint32_t hash_next;
    uint32_t older, newer;
};

struct process_table {
    struct process_entry *entries;
    struct process_image *images;
    uint32_t *buckets;
    uint32_t bucket_mask;
    uint32_t capacity;
    uint32_t free_entry, free_image;
    uint32_t oldest, newest;
    uint32_t count;
    uint64_t next_serial;
    uint32_t trust;                 // raised when events were lost
    struct text_pool texts;
};

// Allocates. False: out of memory.
bool process_table_init(struct process_table *table, uint32_t capacity, uint32_t text_blocks);
void process_table_destroy(struct process_table *table);

// The entry of a pid, or NULL. It becomes the most recently used.
struct process_entry *process_table_find(struct process_table *table, uint32_t pid);

// The same, but its place in that order is left as it is.
struct process_entry *process_table_peek(const struct process_table *table, uint32_t pid);

// Whether events were lost since the entry was last known to be right: its start time is to be compared again.
bool process_table_is_doubtful(const struct process_table *table, const struct process_entry *entry);
void process_table_confirm(struct process_table *table, struct process_entry *entry);

// The connector lost events: every entry is doubtful.
void process_table_doubt_all(struct process_table *table);

// A new process with its parent's image and user. An older entry of the same pid is forgotten.
struct process_entry *process_table_fork(struct process_table *table, uint32_t parent_pid, uint32_t pid,
                                         uint64_t start_ticks_estimate);

// A new image, described by `reading` (executable, name, user). The image that called exec is handed to the caller,
// who gives it back with process_table_drop_image(); PROCESS_NONE: not known.
struct process_entry *process_table_exec(struct process_table *table, uint32_t pid,
                                         const struct process_reading *reading, uint32_t *previous_image);

// The process ended; its entry stays for events that are still on their way.
struct process_entry *process_table_exit(struct process_table *table, uint32_t pid);

// What /proc says of a process that is new here, or whose entry turned out to be another process.
struct process_entry *process_table_insert(struct process_table *table, const struct process_reading *reading);

// Keeps the arguments of an image (each ended by a zero byte), cut after PROCESS_ARGS_BYTES.
void process_table_set_args(struct process_table *table, uint32_t image, struct bytes args);

void process_table_set_user(struct process_table *table, uint32_t pid, uint32_t uid, uint32_t real_uid);
void process_table_set_group(struct process_table *table, uint32_t pid, uint32_t gid);

void process_table_hold_image(struct process_table *table, uint32_t image);
void process_table_drop_image(struct process_table *table, uint32_t image);

// Copies the entry and its parent into `view`.
void process_table_view(struct process_table *table, const struct process_entry *entry, struct actor_view *view);

// Copies an image into a view that has room left, as a process of its own.
void process_table_view_image(struct process_table *table, uint32_t image, struct actor_view *scratch,
                              struct process_view *out);

#endif
