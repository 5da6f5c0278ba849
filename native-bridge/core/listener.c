#include "core/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/log.h"
#include "core/socket_folder.h"

enum { BACKLOG = 128 };       // a burst of connections is refused one by one, not by the kernel

static int take_lock(struct listener *listener, char *error, size_t error_size) {
    char path[LISTENER_PATH + 8], holder[32] = "";
    (void)snprintf(path, sizeof path, "%s.lock", listener->path);
    listener->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (listener->lock_fd < 0) {
        (void)snprintf(error, error_size, "can't open the lock file %s: %s", path, strerror(errno));
        return -1;
    }
    if (flock(listener->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            ssize_t count = read(listener->lock_fd, holder, sizeof holder - 1);
            holder[count > 0 ? (size_t)count : 0] = 0;
            holder[strcspn(holder, "\n")] = 0;
            (void)snprintf(error, error_size, "another picket-bridge (process %s) serves %s; nothing was changed",
                           holder[0] != 0 ? holder : "unknown", listener->path);
        } else {
            (void)snprintf(error, error_size, "can't lock %s: %s", path, strerror(errno));
        }
        (void)close(listener->lock_fd);
        listener->lock_fd = -1;
        return -1;
    }
    // Whose it is, for the message above. Not being able to say so harms nothing.
    int length = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
    if (ftruncate(listener->lock_fd, 0) != 0 || pwrite(listener->lock_fd, holder, (size_t)length, 0) != length)
        log_line(LOG_LEVEL_WARN, "can't write the lock file", "path=%s", path);
    return 0;
}

static int open_socket(struct listener *listener, char *error, size_t error_size) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, listener->path, strlen(listener->path) + 1);
    listener->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (listener->fd < 0 || fcntl(listener->fd, F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(listener->fd, F_SETFL, O_NONBLOCK) != 0)
        goto failed;
    // Under the lock, what is there is left over from a bridge that died.
    if (unlink(listener->path) != 0 && errno != ENOENT) goto failed;
    mode_t before = umask(0177);
    int bound = bind(listener->fd, (const struct sockaddr *)&address, sizeof address);
    (void)umask(before);
    if (bound != 0) goto failed;
    if (geteuid() == 0 && lchown(listener->path, listener->agent_uid, listener->agent_gid) != 0) goto failed;
    if (listen(listener->fd, BACKLOG) != 0) goto failed;
    return 0;
failed:
    (void)snprintf(error, error_size, "can't listen on %s: %s", listener->path, strerror(errno));
    return -1;
}

int listener_open(struct listener *listener, const char *path, uid_t agent_uid, gid_t agent_gid, char *error,
                  size_t error_size) {
    memset(listener, 0, sizeof *listener);
    listener->fd = listener->lock_fd = -1;
    listener->agent_uid = agent_uid;
    listener->agent_gid = agent_gid;
    size_t length = strlen(path);
    const char *slash = strrchr(path, '/');
    if (length == 0 || length + sizeof ".lock" > LISTENER_PATH || slash == NULL || path[0] != '/' || slash[1] == 0) {
        (void)snprintf(error, error_size, "--socket must be an absolute path of at most %d bytes, not '%s'",
                       LISTENER_PATH - (int)sizeof ".lock", path);
        return -1;
    }
    char directory[LISTENER_PATH], real[PATH_MAX];
    (void)snprintf(directory, sizeof directory, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if (socket_folder_prepare(directory, agent_uid, agent_gid, real, error, error_size) != 0) return -1;
    const char *folder = real[1] == 0 ? "" : real;
    int written = snprintf(listener->path, sizeof listener->path - sizeof ".lock", "%s%s", folder, slash);
    if (written < 0 || (size_t)written >= sizeof listener->path - sizeof ".lock") {
        (void)snprintf(error, error_size, "%s leads to a path of more than %d bytes", path,
                       LISTENER_PATH - (int)sizeof ".lock");
        return -1;
    }
    memcpy(listener->directory, real, strlen(real) + 1);    // shorter than the path
    if (take_lock(listener, error, error_size) != 0) return -1;
    if (open_socket(listener, error, error_size) != 0) {
        listener_close(listener);
        return -1;
    }
    return 0;
}

int listener_accept(const struct listener *listener) {
    int fd = accept(listener->fd, NULL, NULL);
    if (fd < 0) return -1;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

void listener_close(struct listener *listener) {
    if (listener->fd >= 0) {
        (void)close(listener->fd);
        (void)unlink(listener->path);
    }
    if (listener->lock_fd >= 0) (void)close(listener->lock_fd);
    listener->fd = listener->lock_fd = -1;
}
