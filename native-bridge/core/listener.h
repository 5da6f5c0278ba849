// The control socket: its folder, the lock that keeps a second bridge out, the listening descriptor.
//
// Ownership: the listener owns lock and socket until listener_close(). Threading: the event thread.
#ifndef PICKET_LISTENER_H
#define PICKET_LISTENER_H

#include <stddef.h>
#include <sys/types.h>

#define LISTENER_PATH 104       // what sun_path holds everywhere

struct listener {
    char path[LISTENER_PATH];           // without symbolic links, as the folder
    char directory[LISTENER_PATH];
    int fd;
    int lock_fd;
    uid_t agent_uid;
    gid_t agent_gid;
};

// 0, or -1 with a sentence in `error`; another bridge on the same path is left alone.
int listener_open(struct listener *listener, const char *path, uid_t agent_uid, gid_t agent_gid, char *error,
                  size_t error_size);
// The next connection, non-blocking and close-on-exec, or -1.
int listener_accept(const struct listener *listener);
// Removes the socket; the lock file stays, for removing it would let two bridges lock two files.
void listener_close(struct listener *listener);

#endif
