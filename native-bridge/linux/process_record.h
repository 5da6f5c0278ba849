// What the eBPF program tells of a process, as it lies in the ring: shared by ebpf/process_events.bpf.c, which writes it in
// the kernel, and process_ring.c, which reads it. Both are built from the same tree, so it is no protocol of its own.
#ifndef PICKET_LINUX_PROCESS_RECORD_H
#define PICKET_LINUX_PROCESS_RECORD_H

#ifndef __bpf__
#include <stdint.h>
#endif

enum process_record_bounds {
    RECORD_NAME_BYTES = 16,             // TASK_COMM_LEN
    RECORD_PATH_BYTES = 4096,           // PATH_MAX
    RECORD_STRINGS_BYTES = 65536,       // of arguments, and as many of variables
};

enum process_record_kind { RECORD_FORKED = 1, RECORD_EXECUTED = 2, RECORD_EXITED = 3 };

// What is in `has` is told whole; what is not, is too long, could not be read, or was not asked for.
enum process_record_parts {
    RECORD_HAS_ARGS = 1, RECORD_HAS_ENVIRONMENT = 2, RECORD_HAS_DIRECTORY = 4, RECORD_HAS_PROGRAM = 8,
};

// The texts follow it in this order: arguments and variables (each ended by a zero byte), folder, program.
struct process_record {
    uint64_t monotonic_ns;              // CLOCK_MONOTONIC
    uint64_t start_ns;                  // since boot, the time asleep included
    uint64_t code, stack;               // RECORD_EXECUTED: where the program lies in memory
    uint64_t inode;                     // RECORD_EXECUTED: of the program, and on which device, major << 20 | minor;
    uint64_t device;                    // 0: stat(2) would give another (btrfs, overlays)
    uint32_t kind;
    uint32_t has;
    uint32_t pid, parent_pid;           // of processes, in the first pid namespace
    uint32_t maker_pid;                 // RECORD_FORKED: who called fork; not the parent after clone(CLONE_PARENT)
    uint32_t uid, real_uid, gid;
    int32_t wait_status;                // RECORD_EXITED: as wait(2) gives it
    uint32_t args_length, environment_length, directory_length, program_length;
    uint32_t mount_namespace;           // RECORD_EXECUTED: its inode
    char name[RECORD_NAME_BYTES];
};

// The one value of the program's map `status`, mapped by the bridge.
struct process_status {
    uint64_t lost;                      // records for which the ring had no room
    uint64_t environment_wanted;
};

#endif
