#include "mount_events.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "core/lock.h"
#include "statmount.h"

// Of linux/fanotify.h, which many systems' headers do not have yet.
enum { REPORT_MOUNTS = 0x4000, MARK_NAMESPACE = 0x110, MOUNTED = 0x01000000, UNMOUNTED = 0x02000000 };

// More mounts than any machine of ours has; those beyond are told without their names when they go.
enum { KNOWN_MAX = 8192, LISTED = 256 };

struct known_mount {
    uint64_t id;
    char *text;                     // point, type and source, one behind the other
    size_t point, type, source;     // lengths
};

#ifdef PICKET_TEST
bool mount_events_absent;
#endif

static int open_group(void)
{
#ifdef PICKET_TEST
    if (mount_events_absent)
        return -1;
#endif
    return fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_PIDFD | REPORT_MOUNTS,
                         O_RDONLY | O_CLOEXEC);
}

void mount_events_open(struct mount_events *events)
{
    lock_init(&events->lock);
    events->group = open_group();
    events->is_wanted = false;
    events->count = 0;
    events->known = NULL;
}

// ---- what is known

static void forget(struct known_mount *mount)
{
    free(mount->text);
    mount->text = NULL;
}

static void forget_all(struct mount_events *events)
{
    for (size_t i = 0; i < events->count; i++)
        forget(&events->known[i]);
    free(events->known);
    events->known = NULL;
    events->count = 0;
}

static struct known_mount *find(struct mount_events *events, uint64_t id)
{
    for (size_t i = 0; i < events->count; i++)
        if (events->known[i].id == id)
            return &events->known[i];
    return NULL;
}

// The known mount with this id moves out of the list into `out`. False: there is none.
static bool take_out(struct mount_events *events, uint64_t id, struct known_mount *out)
{
    struct known_mount *found = find(events, id);
    if (!found)
        return false;
    *out = *found;
    *found = events->known[--events->count];
    return true;
}

// False: it is gone, or memory is short.
static bool look_at(uint64_t id, struct known_mount *mount)
{
    static struct statmount_reply reply;  // the lock is held
    uint64_t wanted = STATMOUNT_OF_POINT | STATMOUNT_OF_TYPE | STATMOUNT_OF_SOURCE;
    if (!statmount_read(id, 0, wanted, &reply) || !(reply.mask & STATMOUNT_OF_POINT))
        return false;
    size_t point, type = 0, source = 0;
    const char *texts[] = {statmount_text(&reply, reply.point, &point), NULL, NULL};
    if (reply.mask & STATMOUNT_OF_TYPE)
        texts[1] = statmount_text(&reply, reply.type, &type);
    if (reply.mask & STATMOUNT_OF_SOURCE)
        texts[2] = statmount_text(&reply, reply.source, &source);
    *mount = (struct known_mount){id, malloc(point + type + source + 1), point, type, source};
    if (!mount->text)
        return false;
    memcpy(mount->text, texts[0], point);
    if (type > 0)
        memcpy(mount->text + point, texts[1], type);
    if (source > 0)
        memcpy(mount->text + point + type, texts[2], source);
    return true;
}

// Takes the texts over.
static void remember(struct mount_events *events, struct known_mount mount)
{
    struct known_mount before;
    if (take_out(events, mount.id, &before))
        forget(&before);
    if (events->known && events->count < KNOWN_MAX)
        events->known[events->count++] = mount;
    else
        forget(&mount);
}

static void look_at_all(struct mount_events *events)
{
    uint64_t ids[LISTED], last = 0;
    size_t count;
    while (events->count < KNOWN_MAX && (count = listmount_read(last, ids, LISTED)) > 0) {
        for (size_t i = 0; i < count; i++) {
            struct known_mount mount;
            if (look_at(ids[i], &mount))
                remember(events, mount);
        }
        last = ids[count - 1];
    }
}

static void begin(struct mount_events *events)
{
    forget_all(events);
    events->known = calloc(KNOWN_MAX, sizeof *events->known);
    look_at_all(events);
}

// ---- what the outside calls

void mount_events_close(struct mount_events *events)
{
    if (events->group >= 0)
        close(events->group);
    events->group = -1;
    forget_all(events);
}

void mount_events_want(struct mount_events *events, bool wanted)
{
    lock(&events->lock);
    int namespace = wanted != events->is_wanted && events->group >= 0 ? open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)
                                                                      : -1;
    if (namespace >= 0) {
        unsigned change = (wanted ? FAN_MARK_ADD : FAN_MARK_REMOVE) | MARK_NAMESPACE;
        bool is_done = fanotify_mark(events->group, change, MOUNTED | UNMOUNTED, namespace, NULL) == 0;
        close(namespace);
        events->is_wanted = wanted && is_done;
        // After the mark: what is mounted meanwhile is in one of the two at least.
        if (events->is_wanted)
            begin(events);
        else
            forget_all(events);
    }
    unlock(&events->lock);
}

void mount_events_lost(struct mount_events *events)
{
    lock(&events->lock);
    if (events->is_wanted)
        begin(events);
    unlock(&events->lock);
}

static void tell_one(bool is_mounted, const struct known_mount *mount, mount_sink tell, void *context)
{
    const uint8_t *text = (const uint8_t *)mount->text;
    const struct mount_told told = {
        is_mounted, {text, mount->point}, {text + mount->point, mount->type},
        {text + mount->point + mount->type, mount->source},
    };
    tell(context, &told);
}

// One that was moved is told as unmounted there and mounted here.
void mount_events_take(struct mount_events *events, const struct fanotify_event *event, mount_sink tell, void *context)
{
    static const struct known_mount unknown;
    struct known_mount before = unknown, now = unknown;
    lock(&events->lock);
    bool is_mounted = event->mask & MOUNTED, is_unmounted = event->mask & UNMOUNTED;
    bool was_known = take_out(events, event->mount_id, &before);
    bool is_there = is_mounted && look_at(event->mount_id, &now);
    if (is_unmounted && was_known)
        tell_one(false, &before, tell, context);
    if (is_mounted && (is_there || !was_known))
        tell_one(true, &now, tell, context);
    else if (is_mounted && !is_unmounted)
        tell_one(true, &before, tell, context);
    if (is_unmounted && !was_known && !is_there)
        tell_one(false, &unknown, tell, context);
    // Not to be looked at any more: its end is still to be told.
    if (is_mounted && !is_unmounted && !is_there && was_known)
        remember(events, before);
    else
        forget(&before);
    if (is_there)
        remember(events, now);
    unlock(&events->lock);
}
