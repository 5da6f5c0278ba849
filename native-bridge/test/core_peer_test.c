// Who may be an agent, asked of a connection whose ends are both known.
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/peer.h"
#include "test/core_check.h"

static void living(void) {
    struct peer peer;
    char reason[256] = "";
    int fds[2];
    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    CHECK_EQUAL(peer_identify(fds[0], geteuid(), &peer, reason, sizeof reason), 0);
    CHECK_EQUAL(peer.pid, getpid());
    CHECK_EQUAL(peer.uid, geteuid());
    CHECK_EQUAL(peer_check_again(&peer, reason, sizeof reason), 0);
    peer_close(&peer);
    if (geteuid() != 0) CHECK_EQUAL(peer_identify(fds[0], geteuid() + 1, &peer, reason, sizeof reason), -1);
    (void)close(fds[0]);
    (void)close(fds[1]);
    holds("a peer of the agent's user in our namespaces is let in, another user's is not");
}

// The pair is made by a process that ends and leaves it to us: its pid is anybody's then.
static void gone(void) {
    struct peer peer;
    char reason[256] = "", byte = 0;
    int through[2];
    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_DGRAM, 0, through), 0);
    pid_t child = fork();
    CHECK(child >= 0);
    struct iovec part = {&byte, 1};
    union { char space[CMSG_SPACE(sizeof(int))]; struct cmsghdr header; } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (child == 0) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) _exit(1);
        control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
        memcpy(CMSG_DATA(&control.header), &pair[0], sizeof pair[0]);
        _exit(sendmsg(through[1], &message, 0) == 1 ? 0 : 1);
    }
    int status, fd;
    CHECK_EQUAL(recvmsg(through[0], &message, 0), 1);
    memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK_EQUAL(peer_identify(fd, geteuid(), &peer, reason, sizeof reason), -1);
    CHECK(strlen(reason) > 0);
    (void)close(fd);
    (void)close(through[0]);
    (void)close(through[1]);
    holds("a peer that has ended is nobody, whoever holds its connection");
}

int main(void) {
    living();
    gone();
    return 0;
}
