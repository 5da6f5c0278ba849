// Where a descriptor of the bridge leads, by /proc/self/fd. The folder is held open, so that a look-up, which each
// question needs, takes one step instead of four.
//
// Ownership: the folder is held for the process's whole life. Threading: any thread that shares the process's
// descriptors.
#ifndef PICKET_LINUX_FD_LINKS_H
#define PICKET_LINUX_FD_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Before the threads. False: /proc can't be opened, with errno.
bool fd_links_open(void);

// The path, without an end; `*length` is what there was room for. False: it can't be read, or is longer than `capacity`.
bool fd_link_read(int fd, uint8_t *out, size_t capacity, size_t *length);

#endif
