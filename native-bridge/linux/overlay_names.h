// Names that change in an overlay. The kernel does not let an overlay be marked for them; it makes each change in the
// upper layer, which can be marked: there the change is seen, and told by the overlay's path.
//
// Ownership: owns its texts and descriptors. Threading: immutable once built and marked.
#ifndef PICKET_LINUX_OVERLAY_NAMES_H
#define PICKET_LINUX_OVERLAY_NAMES_H

#include "canonical_path.h"

struct overlay_name {
    uint64_t fsid;                  // of the upper layer's filesystem
    char *upper, *work;             // folders there, by the canonical mount
    const char *merged;             // where the overlay is mounted: in the set of guarded filesystems
};

struct overlay_names {
    struct filesystem_set layers;   // to be marked for names alone
    size_t count;
    struct overlay_name items[FILESYSTEMS_MAX];
};

enum overlay_place { OVERLAY_ELSEWHERE, OVERLAY_UPPER, OVERLAY_WORK };

// Of the overlays among the guarded filesystems. What can't be found out is left out, and `left_out` (or NULL) is told its
// mount point. May block on the layers' filesystems.
void overlay_names_build(struct overlay_names *names, const struct filesystem_set *guarded,
                         struct mount_inventory *inventory, void (*left_out)(void *context, const char *mount_point),
                         void *context);
void overlay_names_free(struct overlay_names *names);

// Where a path of that filesystem lies. In an upper layer it becomes the overlay's path.
enum overlay_place overlay_names_translate(const struct overlay_names *names, uint64_t fsid,
                                           struct canonical_path *path);

// What has appeared in an upper layer: a file that is new, one that was below and is copied to be written, or the mark of
// one that is gone.
enum overlay_arrival { OVERLAY_CREATED, OVERLAY_COPIED_UP, OVERLAY_WHITEOUT };
enum overlay_arrival overlay_arrival_of(const struct filesystem *filesystem, const void *handle);

#endif
