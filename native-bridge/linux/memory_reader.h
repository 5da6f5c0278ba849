// Reads what lies in the memory of other processes (arguments, environment), which whoever owns that memory can make
// wait for ever: a page of a hung FUSE file, or one that userfaultfd guards, and no signal but SIGKILL ends the wait. So
// the reading is done by processes that can be given up: a keeper, forked before any group of fanotify is open (later
// nothing may fork, and none of them holds a descriptor of the bridge), starts readers, kills those that are late and
// starts others. All of them end with the bridge.
//
// A user whose process made a reader late is not read for a while, so that nobody's processes cost the others theirs.
//
// Ownership: the caller owns the struct. Threading: one thread at a time; memory_reader_start() before that thread.
#ifndef PICKET_LINUX_MEMORY_READER_H
#define PICKET_LINUX_MEMORY_READER_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "core/backend.h"

enum {
    MEMORY_READERS = 3,
    MEMORY_WAIT_MS = 200,               // past this a reader is late
    MEMORY_AVOID_MS = 1000,             // so long is the user of what it read left alone, and twice as long each
    MEMORY_AVOID_MAX_MS = 60000,        // time again: a machine that stood still makes a reader late, too
    MEMORY_AVOIDED_USERS = 16,
    MEMORY_ARGS_BYTES = 512 * 1024,
    MEMORY_ENVIRONMENT_BYTES = 128 * 1024,
};

struct memory_lane;

struct avoided_user {
    uint32_t uid;
    int64_t until_us, wait_us;
};

struct memory_reader {
    struct memory_lane *lanes;          // shared with the readers
    int sockets[MEMORY_READERS];
    bool is_ready[MEMORY_READERS];
    int control;                        // to the keeper; -1: there is none
    pid_t keeper;
    int asked;                          // the lane that was asked, -1: none
    uint64_t number;
    uint32_t uid;
    struct avoided_user avoided[MEMORY_AVOIDED_USERS];
};

struct memory_answer {
    bool found;                         // false: gone, late, or not asked
    uint64_t start_ticks;               // of the process that was read
    struct bytes args;                  // each ended by a zero byte; valid until the next question
    struct bytes environment;
    bool has_stat;
    struct statx stat;                  // of its executable
};

enum memory_wanted { MEMORY_ARGS = 1, MEMORY_ENVIRONMENT = 2, MEMORY_PROGRAM = 4 };
enum memory_outcome { MEMORY_READ, MEMORY_LATE, MEMORY_AVOIDED };

// Forks the keeper. False with a sentence: nothing will be read.
bool memory_reader_start(struct memory_reader *reader, char *error, size_t error_size);
void memory_reader_stop(struct memory_reader *reader);

// Asks for what `wanted` says of a process; `uid` is its user's, UINT32_MAX if that is not known. The answer is to be
// fetched before the next question, by memory_reader_wait(), which takes MEMORY_WAIT_MS at most.
void memory_reader_ask(struct memory_reader *reader, uint32_t pid, uint32_t uid, unsigned wanted);
enum memory_outcome memory_reader_wait(struct memory_reader *reader, struct memory_answer *answer);

#endif
