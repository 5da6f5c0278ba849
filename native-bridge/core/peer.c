#include "core/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef __linux__
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77     // Linux 6.5
#endif

static int credentials(int fd, struct peer *peer) {
    struct ucred credential;
    socklen_t size = sizeof credential;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credential, &size) != 0) return -1;
    peer->uid = credential.uid;
    peer->pid = (uint32_t)credential.pid;   // 0: it lives in a pid namespace that the bridge does not see
    return 0;
}

// A process in namespaces of its own can have our uid without being anybody here: root of a container, say.
static int check_namespaces(const struct peer *peer, char *reason, size_t reason_size) {
    static const char *const kinds[] = {"user", "mnt", "pid"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char path[64];
        struct stat own, other;
        (void)snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
        if (stat(path, &own) != 0) {
            (void)snprintf(reason, reason_size, "the bridge can't look at its own %s namespace: is /proc mounted?",
                           kinds[i]);
            return -1;
        }
        (void)snprintf(path, sizeof path, "/proc/%u/ns/%s", (unsigned)peer->pid, kinds[i]);
        if (stat(path, &other) != 0) {
            // A bridge without privilege may not look into every process of its own user even, and guards nothing.
            if (errno == EACCES && geteuid() != 0) continue;
            (void)snprintf(reason, reason_size, "process %u: can't look at its %s namespace: %s%s", (unsigned)peer->pid,
                           kinds[i], strerror(errno),
                           errno == EACCES ? " (the bridge needs CAP_SYS_PTRACE for it)" : "");
            return -1;
        }
        if (own.st_dev != other.st_dev || own.st_ino != other.st_ino) {
            (void)snprintf(reason, reason_size, "process %u lives in another %s namespace than the bridge",
                           (unsigned)peer->pid, kinds[i]);
            return -1;
        }
    }
    return 0;
}

// What was read of /proc was the peer's only if its process was there all the time: one that leaves its connection to a
// child and ends gives its pid away. A kernel that can't tell (before 6.5) leaves that to the folder of the socket.
static int check_alive(int fd, const struct peer *peer, char *reason, size_t reason_size) {
    int pidfd = -1;
    socklen_t size = sizeof pidfd;
    bool known = getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0;
    if (!known && errno != ESRCH && errno != EINVAL) return 0;
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    bool alive = known && poll(&ended, 1, 0) == 0;
    if (pidfd >= 0) (void)close(pidfd);
    if (alive) return 0;
    (void)snprintf(reason, reason_size, "process %u has ended", (unsigned)peer->pid);
    return -1;
}
#else
static int credentials(int fd, struct peer *peer) {
    uid_t uid;
    gid_t gid;
    if (getpeereid(fd, &uid, &gid) != 0) return -1;
    peer->uid = uid;
    peer->pid = 0;
#ifdef LOCAL_PEERPID
    pid_t pid;
    socklen_t size = sizeof pid;
    if (getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &pid, &size) == 0) peer->pid = (uint32_t)pid;
#endif
    return 0;
}

static int check_namespaces(const struct peer *peer, char *reason, size_t reason_size) {
    (void)peer, (void)reason, (void)reason_size;
    return 0;
}

static int check_alive(int fd, const struct peer *peer, char *reason, size_t reason_size) {
    (void)fd, (void)peer, (void)reason, (void)reason_size;
    return 0;
}
#endif

int peer_check(int fd, uid_t agent_uid, struct peer *peer, char *reason, size_t reason_size) {
    if (credentials(fd, peer) != 0) {
        (void)snprintf(reason, reason_size, "the system does not say who it is: %s", strerror(errno));
        return -1;
    }
    if (peer->uid != agent_uid && peer->uid != 0) {
        (void)snprintf(reason, reason_size, "user %u is not the agent's user %u (--agent-uid)", (unsigned)peer->uid,
                       (unsigned)agent_uid);
        return -1;
    }
    if (check_namespaces(peer, reason, reason_size) != 0) return -1;
    return check_alive(fd, peer, reason, reason_size);
}
