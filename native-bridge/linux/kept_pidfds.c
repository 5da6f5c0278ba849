#include "kept_pidfds.h"

#include <unistd.h>

#include "proc_files.h"

void kept_pidfds_init(struct kept_pidfds *kept)
{
    for (int i = 0; i < KEPT_PIDFDS; i++)
        kept->fds[i] = -1;
}

void kept_pidfds_close(struct kept_pidfds *kept)
{
    for (int i = 0; i < KEPT_PIDFDS; i++)
        if (kept->fds[i] >= 0)
            close(kept->fds[i]);
    kept_pidfds_init(kept);
}

void kept_pidfds_take(struct kept_pidfds *kept, struct fanotify_event *event)
{
    if (event->pidfd < 0)
        return;
    int *place = &kept->fds[event->pid % KEPT_PIDFDS], before = *place;
    *place = event->pidfd;
    event->pidfd = PIDFD_NONE;
    // After the new one has taken its place: the last of a process is what costs.
    if (before >= 0)
        close(before);
}
