// The kernel's proc connector: fork, exec, exit and user changes of every process, over netlink.
//
// Ownership: the caller owns the socket. Threading: proc_connector_read() by one thread at a time.
#ifndef PICKET_LINUX_PROC_CONNECTOR_H
#define PICKET_LINUX_PROC_CONNECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum proc_change_kind {
    PROC_FORKED, PROC_EXECUTED, PROC_EXITED, PROC_USER_CHANGED, PROC_GROUP_CHANGED,
    PROC_THREAD_STARTED,      // a further thread of a process that is there
    PROC_THREAD_EXITED,       // not the first thread of its process; that one's end is PROC_EXITED
};

struct process_record;

struct proc_change {
    enum proc_change_kind kind;
    uint32_t pid;
    uint32_t parent_pid;      // PROC_FORKED
    uint32_t effective_id;    // PROC_USER_CHANGED, PROC_GROUP_CHANGED
    uint32_t real_id;
    int32_t exit_code;        // PROC_EXITED, PROC_THREAD_EXITED: as a shell gives it, 128 + signal for one that was killed
    uint64_t monotonic_ns;
    // By the eBPF program (process_news.h); NULL: by the connector. It knows a process's start and user, and at PROC_EXITED
    // that all threads have ended.
    const struct process_record *told;
};

enum proc_read_result { PROC_READ_CHANGE, PROC_READ_OTHER, PROC_READ_EMPTY, PROC_READ_OVERFLOW, PROC_READ_FAILED };
enum proc_wanted { PROC_ALL, PROC_ONLY_USERS };

// Whether the pids of the connector mean anything here: they are those of the machine's own pid namespace.
bool proc_connector_pids_are_ours(void);

// A subscribed, non-blocking socket, or -1 with a sentence in `error`.
int proc_connector_open(enum proc_wanted wanted, char *error, size_t error_size);

// As a shell gives it.
int32_t proc_exit_code(uint32_t wait_status);

// Reads one message. PROC_READ_OTHER: one that is none of ours.
enum proc_read_result proc_connector_read(int socket, struct proc_change *change);

// Parses one datagram of the connector; false: not a change of a process.
bool proc_connector_parse(const void *datagram, size_t length, struct proc_change *change);

#endif
