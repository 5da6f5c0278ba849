// Loads the eBPF program that tells of processes (ebpf/process_events.bpf.c) and attaches it. It is part of the bridge
// where clang and libbpf were there when it was built; PICKET_EBPF says so.
//
// Ownership: the caller owns the struct. Threading: open and close by one thread; in between process_program_misses() by the
// one that reads the ring.
#ifndef PICKET_LINUX_PROCESS_PROGRAM_H
#define PICKET_LINUX_PROCESS_PROGRAM_H

#include "process_ring.h"

enum { PROCESS_TRACEPOINTS = 3 };

struct bpf_object;

struct process_program {
    struct bpf_object *object;          // NULL: nothing is loaded
    int programs[PROCESS_TRACEPOINTS], links[PROCESS_TRACEPOINTS];
    struct process_ring ring;
};

#ifdef PICKET_TEST
extern uint32_t process_program_ring_bytes;     // instead of what the program says; 0: as it says
#endif

// False with a sentence: it is not part of this build, or the kernel refuses it. From here on records come.
bool process_program_open(struct process_program *program, char *error, size_t error_size);
void process_program_close(struct process_program *program);

// How often the kernel ran it not, for it ran on that processor already, since the last call.
uint64_t process_program_misses(struct process_program *program);

#endif
