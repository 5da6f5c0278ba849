// The loss ledger: events that nobody will see, merged by cause, kind and action in a bounded table. It is a path of
// its own: it takes no memory, needs no room in the queue, and goes on while everything else is blocked.
//
// Ownership: entries hold pointers to static text. Threading: none; the owner serialises the calls.
#ifndef PICKET_LOSS_H
#define PICKET_LOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOSS_ENTRIES 64

struct loss {
    const char *cause;          // static storage
    uint32_t kind;
    const char *action;         // static storage; "": several
    uint64_t count;             // 0: at least one, the number is not known
    uint64_t first_sequence;    // 0: lost before they had a number
    uint64_t last_sequence;
    uint64_t from_ns;
    uint64_t to_ns;
};

struct loss_ledger {
    struct loss entries[LOSS_ENTRIES];
    size_t count;
};

// Where the table is full, entries of the same cause are merged: numbers are never lost, only detail is.
void loss_add(struct loss_ledger *ledger, const struct loss *loss);
// Moves all entries of `from` into `into`.
void loss_move(struct loss_ledger *from, struct loss_ledger *into);

// The losses that were told to an agent, until it is known to have them. A Credit alone proves nothing: it may have been
// written before they were read. An event that was accepted does, for the agent takes all in order.
struct sent_losses {
    struct loss_ledger first, later;
    uint64_t first_with, later_with;    // the events whose acceptance proves that they have arrived
};

// All that `ledger` holds is sent now; `with`: the last event of the same frame, or the next that can be sent.
void sent_losses_add(struct sent_losses *sent, struct loss_ledger *ledger, uint64_t with);
void sent_losses_accepted(struct sent_losses *sent, uint64_t through);
// The agent is gone: what it may not have is to be told to the next one.
void sent_losses_take_back(struct sent_losses *sent, struct loss_ledger *ledger);

#endif
