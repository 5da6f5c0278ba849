// What is mounted and unmounted in the bridge's own mount namespace, by whom: Linux 6.15 tells of each mount when it comes
// and when it goes, by its number alone. What was to be known of one that is gone is remembered.
//
// Ownership: owns the group and what it remembers. Threading: its own lock; mount_events_want() is for whoever applies a
// policy, mount_events_take() for the notify thread.
#ifndef PICKET_LINUX_MOUNT_EVENTS_H
#define PICKET_LINUX_MOUNT_EVENTS_H

#include <pthread.h>

#include "core/backend.h"
#include "fanotify_event.h"

// One mount. Texts are empty where they are not known: it was gone before it could be looked at.
struct mount_told {
    bool is_mounted;                // else unmounted
    struct bytes point, type, source;
};

// Borrowed for the call.
typedef void (*mount_sink)(void *context, const struct mount_told *mount);

struct known_mount;

struct mount_events {
    pthread_mutex_t lock;
    int group;                      // -1: this kernel has none
    bool is_wanted;
    size_t count;
    struct known_mount *known;
};

#ifdef PICKET_TEST
extern bool mount_events_absent;        // as before Linux 6.15
#endif

void mount_events_open(struct mount_events *events);
void mount_events_close(struct mount_events *events);

// From here on they are told, or no more. What is mounted already is no news.
void mount_events_want(struct mount_events *events, bool wanted);

// What an event of the group says.
void mount_events_take(struct mount_events *events, const struct fanotify_event *event, mount_sink tell, void *context);

// Events were lost: what is mounted is looked at again.
void mount_events_lost(struct mount_events *events);

#endif
