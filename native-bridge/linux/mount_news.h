// Which filesystems were mounted since the first policy, and what is told of them: an event each, with an alert where
// files can be opened and programs run there that nobody is asked about.
//
// Threading: none of its own; the backend's apply_lock serialises the calls.
#ifndef PICKET_LINUX_MOUNT_NEWS_H
#define PICKET_LINUX_MOUNT_NEWS_H

#include "core/backend.h"
#include "core/event_encoder.h"
#include "guard_state.h"

struct seen_filesystem {
    uint32_t major, minor;
    bool is_new, is_told, was_told_no_exec;
    uint8_t attempts;               // at guarding it, so far
};

struct mount_news {
    bool has_begun;                 // what comes from here on is new
    int64_t room;                   // how many events may still be told, in thousandths
    int64_t room_us;                // as of then
    bool is_cut_told;               // that there is more than is followed
    bool is_pending;                // something that is to be guarded could not be, and is tried again
    size_t count;
    struct seen_filesystem seen[INVENTORY_MAX];
    uint8_t buffer[EVENT_BUFFER_SIZE];
};

// Sets is_new in the inventory, and forgets what is not in it any more: its number may be another's next.
void mount_news_take(struct mount_news *news, struct mount_inventory *inventory);

// Tells of those that are new and not told yet, as the guard in force has them. At most 20 at once and one every 3 s on
// the long run, for a user may mount as fast as he can; the others are counted as a loss.
void mount_news_tell(struct mount_news *news, struct mount_inventory *inventory, const struct guard_state *guard,
                     struct core *core);

// Tells of one that came or went; who did it is not known.
void mount_news_tell_change(struct mount_news *news, bool is_mounted, const struct mount *mount, struct core *core);

// Should mounts be looked at again although none has changed?
bool mount_news_is_pending(const struct mount_news *news);

// Why a filesystem is not guarded; NULL: it is, or it has layers that all are.
const char *mount_unguarded_reason(const struct found_filesystem *found, const struct mount_inventory *inventory,
                                   const struct guard_state *guard);

#endif
