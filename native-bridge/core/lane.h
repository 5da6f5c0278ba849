// The auth lane's end in the bridge: writes requests into one FIFO, reads verdicts from the other on a thread of its
// own, keeps the heartbeat and the discipline of policy switches (after PolicySwitch nothing is sent until Switched).
//
// Of one account only a few requests are with the agent at a time; the others wait in their slots for their turn. So who
// asks much waits behind himself, and a stranger behind a few of each.
//
// Ownership: the lane owns both descriptors, the pair's names and its reader thread. Requests are borrowed for the
// call.
// Threading: lane_start(), lane_try_open(), lane_hold(), lane_policy() and lane_stop() belong to the event thread;
// lane_ask(), lane_put_aside(), lane_ask_again(), lane_answered(),
// lane_availability() and lane_stalled_since() to any thread; lane_press(),
// lane_heartbeat() and lane_budget_ran_out() to the guard. The mutex is held for short writes that never block.
#ifndef PICKET_LANE_H
#define PICKET_LANE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/breaker.h"
#include "core/favour.h"
#include "core/fifo_pair.h"
#include "core/fifo_writer.h"
#include "core/messages.h"
#include "core/pending.h"

#define LANE_ACCOUNT_WINDOW 32      // requests of one account that the agent may have before it

enum lane_state {
    LANE_IDLE,          // no agent: defaults at once
    LANE_HOLDING,       // an agent is about to serve: requests wait for it within their budgets
    LANE_SERVING,
    LANE_SWITCHING,     // PolicySwitch is sent, Switched not yet seen
};

enum lane_availability { LANE_NO_AGENT, LANE_STALLED, LANE_AVAILABLE };

// What the reader thread hands on; called without the lane's mutex.
struct lane_events {
    void *context;
    void (*verdict)(void *context, const struct auth_verdict *verdict);
    void (*attention)(void *context);   // the event thread has something to look at: proved, broken
    void (*slow)(void *context);        // a request became SLOW_WANTED
};

struct lane {
    pthread_mutex_t mutex;
    atomic_int state;               // enum lane_state, changed under the mutex
    uint64_t epoch;                 // by which requests are judged; 0: no policy yet
    uint64_t switching_to;          // LANE_SWITCHING: what Switched must name
    uint64_t wanted_epoch;          // the newest policy's
    struct fifo_pair fifos;
    struct fifo_writer requests;    // what does not fit one of its frames goes over the socket
    int verdict_fd;
    struct breaker breaker;
    atomic_bool proved;             // a Pong came back: both sides have both FIFOs open
    const char *_Atomic broken;     // why this lane is of no use any more; NULL: it is
    pthread_t reader;
    bool reader_runs;
    int stop_fds[2];
    uint8_t *buffer;                // of the frame reader
    struct request **batch;         // of flush
    struct pending *pending;
    bool found_full;                // some request waits for room in the FIFO
    struct favour favour;
    struct lane_events events;
};

int lane_init(struct lane *lane, struct pending *pending, const struct lane_events *events);

// Whose the next connection is. Event thread, before lane_start().
void lane_set_agent(struct lane *lane, uint32_t pid);
// A new connection. `hold`: requests may wait for it (takeover). Takes the pair. 0, or -1 with a sentence.
int lane_start(struct lane *lane, const struct fifo_pair *fifos, bool hold, int64_t now_us, char *error,
               size_t error_size);
// Opens the request end once the agent has opened its own; true while it is still to be tried again. Where it can't be
// opened at all the lane is broken.
bool lane_try_open(struct lane *lane, int64_t now_us);
// A first policy is about to come into force: requests wait for it.
void lane_hold(struct lane *lane);
// And the way back, where it was refused. True: requests waited, and the caller answers them.
bool lane_unhold(struct lane *lane);
// A policy is in force from here on.
void lane_policy(struct lane *lane, uint64_t epoch, int64_t now_us);
// Ends the connection: closes both ends, joins the reader, so that no verdict of it can come any more. `hold`: the
// next agent is at hand, and requests wait for it.
void lane_stop(struct lane *lane, bool hold);

enum lane_availability lane_availability(const struct lane *lane);
// Sends the request, or keeps it for later. False: there is no agent any more, the caller answers.
bool lane_ask(struct lane *lane, struct request *request, int64_t now_us);
// The request waits for hashes, and the agent has it no more; then it is to be asked again. The agent can ask for hashes a few
// times and no more, for it could go on so for ever.
void lane_put_aside(struct lane *lane, struct request *request);
void lane_ask_again(struct lane *lane, struct request *request, int64_t now_us);
// One of the account's requests needs the agent no more: answered, or with the slow lane. The next one may go.
void lane_answered(struct lane *lane, uint64_t account, int64_t now_us);
// The guard's: a good part of the request's budget is over. Sends it where its sender was put aside before he could, and
// makes the agent go on where it was. True: lane_heartbeat() is to be called, to say until when.
bool lane_press(struct lane *lane, struct request *request, int64_t now_us, bool is_flood);
// LANE_STALLED: since when.
int64_t lane_stalled_since(const struct lane *lane);

// The guard's: sends pings, looks for missing pongs. Gives the time of the next call.
int64_t lane_heartbeat(struct lane *lane, int64_t now_us);
void lane_budget_ran_out(struct lane *lane, int64_t now_us);

#endif
