// What keeps the bridge's processes from harming others by how they live and die: no core dump, memory that is there,
// not the OOM killer's choice, not stopped from a terminal, and handlers that let the kernel go before a fatal signal
// takes effect.
//
// Threading: once, by the first thread, before there are others.
#ifndef PICKET_PROCESS_GUARD_H
#define PICKET_PROCESS_GUARD_H

#include <stdbool.h>

#include "core/backend.h"

// What a child inherits: core dumps, the OOM killer, the terminal. Without privilege only core dumps are switched off;
// with it, what is refused is logged.
void process_guard_harden(bool privileged);
// What it does not inherit: all memory, that which is mapped later too, is there at once and stays. A page that is
// missing when memory has run out would hold up the thread that needs it, and with it everybody who waits.
void process_guard_lock_memory(void);
// Fatal signals release the backend and then do what they always do. SIGTERM, SIGINT and SIGHUP write to stop_fd; a
// second one releases and ends at once.
void process_guard_handle_signals(struct backend *backend, int stop_fd);

#endif
