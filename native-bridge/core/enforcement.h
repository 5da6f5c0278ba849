// Does the bridge enforce? `on` in ordinary times; `off` when an administrator or the kernel's command line says so;
// `observing` after a crash loop. While it is not on, nothing is denied and nothing waits.
//
// Threading: enforcement_is_on() and the two of a denial from any thread, without a lock; the rest belongs to the event
// thread. Ownership: holds no memory but its own. Pure but for the wait: the time is given, what is to be kept is given
// out as text.
#ifndef PICKET_ENFORCEMENT_H
#define PICKET_ENFORCEMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backend.h"

#define ENFORCEMENT_REASON 256
#define ENFORCEMENT_TEXT 512        // what enforcement_write() needs

enum enforcement_state { ENFORCEMENT_ON, ENFORCEMENT_OFF, ENFORCEMENT_OBSERVING };

// Why it is not on.
enum enforcement_cause {
    CAUSE_NONE,
    CAUSE_ADMINISTRATOR,
    CAUSE_AGENT_CRASHES,        // over as soon as an agent has stayed
    CAUSE_BRIDGE_CRASHES,       // over when somebody says so: while nothing is asked, not to crash proves nothing
};

struct enforcement {
    atomic_bool is_on;
    atomic_uint denials;            // under way: looked at is_on, and may not have told the kernel yet

    // The event thread's:
    bool by_kernel_parameter;       // off, whatever the rest says
    enum enforcement_state state;
    enum enforcement_cause cause;
    char reason[ENFORCEMENT_REASON];        // UTF-8
    uint64_t since_ns;              // 0: as started
    uint32_t uid, pid;              // who switched it; pid 0: nobody
};

void enforcement_init(struct enforcement *enforcement);

bool enforcement_is_on(const struct enforcement *enforcement);

// Around telling the kernel a denial. False: it is to be allowed, and there is nothing to end.
bool enforcement_denial_begins(struct enforcement *enforcement);
void enforcement_denial_ends(struct enforcement *enforcement);
// Waits for the denials that began while it was on: a write that never blocks each. False: one takes more than 0.3 s.
bool enforcement_settle(struct enforcement *enforcement);

struct enforcement_change {
    enum enforcement_state state;
    enum enforcement_cause cause;
    struct bytes reason;            // UTF-8; a longer one is cut
    uint64_t now_ns;
    uint32_t uid, pid;
};

// False: it was so already, and nothing changes. Under the kernel parameter the state is kept for the next boot.
bool enforcement_change(struct enforcement *enforcement, const struct enforcement_change *change);
void enforcement_forbid(struct enforcement *enforcement, uint64_t now_ns);     // the kernel parameter

enum enforcement_state enforcement_state_of(const struct enforcement *enforcement);
const char *enforcement_name_of(const struct enforcement *enforcement);         // on, off, observing
const char *enforcement_reason_of(const struct enforcement *enforcement);
// Is the kernel to ask? Not while it is off, nor after a crash loop of the bridge, which questions may have caused.
bool enforcement_asks(const struct enforcement *enforcement);

// What is kept across restarts. Length, or 0 where nothing is to be kept: it is on.
size_t enforcement_write(const struct enforcement *enforcement, char text[ENFORCEMENT_TEXT]);
// What was kept. A text that can't be understood means off: somebody wanted enforcement to end.
void enforcement_read(struct enforcement *enforcement, const char *text);

#endif
