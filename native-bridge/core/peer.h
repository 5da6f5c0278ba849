// Who is at the other end of the control socket? Checked natively, for Node has no call for it.
// Threading: any; reads /proc on Linux.
#ifndef PICKET_PEER_H
#define PICKET_PEER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct peer {
    uint32_t uid;
    uint32_t pid;
};

// 0 where the peer is the agent's user or root and lives in the bridge's own user, mount and pid namespaces; else -1
// with a sentence for the log and the peer.
int peer_check(int fd, uid_t agent_uid, struct peer *peer, char *reason, size_t reason_size);

#endif
