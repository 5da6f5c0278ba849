// The pidfd that each process's last question brought, kept open: while one is, the kernel makes the next for the same
// process from what is there already, and closes it as cheaply. Nothing is read by them.
//
// Ownership: owns what it keeps; a process that has ended keeps its number from nobody. Threading: of one reader each.
#ifndef PICKET_LINUX_KEPT_PIDFDS_H
#define PICKET_LINUX_KEPT_PIDFDS_H

#include "fanotify_event.h"

enum { KEPT_PIDFDS = 64 };

struct kept_pidfds {
    int fds[KEPT_PIDFDS];           // by the pid's last digits; -1: none
};

void kept_pidfds_init(struct kept_pidfds *kept);
void kept_pidfds_close(struct kept_pidfds *kept);

// Takes the event's, and closes the one that it had in its place.
void kept_pidfds_take(struct kept_pidfds *kept, struct fanotify_event *event);

#endif
