// What a file is called by whoever acts on it, from its own root: in a container, a chroot, another mount namespace. Beside
// the path by which rules know it, never instead: who makes such a place chooses the names in it.
//
// Threading: reentrant. Nothing here waits for a disk or for a server.
#ifndef PICKET_LINUX_CONTAINER_PATH_H
#define PICKET_LINUX_CONTAINER_PATH_H

#include "canonical_path.h"

struct container_path {
    size_t length;                  // 0: as the host's, or not known
    uint8_t text[4096];
};

// Of a file that was opened: by the name that the kernel shows.
void container_path_of_opened(uint64_t own_namespace, uint32_t pid, const struct canonical_path *path,
                              struct container_path *out);

// Of a name that was changed: where the process's root is that of the filesystem, or a folder of the host.
void container_path_of_named(const struct filesystem_set *filesystems, uint64_t own_namespace, uint32_t pid,
                             const struct canonical_path *path, struct container_path *out);

#endif
