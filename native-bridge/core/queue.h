// The events that the agent has not yet accepted: bounded in number and bytes, numbered as they come, sent in order,
// kept until accepted and sent again to the next agent. When it is full, unsent events of the lowest class go first,
// the oldest of them first; an event that finds only higher classes before it is itself dropped. Each drop goes into
// the ledger.
//
// Storage is a pool of small blocks: events of any size, dropped in any order, leave no holes.
//
// Ownership: copies what it is given. Threading: none; the owner serialises the calls and keeps them short.
#ifndef PICKET_QUEUE_H
#define PICKET_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backend.h"
#include "core/loss.h"
#include "core/wire.h"

#define QUEUE_BLOCK 512
#define QUEUE_CLASSES 4
#define QUEUE_NONE UINT32_MAX
#define QUEUE_DEFAULT_EVENTS 65536
#define QUEUE_DEFAULT_BYTES (32u * 1024 * 1024)

// The highest first: what Picket did and says about itself; who ran what; other notify events; the rest.
enum queue_class { CLASS_AUDIT = 0, CLASS_PROCESS = 1, CLASS_NOTIFY = 2, CLASS_REST = 3 };

struct queue_entry {
    uint64_t sequence;
    const char *action;         // static storage
    uint32_t kind;
    uint32_t length;
    uint32_t first_block;
    uint32_t previous, next;    // in the class, by sequence
};

struct queue {
    struct queue_entry *entries;
    uint32_t entries_capacity;
    uint32_t entries_used;
    uint32_t free_entry;
    uint8_t *blocks;
    uint32_t *block_next;
    uint32_t blocks_capacity;
    uint32_t blocks_used;
    uint32_t free_block;
    struct {
        uint32_t head, tail;
        uint32_t unsent;        // the first that was not sent on this connection
    } classes[QUEUE_CLASSES];
    uint32_t unsent_count;
    uint64_t last_sequence;     // given
    uint64_t sent_through;      // ever, on any connection
    uint64_t dropped;
};

// 0, or -1 when memory is short.
int queue_init(struct queue *queue, uint32_t max_events, size_t max_bytes);
void queue_free(struct queue *queue);

enum queue_class queue_class_of(uint32_t kind, const char *action);

// Numbers the event and keeps the concatenation of the slices and the number itself (field 1 of Event). What had to
// be dropped, the event itself perhaps, goes into the ledger. Gives the sequence.
uint64_t queue_push(struct queue *queue, const struct bytes *slices, size_t slices_count, uint32_t kind,
                    const char *action, struct loss_ledger *ledger, uint64_t now_ns);

// The unsent event with the lowest sequence, or NULL.
const struct queue_entry *queue_next_unsent(const struct queue *queue);
void queue_write(const struct queue *queue, const struct queue_entry *entry, struct wire_writer *writer);
void queue_mark_sent(struct queue *queue, const struct queue_entry *entry);

// The agent has accepted all up to `through`; what was never sent can't have been. Gives what holds.
uint64_t queue_accept(struct queue *queue, uint64_t through);
// A new connection: whatever is still here is unsent.
void queue_rewind(struct queue *queue);

#endif
