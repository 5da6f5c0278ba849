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
#include <sys/syscall.h>
#endif

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

// A pid alone is a name that passes on: one that leaves its connection to a child and ends gives it away. The kernel
// knows which process connected; before Linux 6.5 it does not tell, and the pid is the connecter's still unless it has
// ended within the moment since. False: it has ended.
static bool hold_process(int fd, struct peer *peer) {
    socklen_t size = sizeof peer->process;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &peer->process, &size) == 0) return true;
    peer->process = -1;
    if (errno == ESRCH || errno == EINVAL) return false;
    peer->process = (int)syscall(SYS_pidfd_open, peer->pid, 0);     // Linux 5.3; without it nothing is held
    return peer->process >= 0 || errno != ESRCH;
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

static bool hold_process(int fd, struct peer *peer) {
    (void)fd;
    peer->process = -1;
    return true;
}

static int check_namespaces(const struct peer *peer, char *reason, size_t reason_size) {
    (void)peer, (void)reason, (void)reason_size;
    return 0;
}
#endif

static int has_ended(const struct peer *peer, char *reason, size_t reason_size) {
    (void)snprintf(reason, reason_size, "process %u has ended", (unsigned)peer->pid);
    return -1;
}

static bool is_alive(const struct peer *peer) {
    struct pollfd ended = {.fd = peer->process, .events = POLLIN};
    return poll(&ended, 1, 0) == 0;
}

int peer_check_again(const struct peer *peer, char *reason, size_t reason_size) {
    int outcome = check_namespaces(peer, reason, reason_size);
    // Afterwards: what was read of /proc was the peer's only if its process was there all the time.
    return is_alive(peer) ? outcome : has_ended(peer, reason, reason_size);
}

int peer_identify(int fd, uid_t agent_uid, struct peer *peer, char *reason, size_t reason_size) {
    peer->process = -1;
    if (credentials(fd, peer) != 0) {
        (void)snprintf(reason, reason_size, "the system does not say who it is: %s", strerror(errno));
        return -1;
    }
    if (peer->uid != agent_uid && peer->uid != 0) {
        (void)snprintf(reason, reason_size, "user %u is not the agent's user %u (--agent-uid)", (unsigned)peer->uid,
                       (unsigned)agent_uid);
        return -1;
    }
    if (!hold_process(fd, peer)) return has_ended(peer, reason, reason_size);
    if (peer_check_again(peer, reason, reason_size) == 0) return 0;
    peer_close(peer);
    return -1;
}

void peer_close(struct peer *peer) {
    if (peer->process >= 0) (void)close(peer->process);
    peer->process = -1;
}
