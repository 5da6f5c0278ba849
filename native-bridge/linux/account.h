// Who answers for what a process does: whose requests are counted together when too many ask.
//
// One person may have many uids: a user namespace gives its maker 65,536 subordinate ones (subuid(5)), and processes
// under each. They all count as its maker's. A namespace that root made (a container engine's) counts as one user.
//
// Threading: reentrant, but for account_init(). Reads only what the kernel answers from its own memory.
#ifndef PICKET_LINUX_ACCOUNT_H
#define PICKET_LINUX_ACCOUNT_H

#include <stdint.h>

// Once, before the threads start.
void account_init(void);

// The user that asks: the real one, for a set-uid program acts for whoever started it; of a daemon of root's, which takes
// a user's place for a while, the effective one.
uint32_t account_user(uint32_t real_uid, uint32_t uid);

// The account of a process of that user; `pidfd` or -1.
uint64_t account_of(uint32_t pid, int pidfd, uint32_t user);

// A cheap look at whose a process is, good enough to take turns by. UINT32_MAX: it has gone.
uint64_t account_glance(uint32_t pid, int pidfd);

#endif
