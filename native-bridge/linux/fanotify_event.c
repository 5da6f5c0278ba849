#include "fanotify_event.h"

#include <fcntl.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

// Of Linux 6.15, which many systems' headers do not have yet.
enum { INFO_TYPE_MOUNT = 7 };
struct mount_record {
    struct fanotify_event_info_header header;
    uint64_t mount_id;
};

static void take_name(const uint8_t *record, size_t length, bool is_named, struct fanotify_name *name)
{
    struct fanotify_event_info_fid fid;
    struct file_handle handle;
    size_t head = offsetof(struct fanotify_event_info_fid, handle);
    if (length < head + sizeof handle)
        return;
    memcpy(&fid, record, head);
    memcpy(&handle, record + head, sizeof handle);
    size_t name_at = head + sizeof handle + handle.handle_bytes;
    if (is_named ? name_at >= length || !memchr(record + name_at, 0, length - name_at) : name_at > length)
        return;
    name->present = true;
    memcpy(&name->fsid, &fid.fsid, sizeof name->fsid);
    name->handle = record + head;
    name->name = is_named ? (const char *)record + name_at : NULL;
}

static void take_record(const uint8_t *record, size_t length, uint8_t type, struct fanotify_event *event)
{
    switch (type) {
    case FAN_EVENT_INFO_TYPE_PIDFD:
        if (length < sizeof(struct fanotify_event_info_pidfd))
            return;
        memcpy(&event->pidfd, record + offsetof(struct fanotify_event_info_pidfd, pidfd), sizeof event->pidfd);
        if (event->pidfd < 0)
            event->pidfd = event->pidfd == FAN_NOPIDFD ? PIDFD_GONE : PIDFD_NONE;
        return;
    case FAN_EVENT_INFO_TYPE_DFID_NAME:
    case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
        take_name(record, length, true, &event->name);
        return;
    case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME:
        take_name(record, length, true, &event->new_name);
        return;
    case FAN_EVENT_INFO_TYPE_FID:
        take_name(record, length, false, &event->file);
        return;
    case INFO_TYPE_MOUNT:
        if (length >= sizeof(struct mount_record))
            memcpy(&event->mount_id, record + offsetof(struct mount_record, mount_id), sizeof event->mount_id);
        return;
    default:
        return;
    }
}

bool fanotify_event_next(const uint8_t *buffer, size_t length, size_t *offset, struct fanotify_event *event)
{
    struct fanotify_event_metadata metadata;
    if (length - *offset < sizeof metadata)
        return false;
    memcpy(&metadata, buffer + *offset, sizeof metadata);
    if (metadata.vers != FANOTIFY_METADATA_VERSION || metadata.event_len < metadata.metadata_len ||
        metadata.metadata_len < sizeof metadata || metadata.event_len > length - *offset)
        return false;
    memset(event, 0, sizeof *event);
    event->mask = metadata.mask;
    event->pid = metadata.pid > 0 ? (uint32_t)metadata.pid : 0;
    event->fd = metadata.fd;
    event->pidfd = PIDFD_NONE;

    const uint8_t *at = buffer + *offset + metadata.metadata_len, *end = buffer + *offset + metadata.event_len;
    struct fanotify_event_info_header header;
    while ((size_t)(end - at) >= sizeof header) {
        memcpy(&header, at, sizeof header);
        if (header.len < sizeof header || header.len > end - at)
            break;
        take_record(at, header.len, header.info_type, event);
        at += header.len;
    }
    if (event->fd < 0)
        event->fd = -1;
    *offset += metadata.event_len;
    return true;
}

void fanotify_event_close(struct fanotify_event *event)
{
    if (event->fd >= 0)
        close(event->fd);
    if (event->pidfd >= 0)
        close(event->pidfd);
    event->fd = -1;
    event->pidfd = PIDFD_NONE;
}
