// Notices that mounts have changed, in the bridge's own mount namespace and in all others that are known, and looks for
// those that are not.
//
// Ownership: owns its descriptors. Threading: mount_watch_look_at() is for the notify thread; `namespaces` is guarded by
// the backend's apply_lock; all else belongs to the mount watcher.
#ifndef PICKET_LINUX_MOUNT_WATCH_H
#define PICKET_LINUX_MOUNT_WATCH_H

#include <pthread.h>

#include "namespaces.h"

enum { LOOK_AT_MAX = 64 };

struct mount_watch {
    int mountinfo, wake;
    uint64_t own_namespace;
    struct namespaces namespaces;
    pthread_mutex_t lock;           // of what follows
    uint32_t look_at_count;         // above LOOK_AT_MAX: some were left out, so all processes are looked at
    uint32_t look_at[LOOK_AT_MAX];
};

bool mount_watch_open(struct mount_watch *watch);
void mount_watch_close(struct mount_watch *watch);

// The process has a new program; if it is in another mount namespace, the watcher is told. Never waits.
void mount_watch_look_at(struct mount_watch *watch, uint32_t pid);

#endif
