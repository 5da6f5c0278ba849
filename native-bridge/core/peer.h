// Who is at the other end of the control socket? Checked natively, for Node has no call for it.
//
// Ownership: a peer owns a descriptor of its process, from peer_identify() to peer_close(). Threading: one thread at a
// time; reads /proc on Linux.
#ifndef PICKET_PEER_H
#define PICKET_PEER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct peer {
    uint32_t uid;
    uint32_t pid;
    int process;        // readable once the process that connected has ended; -1: the system has no such thing
};

// 0 where the peer is the agent's user or root and lives in the bridge's own user, mount and pid namespaces; else -1
// with a sentence for the log and the peer, and nothing to close.
int peer_identify(int fd, uid_t agent_uid, struct peer *peer, char *reason, size_t reason_size);
// Is it still the process that connected, where it was? As above, but what it owns stays its own either way.
int peer_check_again(const struct peer *peer, char *reason, size_t reason_size);
void peer_close(struct peer *peer);

#endif
