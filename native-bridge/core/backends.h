// The backends that this build has, for main.c. Each is one static object; its functions say what may be called when
// (core/backend.h). Ownership: options are borrowed for as long as the backend lives. Threading: the first thread.
#ifndef PICKET_BACKENDS_H
#define PICKET_BACKENDS_H

#include <stdint.h>

#include "core/backend.h"

struct replay_options {
    const char *file;               // a *.picket recording
    double speed;                   // 1: its own pace; N: N times faster; 0: as fast as it can
    uint32_t deadline_ms;           // of auth events, from when they are played
};

struct backend *replay_backend(const struct replay_options *options);

#ifdef __linux__
struct backend *linux_backend(void);

// From now on no filesystem is ever marked that has a mount outside of this folder (an absolute path): to try Picket out on
// one tree. Before start(). False: the folder can't be resolved.
bool linux_guard_only_below(const char *folder);

// Who tells of processes: an eBPF program, or the proc connector where that can't be had; or only the one or the other.
// Before start().
enum process_events { PROCESS_EVENTS_AUTO, PROCESS_EVENTS_EBPF, PROCESS_EVENTS_PROC };
void linux_process_events(enum process_events wanted);
#endif

#endif
