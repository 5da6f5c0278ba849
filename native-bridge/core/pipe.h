// A pipe whose only message is "look": non-blocking, close-on-exec. Works where eventfd does not exist.
// Ownership: the descriptors are the caller's. Threading: any; one end each.
#ifndef PICKET_PIPE_H
#define PICKET_PIPE_H

int pipe_make(int fds[2]);      // 0, or -1 with errno
void pipe_wake(int fd);         // async-signal safe
void pipe_drain(int fd);

#endif
