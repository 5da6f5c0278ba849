// The conversation with the agent, on the event thread: who is connected, which generation it is, takeovers,
// policies, credit, and everything that goes out over the socket.
//
//   session.c         the loop: descriptors, the clock's second, whom to let in
//   places.c          who of them may wait to say Hello
//   session_agent.c   the one connected agent: Hello, Policy, Credit, verdicts of the slow lane, its end
//   successor.c       another agent, welcomed and getting ready while the connected one still serves
//   session_output.c  what to send next
//   session_control.c root's control of enforcement
//   session_enforcement.c   switching it, by root or by a crash loop, and what is kept of that across restarts
//
// Threading: the event thread alone. Ownership: the session owns the connections, not the core.
#ifndef PICKET_SESSION_H
#define PICKET_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/connection.h"
#include "core/core.h"
#include "core/crash_loop.h"
#include "core/listener.h"
#include "core/peer.h"

#define SESSION_CANDIDATES 8
#define SESSION_CANDIDATES_OF_A_PROCESS 2
// Beyond them, and root's alone: whoever fills the others can't keep an administrator from the way out.
#define SESSION_RESERVED 2
#define SESSION_PLACES (SESSION_CANDIDATES + SESSION_RESERVED)
#define SESSION_CANDIDATE_IN 8192       // a Hello and what may follow at once
#define SESSION_HELLO_WITHIN_US 5000000
#define SESSION_HELLO_GRACE_US 100000   // an agent says it at once, but its machine may be busy
// A successor compiles its rules before it opens its FIFOs; the old agent serves as long.
#define SESSION_READY_WITHIN_US 60000000
#define SESSION_IDLERS 32
#define SESSION_AGENT_NAME 128
#define SESSION_INSTANCE 64
#define SESSION_NOTE 512            // a sentence about a switch

struct candidate {
    struct connection connection;       // has no out buffer: refusals are written directly
    uint8_t in[SESSION_CANDIDATE_IN];
    struct peer peer;                   // owned while the connection is open
    int64_t since_us;
    int64_t until_us;
    // Behind its Hello:
    char name[SESSION_AGENT_NAME];
    char accepted_instance[SESSION_INSTANCE];
    uint64_t accepted_through;
    uint64_t generation;                // given with its Welcome
    struct fifo_pair fifos;
    // A successor's, so that its lane is whole before it takes over; -1: not open.
    int verdict_fd;
    int request_fd;
};

// A process that took a place and said nothing.
struct idler {
    uint32_t pid;
    int64_t until_us;
};

struct session {
    struct core *core;
    struct listener *listener;
    const char *state_directory;        // NULL: none
    int stop_fd;                        // readable: end

    struct candidate candidates[SESSION_PLACES];
    struct idler idlers[SESSION_IDLERS];
    size_t next_idler;
    struct candidate *successor;        // one of them; NULL: none
    uint8_t *successor_in;              // its frames, up to its policy; changes places with the agent's buffer
    size_t successor_seen;              // how much of it has been looked at
    bool successor_has_policy;
    struct connection agent;
    struct peer agent_peer;
    char agent_name[SESSION_AGENT_NAME];
    uint64_t agent_generation;
    uint64_t last_generation;           // given; that of the successor, where there is one
    uint64_t policy_epoch;              // of this connection; 0: none yet
    int64_t serving_since_us;           // its first policy; 0: none yet
    bool agent_said_goodbye;
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
    int turns_without_events;           // of the loop, since events were last sent
    bool more_to_send;                  // the pump stopped to let others have their turn
    bool more_to_handle;                // and so did whoever handles the agent's frames
    bool state_file_failed;
    uint32_t notification_beats;        // of their reader, as last seen
    int notification_silence_s;

    // session_enforcement.c's
    struct crash_limit crash_limit;
    struct crash_times agent_crashes, bridge_starts;    // that never ended well; the last start is this one's own
    bool is_begun, is_ending;
};

struct enforcement_options {
    const char *kernel_command_line;    // NULL: KERNEL_COMMAND_LINE, where there is one
    struct crash_limit crash_limit;
};

// 0, or -1 when memory is short.
int session_init(struct session *session, struct core *core, struct listener *listener, const char *state_directory,
                 int stop_fd);
// Takes up the state of enforcement: what was kept, the kernel's parameter, a crash loop of the bridge. Before the
// backend starts. 0, or -1 with a sentence.
int session_enforcement_begin(struct session *session, const struct enforcement_options *options, char *error,
                              size_t error_size);
// This bridge ends as it should, or could not start: that is no crash.
void session_enforcement_end(struct session *session);
// Serves until stop_fd is readable. Then lets go of the agent.
void session_run(struct session *session);

// --- between the parts ---
bool session_has_agent(const struct session *session);
// Tells the candidate why not, and closes its connection.
void session_refuse(struct candidate *candidate, const char *reason);
// Closes it without a word.
void session_close_candidate(struct candidate *candidate);
// A place for a new connection of this process, where need be one that another has wasted; NULL: there is none.
struct candidate *places_for(struct session *session, const struct peer *peer, int64_t now_us);
void places_wasted(struct session *session, const struct candidate *candidate, int64_t now_us);
// A candidate has said Hello: it becomes the agent at once where there is none, the successor where there is one.
void session_hello(struct session *session, struct candidate *candidate, const struct hello *hello, int64_t now_us);
// A candidate has sent a Control instead of a Hello: answers, and closes its connection.
void session_control(struct session *session, struct candidate *candidate, const struct control *control);
// Said again, it is done again: the disk may have room by now. `note` says where it does not outlive this bridge.
void session_switch(struct session *session, const struct enforcement_change *to, char note[SESSION_NOTE]);
// From here on they are counted anew.
void session_forget_crashes(struct session *session);
// The agent whose policy was in force ended without a goodbye.
void session_agent_crashed(struct session *session);
// Ends observing once an agent has stayed long enough.
void session_enforcement_each_second(struct session *session);
// Makes the candidate, which has its FIFOs, the agent; an old one's connection ends. The place is free afterwards.
void session_take_over(struct session *session, struct candidate *candidate, int64_t now_us);
// Its Welcome, which gives it the next generation.
void session_welcome(struct session *session, struct candidate *candidate, struct wire_writer *writer);
// The candidate, which has its Welcome, gets ready while the agent serves. Takes the place of one that has not got ready.
void successor_begin(struct session *session, struct candidate *candidate, int64_t now_us);
// The successor becomes the agent once it is ready, or is let go when its time is over.
void successor_attend(struct session *session, int64_t now_us);
// It has sent something behind its Hello (its policy), or has gone.
void successor_readable(struct session *session);
// `reason` NULL: without a word, for it has gone by itself, or is to come again.
void successor_drop(struct session *session, const char *reason);
// Reads and handles what the agent has sent.
void session_agent_readable(struct session *session);
// It is to be let go: what it has sent already is handled, then its connection ends, whoever holds it.
void session_agent_last_words(struct session *session, const char *reason);
// Handles frames that have been read already.
void session_agent_frames(struct session *session);
// Ends the connection; `reason` for the log.
void session_drop_agent(struct session *session, const char *reason);
// Writes what is due and what the socket takes.
void session_pump(struct session *session);
// Without longest_answer_us.
struct bridge_figures session_figures(struct session *session);
uint64_t session_defaults(const struct session *session);

#endif
