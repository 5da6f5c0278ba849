// When was the bridge last alive? A small file, replaced each second; what it says at the next start is where an
// unwatched interval began.
// Threading: the event thread.
#ifndef PICKET_STATE_FILE_H
#define PICKET_STATE_FILE_H

#include <stdint.h>

// `directory` is made if it is missing. Nothing readable there: 0.
uint64_t state_file_read(const char *directory);
// 0, or -1 with errno; what was there stays then.
int state_file_write(const char *directory, const char *bridge_instance, uint64_t alive_ns);

#endif
