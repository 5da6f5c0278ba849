#include "core/fifo_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

enum { PIPE_BYTES = 1024 * 1024 };      // Linux's limit for users without CAP_SYS_RESOURCE

static int make_one(struct fifo *fifo, const char *directory, const char *kind, uid_t owner, gid_t group,
                    char *error, size_t error_size) {
    char *path = fifo->path;
    struct stat status;
    uint64_t random[2];
    if (getentropy(random, sizeof random) != 0) {
        (void)snprintf(error, error_size, "no random numbers for the name of a FIFO: %s", strerror(errno));
        return -1;
    }
    int length = snprintf(path, FIFO_PATH, "%s/%s-%016" PRIx64 "%016" PRIx64, directory, kind, random[0], random[1]);
    if (length < 0 || length >= FIFO_PATH) {
        (void)snprintf(error, error_size, "the folder's name is too long for a FIFO in it: %s", directory);
        return -1;
    }
    if (mkfifo(path, 0600) != 0) {
        (void)snprintf(error, error_size, "can't make a FIFO in %s: %s", directory, strerror(errno));
        return -1;
    }
    // lchown: the folder may be one that others write to, and a link in our place must not be followed.
    if (owner != geteuid() && lchown(path, owner, group) != 0) {
        (void)snprintf(error, error_size, "can't give a FIFO to user %u: %s", (unsigned)owner, strerror(errno));
        (void)unlink(path);
        return -1;
    }
    if (lstat(path, &status) != 0) {
        (void)snprintf(error, error_size, "can't look at the FIFO %s: %s", path, strerror(errno));
        (void)unlink(path);
        return -1;
    }
    fifo->device = status.st_dev;
    fifo->inode = status.st_ino;
    fifo->owner = owner;
    return 0;
}

int fifo_pair_make(struct fifo_pair *pair, const char *directory, uid_t owner, gid_t group, char *error,
                   size_t error_size) {
    memset(pair, 0, sizeof *pair);
    if (make_one(&pair->request, directory, "requests", owner, group, error, error_size) != 0) return -1;
    if (make_one(&pair->verdict, directory, "verdicts", owner, group, error, error_size) != 0) {
        (void)unlink(pair->request.path);
        return -1;
    }
    pair->named = true;
    return 0;
}

void fifo_pair_unlink(struct fifo_pair *pair) {
    if (!pair->named) return;
    (void)unlink(pair->request.path);
    (void)unlink(pair->verdict.path);
    pair->named = false;
}

// The folder is not for others to write to, but its FIFOs are the agent's own: it could open them to everybody.
static bool is_as_made(int fd, const struct fifo *fifo) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) && status.st_dev == fifo->device &&
           status.st_ino == fifo->inode && status.st_uid == fifo->owner && (status.st_mode & 07777) == 0600;
}

static int open_end(const struct fifo *fifo, int flags) {
    int fd = open(fifo->path, flags | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return -1;
    if (!is_as_made(fd, fifo)) {
        (void)close(fd);
        errno = EPERM;
        return -1;
    }
#ifdef F_SETPIPE_SZ
    (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);  // refused: the pipe is full earlier, and the guard answers
#endif
    return fd;
}

int fifo_open_verdict(const struct fifo_pair *pair) {
    return open_end(&pair->verdict, O_RDONLY);
}

int fifo_open_request(const struct fifo_pair *pair) {
    return open_end(&pair->request, O_WRONLY);
}
