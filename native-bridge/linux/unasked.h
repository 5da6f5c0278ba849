// Programs that ran although nobody was asked about them: from memory, from a filesystem that was mounted where no mark was,
// before its mark was there. Known when an exec is told whose question never came.
//
// Threading: for the notify thread. It reads /proc alone and never waits for a filesystem.
#ifndef PICKET_LINUX_UNASKED_H
#define PICKET_LINUX_UNASKED_H

#include "asked_execs.h"
#include "guard_state.h"

struct told_exec {
    uint32_t pid;
    uint64_t created_ns;            // Unix time
    int64_t monotonic_us;
    bool was_remembered;            // the kernel was told not to ask about it
    const struct statx *program;    // of /proc/PID/exe; NULL: the process was gone or had another image already
};

// Why the exec is news, a sentence's end; NULL: it was asked about, or runs from where the operator chose to ask nobody.
const char *unasked_reason(struct asked_execs *asked, const struct guard_state *guard, const struct told_exec *exec);

#endif
