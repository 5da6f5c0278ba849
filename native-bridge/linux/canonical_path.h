// The one path by which rules know an open file: on its filesystem's canonical mount, or "unresolved" with a hint.
// No look-up here waits for a disk: links in /proc, cached names, handles of files that are open.
//
// Threading: reentrant.
#ifndef PICKET_LINUX_CANONICAL_PATH_H
#define PICKET_LINUX_CANONICAL_PATH_H

#include "filesystems.h"

struct canonical_path {
    size_t length;
    bool unresolved;
    uint8_t text[4096];
    size_t shown_length;            // of an open file that was reached by another mount: what the kernel shows
    uint8_t shown[4096];
};

// `stat` is statx() of `fd` with STATX_OF_EVENTS, `pid` the process that opened it.
void canonical_path_of(const struct filesystem_set *filesystems, uint32_t pid, int fd, const struct statx *stat,
                       struct canonical_path *path);

// The path of a folder by its handle (struct file_handle) on a guarded filesystem, joined with a name; "." is the folder.
void canonical_path_by_handle(const struct filesystem *filesystem, const void *handle, const char *name,
                              struct canonical_path *path);

// Opens a file by its handle, with O_PATH. -1: it is gone.
int open_by_handle(const struct filesystem *filesystem, const void *handle);

// The stat of a file by its own handle, whatever its name is by now; a symbolic link's own. False: it is gone.
bool stat_by_handle(const struct filesystem *filesystem, const void *handle, struct statx *stat);

// Whether `name`, as the process `pid` would look it up, is the file open as `fd`. Only from the cache of names:
// false where that does not hold the answer.
bool is_cached_name_of(uint32_t pid, const char *name, int fd);

#endif
