// `picket-bridge --probe`: tries what the backend will need from this kernel and says what worked, for `picket doctor`.
//
// Everything happens in a child process with a mount namespace and a small tmpfs of its own, under a time limit:
// nothing outside of it is ever marked, and nothing stays behind.
#ifndef PICKET_LINUX_PROBE_H
#define PICKET_LINUX_PROBE_H

#include <stdio.h>

// Writes one line for each try: `<name> <ok|warn|fail> <sentence>`. 0 when nothing failed, else 1. Blocks for at most
// ten seconds. To be called while the process has one thread.
int probe_kernel(FILE *out);

#endif
