// Which files processes were asked about when they executed, until the exec is told: a program whose file is not here was
// run unasked.
//
// Threading: its own lock, held for a few comparisons; asked_execs_note() is for the permission readers.
#ifndef PICKET_LINUX_ASKED_EXECS_H
#define PICKET_LINUX_ASKED_EXECS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

// One execve asks for a program, interpreters and a loader, six at most (the kernel follows four scripts).
enum { ASKED_BUCKETS = 2048, ASKED_NOTES = 16 };

struct asked_note {
    uint32_t pid;               // 0: free
    uint64_t device, inode;
    int64_t noted_us;           // monotonic
};

struct asked_bucket {
    int64_t forgotten_us;       // when the latest note was made that gave way to another; 0: none did
    struct asked_note notes[ASKED_NOTES];
};

struct asked_execs {
    pthread_mutex_t lock;
    struct asked_bucket buckets[ASKED_BUCKETS];
};

enum asked {
    ASKED_ABOUT_IT,
    ASKED_ABOUT_ANOTHER,        // the exec was asked about, but by another file than this
    ASKED_ABOUT_NOTHING,
    ASKED_NOT_KNOWN,            // too many others were asked meanwhile
};

void asked_execs_init(struct asked_execs *asked);
void asked_execs_note(struct asked_execs *asked, uint32_t pid, uint64_t device, uint64_t inode, int64_t now_us);

// What was asked before the process's exec at `exec_us`; these notes are taken out. Device and inode 0: it is not known
// which file it is.
enum asked asked_execs_take(struct asked_execs *asked, uint32_t pid, uint64_t device, uint64_t inode, int64_t exec_us);

#endif
