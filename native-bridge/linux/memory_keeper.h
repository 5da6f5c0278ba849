// The far side of memory_reader.h: the processes that read.
// Ownership: a keeper has copies of the descriptors that it is given, and the readers as its children. Threading: processes
// of one thread each; what they share with the bridge is struct memory_lane.
#ifndef PICKET_LINUX_MEMORY_KEEPER_H
#define PICKET_LINUX_MEMORY_KEEPER_H

#include "memory_reader.h"

// One reader's place, in memory shared with the bridge. Only what answers the last number is looked at, and a reader
// writes here only when it has read all: one that was killed meanwhile never does.
struct memory_lane {
    uint64_t start_ticks;
    uint32_t args_length, environment_length;
    bool has_stat;
    struct statx stat;
    uint8_t args[MEMORY_ARGS_BYTES];
    uint8_t environment[MEMORY_ENVIRONMENT_BYTES];
};

struct memory_question {
    uint64_t number;
    uint32_t pid;
    uint32_t wanted;
};

struct memory_reply {
    uint64_t number;
    bool found;
};

// Runs in the forked child until the bridge ends; never returns. Over `control`, a byte from the bridge names a reader
// to be replaced; a byte back says that its place has a new one.
_Noreturn void memory_keeper_run(struct memory_lane *lanes, const int sockets[MEMORY_READERS], int control,
                                 pid_t bridge);

#endif
