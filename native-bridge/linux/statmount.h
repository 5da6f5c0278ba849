// statmount(2) and listmount(2), by which a mount is known whatever process or namespace it belongs to. Linux 6.8.
//
// Threading: reentrant. Neither waits for a disk or for a server.
#ifndef PICKET_LINUX_STATMOUNT_H
#define PICKET_LINUX_STATMOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STATMOUNT_OF_SUPERBLOCK = 1, STATMOUNT_OF_ROOT = 8, STATMOUNT_OF_POINT = 16, STATMOUNT_OF_TYPE = 32,
    STATMOUNT_OF_SOURCE = 0x200,    // Linux 6.13
};

// struct statmount of linux/mount.h, which many systems' headers do not have yet. Texts are offsets into `text`.
struct statmount_reply {
    uint32_t size, options;
    uint64_t mask;                  // what of it is there
    uint32_t major, minor;
    uint64_t magic;
    uint32_t flags, type;
    uint64_t ids[2];
    uint32_t old_ids[2];
    uint64_t attributes, propagation, peers[3];
    uint32_t root, point;
    uint64_t namespace_id;
    uint32_t subtype, source;
    uint8_t more[512 - 128];
    char text[2 * 4096];
};

// @param mount_id  as STATX_MNT_ID_UNIQUE tells it
// @param namespace_id  of the mount namespace; 0: the own
// False: it is gone, or what is wanted does not fit.
bool statmount_read(uint64_t mount_id, uint64_t namespace_id, uint64_t wanted, struct statmount_reply *reply);

// A text of the reply; its length is 0 where it has none.
const char *statmount_text(const struct statmount_reply *reply, uint32_t offset, size_t *length);

// The ids of the own namespace's mounts that follow `after` (0: from the first), at most `capacity`. 0: no more, or the
// kernel does not tell.
size_t listmount_read(uint64_t after, uint64_t *ids, size_t capacity);

#endif
