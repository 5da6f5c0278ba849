// What a file is called in the bridge's own mount namespace, whatever mount of whatever namespace it was reached by: a
// user namespace may bind any program over /usr/bin/sudo and have the kernel show that path for it.
//
// A mount shows a folder of its filesystem. So the path on the filesystem is that folder and what follows the mount point,
// and below the best mount of the same filesystem here (of all of it, then the shortest) it is the path that rules know.
//
// Ownership: one list of the own mounts, the process's own, in memory of fixed size. Threading: any thread. Nothing here
// waits for a disk or for a server: /proc, statmount(2) and names that the kernel has in its cache.
#ifndef PICKET_LINUX_MOUNT_NAMES_H
#define PICKET_LINUX_MOUNT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The name of an open file (O_PATH will do) into `text`. False: it has none here, and `text` is as before.
//
// @param pid whose file it is: a mount that is none of the bridge's is looked for in that process's namespace
bool mount_names_settle(uint32_t pid, int fd, uint8_t *text, size_t capacity, size_t *length);

#ifdef PICKET_TEST
extern bool mount_names_only_lists;     // as before Linux 6.11
#endif

// One line of a mountinfo (pure). False: it is none, or does not fit.
struct mount_name {
    uint32_t mount_id, major, minor;
    size_t root_length, point_length;
};
bool mount_name_parse(const char *line, size_t line_length, struct mount_name *name, uint8_t *text, size_t capacity);

// Puts what follows `from` in `text` behind `to`, where both are folders; "/" is one. False: it does not lie below, or does
// not fit.
bool path_move(const uint8_t *text, size_t length, const uint8_t *from, size_t from_length, const uint8_t *to,
               size_t to_length, uint8_t *out, size_t capacity, size_t *out_length);

#endif
