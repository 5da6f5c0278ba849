// What the eBPF program of process_program.h tells, one record at a time: the ring that it shares with the kernel.
//
// Ownership: the caller owns the struct; records are borrowed until the next read. Threading: one thread at a time.
#ifndef PICKET_LINUX_PROCESS_RING_H
#define PICKET_LINUX_PROCESS_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "process_record.h"

struct process_ring {
    int fd;                             // of the ring's map, which poll(2) takes; -1: there is none
    uint64_t *consumed;                 // shared with the kernel: up to where was read …
    const uint64_t *produced;           // … and written
    const uint8_t *data;                // twice, one behind the other, so that no record is in two pieces
    size_t size;                        // a power of two
    struct process_status *status;      // shared with the program
    uint64_t lost_told, misses_told;
    uint64_t held;                      // bytes of the record that the caller has
};

enum ring_read_result {
    RING_RECORD, RING_EMPTY,
    RING_BUSY,                          // one is being written; what comes after it can't be read yet
    RING_LOST,                          // records were lost; *count says how many
    RING_BROKEN,                        // what is there is no record, and was left out
};

// What the last read gave is given back by this one.
enum ring_read_result process_ring_read(struct process_ring *ring, const struct process_record **record,
                                        uint64_t *count);

// Whether variables are told from here on. Any thread.
void process_ring_want_environment(struct process_ring *ring, bool wanted);

// The parts of a record that are in its `has`, else empty.
struct record_text {
    const uint8_t *data;
    size_t length;
};
struct record_texts {
    struct record_text args, environment, directory, program;
};
struct record_texts process_record_texts(const struct process_record *record);

#endif
