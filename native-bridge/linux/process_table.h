// Who runs what: the table from which every event gets its actor. Fed by the proc connector (fork, exec, exit, user
// changes, in whatever order they come) and by readings of /proc; bounded, the least recently used entry goes first.
//
// The connector names a child's parent, not who made it: after clone(CLONE_PARENT) these are two. So what a child takes
// over from its parent is a guess until it was read of the child itself; process_table_learn() settles it.
//
// Ownership: the table owns its entries and texts; views are copies in the caller's memory.
// Threading: none of its own; the lock of struct actors guards every call. Nothing here allocates after init, opens
// a file or calls the kernel.
#ifndef PICKET_LINUX_PROCESS_TABLE_H
#define PICKET_LINUX_PROCESS_TABLE_H

#include "core/backend.h"
#include "cgroups.h"
#include "text_pool.h"

enum {
    PROCESS_NAME_BYTES = 16,        // TASK_COMM_LEN
    PROCESS_PATH_BYTES = 4096,
    PROCESS_ARGS_BYTES = 16384,     // kept for later events; notify.exec itself carries more
    PROCESS_NONE = 0xffffffff,
};

// Where a program lies in memory: random at each exec, the same in all that fork makes of it. Zeros: not known, or no
// memory of its own (a kernel's thread, a process that has ended).
struct layout {
    uint64_t code, stack;
};

// When something happened: by the connector's clock (CLOCK_MONOTONIC), and as a start time would be given.
struct moment {
    uint64_t ns;
    uint64_t ticks;
};

// What one reading of /proc/PID yields. Borrowed.
struct process_reading {
    uint32_t pid;
    uint32_t parent_pid;
    uint64_t read_ns;               // CLOCK_MONOTONIC, before the reading began
    uint64_t start_ticks;           // since boot, field 22 of /proc/PID/stat; 0: not known
    uint32_t threads;
    char state;                     // as in /proc/PID/stat
    struct layout layout;
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
    struct container_facts container;   // of the view's own process; of others none
};

struct actor_view {
    struct process_view process;
    struct process_view parent;     // pid 0: none
    size_t used;
    uint8_t scratch[3 * (PROCESS_PATH_BYTES + PROCESS_ARGS_BYTES)];
    uint8_t cgroup[CGROUP_PATH_BYTES];
};

struct process_image {
    struct text executable;
    struct text args;
    struct layout layout;
    uint32_t references;
    uint32_t next_free;
    bool is_read;                   // from /proc; else `executable` is what the kernel asked about before the exec, or empty
    bool executable_unresolved;
    bool args_known;
    char name[PROCESS_NAME_BYTES + 1];
};

