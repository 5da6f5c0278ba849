// Walks over what one read of a fanotify group yields.
//
// Ownership: the descriptors in an event (file, pidfd) belong to the caller. Threading: pure.
#ifndef PICKET_LINUX_FANOTIFY_EVENT_H
#define PICKET_LINUX_FANOTIFY_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PIDFD_NONE = -1,                // the kernel gives none
    PIDFD_GONE = -2,                // the process has ended, and its pid may be another's
};

struct fanotify_name {
    bool present;
    uint64_t fsid;
    const void *handle;             // struct file_handle of the folder
    const char *name;               // NULL: the handle is the file's own
};

struct fanotify_event {
    uint64_t mask;
    uint32_t pid;
    int fd;                         // -1: none
    int pidfd;                      // or PIDFD_NONE, PIDFD_GONE
    int64_t read_us;                // of a question: when it was read, monotonic
    struct fanotify_name name;      // FAN_REPORT_DFID_NAME: of the change, or a rename's old name
    struct fanotify_name new_name;
    struct fanotify_name file;      // FAN_REPORT_TARGET_FID: what has the name, where the kernel tells it
    uint64_t mount_id;              // FAN_REPORT_MNT: of what was mounted or unmounted; 0: no such event
};

// Takes the next event from the buffer. False: the end, or bytes that are no event of this version.
bool fanotify_event_next(const uint8_t *buffer, size_t length, size_t *offset, struct fanotify_event *event);
void fanotify_event_close(struct fanotify_event *event);

#endif
