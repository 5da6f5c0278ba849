// Small files of the bridge's state folder, each replaced as a whole. Written by a thread of its own, for a disk can
// hang and the event thread must not; of each file only the newest text waits.
//
// Threading: the event thread, and the first thread before and after it. Ownership: texts are copied.
#ifndef PICKET_STATE_WRITER_H
#define PICKET_STATE_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#define STATE_TEXT 1024             // the longest of them

enum state_name {
    STATE_ALIVE,                    // bridge.state: written each second, and not synced
    STATE_ENFORCEMENT,              // enforcement: is there while enforcement is not on
    STATE_CRASHES,                  // crashes: the times that crash loops are told by
    STATE_NAMES,
};

// Makes the folder if it is missing, and reads the file. False: there is none. One that can't be read is an empty text. May
// wait for the disk: at start only.
bool state_read(const char *directory, enum state_name name, char text[STATE_TEXT]);
// Leaves it to the thread; NULL removes the file. 0, or -1 with errno: how the write of this file before this one
// ended, ETIMEDOUT if it has not. What was there stays where a write fails.
int state_write(const char *directory, enum state_name name, const char *text);
// Waits, for at most so long, for the last write of this file. 0, or -1 with errno, ETIMEDOUT where it takes longer.
int state_wait(enum state_name name, int bound_ms);

#endif
