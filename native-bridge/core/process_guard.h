// What keeps the bridge's own process from harming others by how it lives and dies: no core dump, memory that stays,
// not the OOM killer's choice, and handlers that let the kernel go before a fatal signal takes effect.
//
// Threading: once, by the first thread, before there are others.
#ifndef PICKET_PROCESS_GUARD_H
#define PICKET_PROCESS_GUARD_H

#include <stdbool.h>

#include "core/backend.h"

// Without privilege only core dumps are switched off; with it, what is refused is logged.
void process_guard_harden(bool privileged);
// Fatal signals release the backend and then do what they always do. SIGTERM and SIGINT write to stop_fd; a second
// one releases and ends at once.
void process_guard_handle_signals(struct backend *backend, int stop_fd);

#endif
