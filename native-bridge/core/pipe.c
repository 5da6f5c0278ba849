#include "core/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int pipe_make(int fds[2]) {
    if (pipe(fds) != 0) return -1;
    for (int i = 0; i < 2; i++) {
        if (fcntl(fds[i], F_SETFL, O_NONBLOCK) == 0 && fcntl(fds[i], F_SETFD, FD_CLOEXEC) == 0) continue;
        (void)close(fds[0]);
        (void)close(fds[1]);
        return -1;
    }
    return 0;
}

void pipe_wake(int fd) {
    int before = errno;
    // A full pipe is as good as one more byte.
    if (write(fd, "", 1) < 0) errno = before;
}

void pipe_drain(int fd) {
    char bytes[64];
    while (read(fd, bytes, sizeof bytes) > 0) {
    }
}
