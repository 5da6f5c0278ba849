// Which of the agent's threads go before others, so that nobody makes the agent late by keeping the processors busy.
//
// The thread that decides has the best nice value while the agent answers its heartbeats. Under a few thousand busy
// threads that is not enough: its share is spent soon, and it waits for others of its process (garbage collection is
// shared among them, and so are locks), which the scheduler may have put aside for half a second. So when a request has
// waited for a good part of its budget all of them are urged: realtime, for a short while. Not when the thread simply
// computes, for then it has a processor most of the time and somebody else wants one (but while somebody floods, it is
// always worth it); and nothing is favoured while the agent does not answer, for a rule that never ends must not hold
// anybody up.
//
// Threading: none but for favour_is_held_up(); the owner serialises the calls. None blocks but for a look into /proc.
#ifndef PICKET_FAVOUR_H
#define PICKET_FAVOUR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define FAVOUR_URGED_US 50000
#define FAVOUR_HELD_UP_US 100000        // how long it counts as held up after that

struct favour {
    uint32_t pid;               // the agent's; 0: none
    uint32_t thread_id;         // that decides; 0: not known
    bool is_favoured;
    int64_t urged_until_us;     // 0: they are not urged
    _Atomic int64_t urged_us;   // the last time that it was held up; read by anybody
    int64_t looked_us;          // when it was last looked at,
    uint64_t waited_ns;         // and how long it had waited for a processor by then
};

// Another agent, or none.
void favour_agent(struct favour *favour, uint32_t pid);
// It has answered by this thread.
void favour_thread(struct favour *favour, uint32_t thread_id, int64_t now_us);
// It does not answer.
void favour_withdraw(struct favour *favour);
void favour_urge(struct favour *favour, int64_t now_us, bool is_flood);
// Was the thread kept from deciding by others, just now? Any thread.
bool favour_is_held_up(const struct favour *favour, int64_t now_us);
// Ends the urging once its time is over, and looks at the thread. A few times a second, and when told: the time of the
// next call, INT64_MAX where any will do.
int64_t favour_settle(struct favour *favour, int64_t now_us);

#endif
