// Which mounts have come and gone between two looks at a mountinfo: for kernels that do not tell of each (before Linux 6.15).
//
// Threading: pure.
#ifndef PICKET_LINUX_MOUNT_CHANGES_H
#define PICKET_LINUX_MOUNT_CHANGES_H

#include "mount_table.h"

typedef void (*tell_mount_change)(void *context, bool is_mounted, const struct mount *mount);

// First what has gone, then what has come. A mount that was moved has done both.
void mount_changes(const struct mount_table *before, const struct mount_table *now, tell_mount_change tell, void *context);

#endif
