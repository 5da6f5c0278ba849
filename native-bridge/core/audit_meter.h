// How many audits of denials and defaults one account may cause by one rule: a bucket for each pair. A process that
// tries a denied file a hundred thousand times a second must not fill the queue, in which everybody's events wait, nor
// the stream. What is held back is counted by the caller, so the sums stay exact.
//
// The buckets are found by a hash and two pairs may share one: then they share its allowance, and nothing is searched
// for, kept or evicted. By rule, too, so that noise about one does not hide what another one says.
//
// Threading: any thread. Ownership: a fixed table inside the struct.
#ifndef PICKET_AUDIT_METER_H
#define PICKET_AUDIT_METER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/backend.h"

#define AUDIT_METER_BUCKETS 1024
#define AUDIT_METER_BURST 8192
#define AUDIT_METER_EACH_US 2000        // one more audit each 2 ms: 500 a second

struct audit_meter {
    pthread_mutex_t mutex;
    struct audit_bucket {
        int64_t full_at_us;             // when it will have its whole burst again
    } buckets[AUDIT_METER_BUCKETS];
};

void audit_meter_init(struct audit_meter *meter);

// May this one be told? Takes one from the bucket if so.
bool audit_meter_take(struct audit_meter *meter, uint64_t account, struct bytes rule, int64_t now_us);

#endif
