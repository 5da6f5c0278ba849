// Who acts: the process table kept true by the news of processes, for the two threads that ask it. The permission reader
// drains them before it judges, so a change that happened before a question is known when it is answered.
//
// Ownership: owns the news' socket, the table, the queue of changes. Threading: its own lock; no function calls the core
// while it holds it, so it may be taken inside the core's calls. Nothing here reads a process's own memory.
#ifndef PICKET_LINUX_ACTORS_H
#define PICKET_LINUX_ACTORS_H

#include <pthread.h>

#include "exec_stage.h"
#include "host_identity.h"
#include "process_news.h"
#include "process_table.h"

enum { CHANGES_MAX = 4096, WANTED_MAX = 64, LINGERING_MAX = 256 };

// A process that began, changed its image or ended. Given back with actors_finish().
struct actor_change {
    enum proc_change_kind kind;
    uint64_t created_ns;
    uint64_t when_ns;               // CLOCK_MONOTONIC
    struct process_entry *process;  // pinned
    uint32_t pid;
    uint32_t image;                 // held: what it ran then, and whether that is more than a guess
    bool owns_image;
    uint32_t previous;              // PROC_EXECUTED: the image that called exec, held, likewise
    bool previous_certain;
    int32_t exit_code;
    bool is_told;                   // PROC_EXECUTED: by an eBPF program, with what `record` says has
    struct process_record record;
    struct text texts;              // that follow the record, in told_texts
};

// What a change was told with, whole and in one piece.
struct told_image {
    struct process_record record;
    uint8_t texts[2 * RECORD_STRINGS_BYTES + 2 * RECORD_PATH_BYTES];
};

// A process whose first thread has ended, while others may go on: it has ended when /proc says so.
struct lingering {
    struct proc_change last;        // of its threads that end
    uint64_t serial;
    int64_t due_us, wait_us;
    bool has_news;                  // a thread ended since the last look
    bool is_over;                   // all have ended; only the last one's own news, with the exit code, may be missing
};

struct actors {
    pthread_mutex_t lock;
    pthread_cond_t args_read;
    const struct boot *boot;
    struct process_news news;
    int wake;                       // eventfd: something for the notify thread to do
    bool notify_fork, notify_exit;
    uint64_t overflows, changes_dropped, changes_lost;
    struct text_pool told_texts;
    int64_t no_waiting_until_us;    // the notify thread was late: its help is not waited for
    struct process_table table;
    struct exec_stages stages;
    uint32_t first_change, changes_count;
    struct actor_change changes[CHANGES_MAX];
    uint32_t lingering_count;
    struct lingering lingering[LINGERING_MAX];
    uint32_t wanted_count;
    uint32_t wanted[WANTED_MAX];
    uint32_t containers_wanted_count;
    uint32_t containers_wanted[WANTED_MAX];
    struct container_counts containers;
    uint8_t path[PROCESS_PATH_BYTES];
};

struct actor_losses {
    uint64_t overflows;             // of which nobody knows the number
    uint64_t changes_dropped, changes_lost;
};

// Opens the connector beside the ring (NULL: none) and reads all processes of /proc. False with a sentence: out of memory.
// A connector that can't be had is no error: `connector_error` (not empty) says what is missing, and each question reads
// /proc instead.
bool actors_open(struct actors *actors, const struct boot *boot, struct process_ring *ring, char *error,
                 size_t error_size, char *connector_error, size_t connector_error_size);
void actors_close(struct actors *actors);

// Copies what is known of the process behind an event into `view`. `pidfd`: the event's, or PIDFD_NONE, PIDFD_GONE.
// With `needs_args`, waits at most 2 ms for the notify thread to read arguments that are not known yet.
void actors_look(struct actors *actors, uint32_t pid, int pidfd, bool needs_args, struct actor_view *view);

struct exec_answer actors_exec_stage(struct actors *actors, const struct exec_question *question,
                                     uint8_t script[EXEC_SCRIPT_BYTES]);

// The notify thread's part: takes what the connector has, then hands out one change. False: none waits.
bool actors_next_change(struct actors *actors, struct actor_change *change);

// The containers of processes are read by the notify thread alone: of those that execute, and of those that were asked about.
void actors_read_container(struct actors *actors, uint32_t pid);
void actors_read_wanted_containers(struct actors *actors);
// One of those that are not read yet, from *at = 0 on. False: there is none any more.
bool actors_read_next_container(struct actors *actors, uint32_t *at);

// How long it may wait for the next one; -1: for ever.
int actors_wait_ms(struct actors *actors);

// Reads of the process itself what is not known of it, unless it runs something else by now.
void actors_learn_change(struct actors *actors, const struct actor_change *change);

// What the change was told with, copied. False: it was told without.
bool actors_told(struct actors *actors, const struct actor_change *change, struct told_image *told);

// Is the path of its program known for certain?
bool actors_know_program(struct actors *actors, const struct actor_change *change);
// Where it is not: the path as it was told, which is certain, or else a hint.
void actors_learn_told(struct actors *actors, const struct actor_change *change, struct bytes path, bool is_certain);

void actors_view_change(struct actors *actors, const struct actor_change *change, struct actor_view *view,
                        struct process_view *previous);
void actors_finish(struct actors *actors, struct actor_change *change);

// Whose arguments are missing, one by one: first those that actors_look() waits for. False: nobody's. `everybody`: goes
// through the whole table once, from *at = 0 on.
struct args_wanted {
    uint32_t pid, uid, image;
    uint64_t serial;
    bool user_known;
};
bool actors_next_wanted(struct actors *actors, struct args_wanted *wanted);
bool actors_next_without_args(struct actors *actors, uint32_t *at, struct args_wanted *wanted);
void actors_args_of_change(struct actors *actors, const struct actor_change *change, struct args_wanted *wanted);

// Keeps arguments if the process that started then still runs the image that they were wanted for. False: it does not.
bool actors_keep_args(struct actors *actors, const struct args_wanted *wanted, uint64_t start_ticks, struct bytes args);

// Does it still run it? Nothing is kept.
bool actors_run_still(struct actors *actors, const struct args_wanted *wanted, uint64_t start_ticks);

void actors_set_interest(struct actors *actors, bool fork, bool exit);
struct container_counts actors_container_counts(struct actors *actors);

// So many changes were not told at all: whatever is known is in doubt.
void actors_lose(struct actors *actors, uint64_t changes);
struct actor_losses actors_take_losses(struct actors *actors);

#endif
