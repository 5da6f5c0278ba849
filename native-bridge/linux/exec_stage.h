// Which step of an execve the kernel asks about. One call asks for the program, then, of a script, for its interpreter,
// then for the dynamic loader; nothing in the question tells them apart. So each file asked about is looked into: its
// "#!" line or its ELF header names the file that must come next, and only what is verified to be that file counts as
// a later step. In doubt it is a program, for rules are written against programs.
//
// Ownership: the table owns the descriptors it keeps. Threading: none of its own; the lock of struct actors guards every
// call, but exec_next_of(), which is pure.
#ifndef PICKET_LINUX_EXEC_STAGE_H
#define PICKET_LINUX_EXEC_STAGE_H

#include "core/backend.h"
#include "core/event_encoder.h"

enum { EXEC_NEXT_BYTES = 256, EXEC_SCRIPT_BYTES = 1024, EXEC_SLOTS = 256 };

// What a file's first bytes say about the next step.
struct exec_next {
    enum exec_stage stage;          // EXEC_STAGE_NONE: nothing follows, or it is not known
    char path[EXEC_NEXT_BYTES];
};

// Reads `length` bytes at `offset` without waiting; the count, or -1: not in memory.
typedef long (*exec_peek)(void *context, void *out, size_t length, uint64_t offset);

// Pure but for `peek`. False: the content is not in memory now, ask again later.
bool exec_next_of(exec_peek peek, void *context, struct exec_next *next);

struct exec_slot {
    uint32_t pid;                   // 0: free
    bool undecided;                 // `kept_fd` is open and to be looked into when the next question comes
    int kept_fd;
    bool reads_never_block;
    uint64_t used;
    struct exec_next next;
    uint16_t script_length;
    uint8_t script[EXEC_SCRIPT_BYTES];
};

struct exec_stages {
    uint64_t clock;
    struct exec_slot slots[EXEC_SLOTS];
};

struct exec_question {
    uint32_t pid;
    int fd;                         // of the file asked about
    struct bytes path;
    bool reads_never_block;         // of the file's filesystem
};

struct exec_answer {
    enum exec_stage stage;
    struct bytes script;            // of a later step that a script began; lies in the table until the next question
};

void exec_stages_init(struct exec_stages *stages);
struct exec_answer exec_stage_ask(struct exec_stages *stages, const struct exec_question *question);

// The process has a new image, or is gone: the next question begins an execve.
void exec_stage_forget(struct exec_stages *stages, uint32_t pid);
void exec_stages_close(struct exec_stages *stages);

#endif
