// The bridge itself: puts the parts together, serves until it is told to end, takes them apart. core/core.h says what
// they are.
// Ownership: options and backend are borrowed for the process's life. Threading: the first thread, which becomes the event
// thread.
#ifndef PICKET_BRIDGE_H
#define PICKET_BRIDGE_H

#include "core/backend.h"
#include "options.h"

// NULL: this build has no such backend.
struct backend *bridge_backend(const struct options *options);
// Gives the process's exit status. Once a process: much of what it needs is static.
int bridge_run(const struct options *options, struct backend *backend);

#endif
