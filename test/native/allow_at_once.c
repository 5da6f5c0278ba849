// The limit that Picket is measured against: a fanotify daemon that allows each open of one filesystem at once.
//
//   allow_at_once MOUNT_POINT      says "ready" on stdout, runs until SIGTERM
//
// It marks only the filesystem of MOUNT_POINT and refuses the root filesystem.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile sig_atomic_t stopping;

static void on_term(int signal_number) {
    (void)signal_number;
    stopping = 1;
}

static bool is_root_filesystem(const char *path) {
    struct stat root, asked;
    return stat("/", &root) != 0 || stat(path, &asked) != 0 || root.st_dev == asked.st_dev;
}

static void answer(int group, const struct fanotify_event_metadata *event) {
    if ((event->mask & (FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM)) != 0) {
        struct fanotify_response response = {.fd = event->fd, .response = FAN_ALLOW};
        if (write(group, &response, sizeof response) != sizeof response) fprintf(stderr, "answer: %s\n", strerror(errno));
    }
    if (event->fd >= 0) close(event->fd);
}

int main(int argc, char **argv) {
    if (argc != 2 || is_root_filesystem(argv[1])) {
        fprintf(stderr, "usage: allow_at_once MOUNT_POINT (not of the root filesystem)\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = on_term};
    sigaction(SIGTERM, &action, NULL);

    int group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_UNLIMITED_QUEUE | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC);
    if (group < 0 || fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM,
                                   AT_FDCWD, argv[1]) != 0) {
        fprintf(stderr, "allow_at_once: %s\n", strerror(errno));
        return 1;
    }
    puts("ready");
    fflush(stdout);

    static _Alignas(struct fanotify_event_metadata) char buffer[16384];
    struct pollfd readable = {.fd = group, .events = POLLIN};
    while (!stopping) {
        if (poll(&readable, 1, 1000) <= 0) continue;
        ssize_t length = read(group, buffer, sizeof buffer);
        if (length <= 0) continue;
        const struct fanotify_event_metadata *event = (const struct fanotify_event_metadata *)buffer;
        for (; FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) answer(group, event);
    }
    close(group);
    return 0;
}