struct process_entry {
    uint32_t pid;
    uint32_t parent_pid;
    uint64_t serial;                // of this entry; never used again
    uint64_t parent_serial;         // 0: not known
    uint64_t met_ns;                // it is known to have been there then: its fork, or the first that was heard of it
    uint64_t born_after_ns;         // the last that was heard of the pid's owner before
    uint64_t executed_ns, ended_ns; // 0: not
    uint64_t learnt_ns;             // 0: nothing was read of it itself yet
    uint64_t user_told_ns;          // when the user was as it is here, by who told of a fork or an exec; 0: not told
    uint64_t start_ticks;           // 0: not known
    uint64_t latest_start;          // it began in this tick or before; 0: not known
    uint32_t uid, real_uid, gid;
    bool user_known;
    bool owns_user;                 // read of itself and followed since, not its parent's by guess
    bool start_exact;               // read from /proc, not estimated from the fork's time
    bool start_told;                // in an event: it stays, for one process has one entity id
    bool is_born;                   // its fork was seen
    bool owns_image;                // the image is known to be its own, not taken over by guess
    bool is_threaded;               // it had more than one thread
    bool leader_exited;             // its first thread; others may go on
    bool exited;
    bool is_successor;              // it has the pid of one whose end was not told yet
    bool is_forgotten;              // pinned only: no look-up finds it
    uint32_t pins;
    uint32_t image;                 // PROCESS_NONE: not known
    uint32_t trust;                 // the table's trust when the entry was last known to be right
    struct cgroup_ref cgroup;       // of its last exec, or of the first reading since its fork
    struct text asked;              // the file that the kernel asked about last, on the way to an exec
    uint64_t asked_ns;
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
    struct cgroups cgroups;
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

// Could the process with this start be the one of the entry? A start is no later than what was heard of it first, and
// the next owner of a pid begins later than that.
bool process_table_could_be(const struct process_entry *entry, uint64_t start_ticks);

// A new process, with its parent's image and user as a guess. An older entry of the same pid is forgotten. NULL: news
// of a process before the one that is known.
struct process_entry *process_table_fork(struct process_table *table, uint32_t parent_pid, uint32_t pid,
                                         struct moment when);

// A new image, not yet read. The image that called exec is handed to the caller, who gives it back with
// process_table_drop_image(), PROCESS_NONE: not known; `previous_certain`: it is more than a guess. NULL as above.
struct process_entry *process_table_exec(struct process_table *table, uint32_t pid, struct moment when,
                                         uint32_t *previous_image, bool *previous_certain);

// The process ended; its entry stays for events that are still on their way. NULL: as above.
struct process_entry *process_table_exit(struct process_table *table, uint32_t pid, struct moment when);

// What /proc says of a process that is new here, or whose entry turned out to be another process.
struct process_entry *process_table_insert(struct process_table *table, const struct process_reading *reading);

// What /proc says of the very process of an entry.
void process_table_learn(struct process_table *table, struct process_entry *entry,
                         const struct process_reading *reading);

// All but the executable was read of a new child: is the image that it took over its own?
void process_table_recognise(struct process_table *table, struct process_entry *entry,
                             const struct process_reading *reading);

// A fork that was told with who made the child, its start and its user: it runs what its maker ran then.
void process_table_take_birth(struct process_table *table, struct process_entry *entry, uint32_t maker_pid,
                              const struct process_reading *told);

// An exec that was told with the process's start, user and name: all but the executable.
void process_table_take_exec(struct process_table *table, struct process_entry *entry,
                             const struct process_reading *told);

// The executable of an image whose own could not be read: for certain, or as a hint if there is none yet.
void process_table_hint_image(struct process_table *table, uint32_t image, const struct process_reading *told,
                              const struct process_entry *keep);

// The file that the kernel asks about before the process executes it, kept for an exec that can't be looked at in time.
void process_table_set_asked(struct process_table *table, struct process_entry *entry, struct bytes path,
                             uint64_t now_ns);

// A pinned entry keeps its memory when it is forgotten, until it is unpinned as often.
void process_table_pin(struct process_entry *entry);
void process_table_unpin(struct process_table *table, struct process_entry *entry);

// Keeps the arguments of an image (each ended by a zero byte), cut after PROCESS_ARGS_BYTES.
void process_table_set_args(struct process_table *table, uint32_t image, struct bytes args);

// News from before the last reading, or of a process whose user was not known whole, change nothing.
void process_table_set_user(struct process_table *table, uint32_t pid, uint32_t uid, uint32_t real_uid, uint64_t when_ns);
void process_table_set_group(struct process_table *table, uint32_t pid, uint32_t gid, uint64_t when_ns);

void process_table_hold_image(struct process_table *table, uint32_t image);
void process_table_drop_image(struct process_table *table, uint32_t image);

// The entry of a process's parent; NULL: not in the table, or the pid is another's by now.
struct process_entry *process_table_parent(struct process_table *table, struct process_entry *entry);

// Copies the entry, with this image, and its parent into `view`. Their start times are told by that, and stay.
void process_table_view(struct process_table *table, struct process_entry *entry, uint32_t image, bool owns_image,
                        struct actor_view *view);

// Copies an image into a view that has room left, as a process of its own.
void process_table_view_image(struct process_table *table, uint32_t image, struct actor_view *scratch,
                              struct process_view *out);

// The texts' part of the above, for process_table.c and process_image.c.
uint32_t process_table_new_image(struct process_table *table);
void process_table_read_image(struct process_table *table, uint32_t image, const struct process_reading *reading,
                              const struct process_entry *keep);
bool process_table_put_text(struct process_table *table, struct text *text, struct bytes data,
                            const struct process_entry *keep);
bool process_table_forget_oldest(struct process_table *table, const struct process_entry *keep);

#endif
