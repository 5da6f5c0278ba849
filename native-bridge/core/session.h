// The conversation with the agent, on the event thread: who is connected, which generation it is, takeovers,
// policies, credit, and everything that goes out over the socket.
//
//   session.c         the loop: descriptors, the clock's second, whom to let in
//   session_agent.c   the one connected agent: Hello, Policy, Credit, verdicts of the slow lane, its end
//   successor.c       another agent, welcomed and getting ready while the connected one still serves
//   session_output.c  what to send next
//
// Threading: the event thread alone. Ownership: the session owns the connections, not the core.
#ifndef PICKET_SESSION_H
#define PICKET_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/connection.h"
#include "core/core.h"
#include "core/listener.h"
#include "core/peer.h"

#define SESSION_CANDIDATES 4
#define SESSION_CANDIDATE_IN 8192       // a Hello and what may follow at once
#define SESSION_HELLO_WITHIN_US 5000000
// A successor compiles its rules before it opens its FIFOs; the old agent serves as long.
#define SESSION_READY_WITHIN_US 60000000
#define SESSION_AGENT_NAME 128
#define SESSION_INSTANCE 64

struct candidate {
    struct connection connection;       // has no out buffer: refusals are written directly
    uint8_t in[SESSION_CANDIDATE_IN];
    struct peer peer;
    int64_t until_us;
    // Behind its Hello:
    char name[SESSION_AGENT_NAME];
    char accepted_instance[SESSION_INSTANCE];
    uint64_t accepted_through;
    uint64_t generation;                // given with its Welcome
    struct fifo_pair fifos;
    int request_fd;                     // of a successor that is ready; -1
};

struct session {
    struct core *core;
    struct listener *listener;
    const char *state_directory;        // NULL: none
    int stop_fd;                        // readable: end

    struct candidate candidates[SESSION_CANDIDATES];
    struct candidate *successor;        // one of them; NULL: none
    struct connection agent;
    struct peer agent_peer;
    char agent_name[SESSION_AGENT_NAME];
    uint64_t agent_generation;
    uint64_t last_generation;           // given; that of the successor, where there is one
    uint64_t policy_epoch;              // of this connection; 0: none yet
    uint64_t credit;
    bool fifo_to_open;
    bool end_of_source_sent;

    struct sent_losses losses_sent;
    uint64_t unwatched_since_ns;        // no agent since; 0: one is there
    bool unwatched_by_takeover;         // only from one agent to the next: told if a default was given meanwhile
    uint64_t defaults_before;
    uint64_t defaults_logged;
    int64_t next_second_us;
    bool statistics_due;
    bool more_to_send;                  // the pump stopped to let others have their turn
    bool state_file_failed;
};

// 0, or -1 when memory is short.
int session_init(struct session *session, struct core *core, struct listener *listener, const char *state_directory,
                 int stop_fd);
// Serves until stop_fd is readable. Then lets go of the agent.
void session_run(struct session *session);

// --- between the parts ---
bool session_has_agent(const struct session *session);
// Tells the candidate why not, and closes its connection.
void session_refuse(struct candidate *candidate, const char *reason);
// A candidate has said Hello: it becomes the agent at once where there is none, the successor where there is one.
void session_hello(struct session *session, struct candidate *candidate, const struct hello *hello, int64_t now_us);
// Makes the candidate, which has its FIFOs, the agent; an old one's connection ends. The slot is free afterwards.
void session_take_over(struct session *session, struct candidate *candidate, int64_t now_us);
// Its Welcome, which gives it the next generation.
void session_welcome(struct session *session, struct candidate *candidate, struct wire_writer *writer);
// The successor becomes the agent once it is ready, or is let go when its time is over.
void successor_attend(struct session *session, int64_t now_us);
// It has sent something behind its Hello (its policy), or has gone.
void successor_readable(struct session *session, int64_t now_us);
// `reason` NULL: it has gone by itself.
void successor_drop(struct session *session, const char *reason);
// Reads and handles what the agent has sent.
void session_agent_readable(struct session *session);
// Handles frames that have been read already.
void session_agent_frames(struct session *session);
// Ends the connection; `reason` for the log.
void session_drop_agent(struct session *session, const char *reason);
// Writes what is due and what the socket takes.
void session_pump(struct session *session);
uint64_t session_defaults(const struct session *session);

#endif
