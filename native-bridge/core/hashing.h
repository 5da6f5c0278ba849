// Hashes of what requests ask about: computed by a few threads that may wait for disks, one request at a time, and of the
// accounts that ask each in its turn, so that whoever asks much waits behind himself. Requests wait in their own slots.
//
// What is read for a request whose budget ends is read to its end where that is of use to the next one. A request that was
// answered may still have its audit wait for hashes, which nobody else waits for: a few at a time, and they come last.
//
// Ownership: owns its threads. Threading: hashing_start() and hashing_stop() belong to one thread, all else to any.
#ifndef PICKET_HASHING_H
#define PICKET_HASHING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/pending.h"

enum {
    HASHING_THREADS = 2,
    HASHING_CROWD = 8,              // so many requests of an account at once, and it waits for itself
    HASHING_REPORTS = 16,
    HASHING_REPORTS_OF_ONE = 4,     // account
    HASHING_OUTCOME_BYTES = 4096,
};

struct core;

// The audit of a request that was answered.
struct hashing_report {
    enum { REPORT_FREE, REPORT_BEGUN, REPORT_WAITS, REPORT_RUNS } state;
    struct request *request;        // holds its slot
    uint64_t order;
    unsigned wanted;
    struct hash_sources sources;
    uint8_t outcome[HASHING_OUTCOME_BYTES];
    size_t outcome_length;
};

struct hashing {
    struct core *core;
    pthread_mutex_t mutex;          // of the requests' fields marked (hashing) and of the reports
    pthread_cond_t wanted;
    pthread_t threads[HASHING_THREADS];
    unsigned running;               // threads
    uint64_t last_account;          // whose turn it was
    struct hashing_report reports[HASHING_REPORTS];
    atomic_bool stopping;
    // Since the start.
    _Atomic uint64_t computed, remembered, unstable, absent, late;
};

void hashing_init(struct hashing *hashing, struct core *core);
// 0 or an errno. Without a backend that hashes there is nothing to start.
int hashing_start(struct hashing *hashing);
void hashing_stop(struct hashing *hashing);

enum hashing_wanted {
    HASHING_IMPOSSIBLE,     // nobody here hashes
    HASHING_COMES,          // the agent will be asked again once they are there
    HASHING_THERE,          // they are: it is to be asked at once
};
enum hashing_wanted hashing_want(struct hashing *hashing, struct request *request, unsigned hashes);

// Is the request late since its own account wants so many files hashed?
bool hashing_is_crowded(struct hashing *hashing, const struct request *request);

// Before the answer: opens what the audit is to tell the hashes of. NULL: there is no room for it.
struct hashing_report *hashing_report_begin(struct hashing *hashing, struct request *request, unsigned hashes);
// After it: the audit, which has this outcome, is queued with the hashes. Takes a reference of the request.
void hashing_report_end(struct hashing *hashing, struct hashing_report *report, struct bytes outcome);
// Or it is not: somebody else answered, or nothing is to be told. NULL passes.
void hashing_report_drop(struct hashing *hashing, struct hashing_report *report);

void hashing_count(struct hashing *hashing, const struct content_hash *hash);

#endif
