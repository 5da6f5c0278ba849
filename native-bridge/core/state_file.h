// When was the bridge last alive? A small file, replaced each second; what it says at the next start is where an
// unwatched interval began.
// Threading: the event thread; core/state_writer.h has the thread that writes.
#ifndef PICKET_STATE_FILE_H
#define PICKET_STATE_FILE_H

#include <stdint.h>

// `directory` is made if it is missing. Nothing readable there: 0.
uint64_t state_file_read(const char *directory);
// Leaves it to the writing thread. 0, or -1 with errno: how the write before this one ended, ETIMEDOUT if it has not.
// What was there stays where a write fails.
int state_file_write(const char *directory, const char *bridge_instance, uint64_t alive_ns);
// Waits for the last write, for at most so long.
void state_file_finish(int bound_ms);

#endif
