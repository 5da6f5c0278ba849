// Who asks too much: the requests that were answered at once because too many of their account were pending. They are
// counted exactly and told in one event an account and interval; of single ones only the first few are told.
//
// Ownership: a fixed table inside the struct. Threading: any thread; the mutex is held for a walk over the table.
#ifndef PICKET_OVERLOAD_H
#define PICKET_OVERLOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/picket_event.h"

#define OVERLOAD_ACCOUNTS 256
#define OVERLOAD_FIRST_US 1000000       // from the first refusal to its event
#define OVERLOAD_EVERY_US 10000000      // from one event to the next
#define OVERLOAD_AUDITS 16              // refusals told one by one, an account and interval: what was asked for
#define OVERLOAD_CROWD_US 1000000       // how long a refusal says that its account floods

struct overload_refusal {
    uint64_t account;
    uint32_t uid;
    bool denied;
    bool over_bound;                    // too many are pending; else a late consequence of that
    int64_t now_us;
    uint64_t now_ns;
};

struct overload_entry {
    uint64_t account;
    uint32_t uid;
    bool used;
    uint32_t audits;
    int64_t last_us;                    // over a bound, refused or not
    int64_t tell_us;
    uint64_t denied, allowed;
    uint64_t from_ns, to_ns;
};

struct overload {
    pthread_mutex_t mutex;
    _Atomic int64_t last_us;            // of any account
    struct overload_entry entries[OVERLOAD_ACCOUNTS + 1];   // the last: of all that found no place, uid UINT32_MAX
};

void overload_init(struct overload *overload);

// Counts it. True: it is one of the few that are told by themselves, too.
bool overload_refused(struct overload *overload, const struct overload_refusal *refusal);

// More of the account wait than may be pending, though none was refused yet.
void overload_crowds(struct overload *overload, uint64_t account, int64_t now_us);

// Was a request of the account over a bound since then?
bool overload_is_crowding(struct overload *overload, uint64_t account, int64_t since_us);

// Was one of any account?
bool overload_is_any_crowding(const struct overload *overload, int64_t since_us);

// What is due to be told of one account, which begins a new interval for it. False: nothing is.
bool overload_take(struct overload *overload, int64_t now_us, struct overload_facts *facts);

#endif
