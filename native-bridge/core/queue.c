#include "core/queue.h"

#include <stdlib.h>
#include <string.h>

#include "core/event_encoder.h"
#include "core/frame.h"
#include "picket/v1/event.pb.h"

// An event must fit a frame with what stands around it.
enum { MAX_EVENT = FRAME_MAX - 4096 };

int queue_init(struct queue *queue, uint32_t max_events, size_t max_bytes) {
    memset(queue, 0, sizeof *queue);
    if (max_events == 0 || max_bytes / QUEUE_BLOCK == 0 || max_bytes / QUEUE_BLOCK >= QUEUE_NONE) return -1;
    queue->entries_capacity = max_events;
    queue->blocks_capacity = (uint32_t)(max_bytes / QUEUE_BLOCK);
    queue->entries = calloc(max_events, sizeof *queue->entries);
    queue->blocks = calloc(queue->blocks_capacity, QUEUE_BLOCK);
    queue->block_next = calloc(queue->blocks_capacity, sizeof *queue->block_next);
    if (queue->entries == NULL || queue->blocks == NULL || queue->block_next == NULL) {
        queue_free(queue);
        return -1;
    }
    for (uint32_t i = 0; i < max_events; i++) queue->entries[i].next = i + 1 < max_events ? i + 1 : QUEUE_NONE;
    for (uint32_t i = 0; i < queue->blocks_capacity; i++)
        queue->block_next[i] = i + 1 < queue->blocks_capacity ? i + 1 : QUEUE_NONE;
    for (int class = 0; class < QUEUE_CLASSES; class++) {
        queue->classes[class].head = QUEUE_NONE;
        queue->classes[class].tail = QUEUE_NONE;
        queue->classes[class].unsent = QUEUE_NONE;
    }
    return 0;
}

void queue_free(struct queue *queue) {
    free(queue->entries);
    free(queue->blocks);
    free(queue->block_next);
    memset(queue, 0, sizeof *queue);
}

enum queue_class queue_class_of(uint32_t kind, const char *action) {
    if (kind == EVENT_PICKET || kind == EVENT_AUTH) return CLASS_AUDIT;
    if (kind != EVENT_NOTIFY) return CLASS_REST;
    bool is_process = strcmp(action, "exec") == 0 || strcmp(action, "fork") == 0 || strcmp(action, "exit") == 0;
    return is_process ? CLASS_PROCESS : CLASS_NOTIFY;
}

static uint32_t blocks_for(size_t length) {
    return (uint32_t)((length + QUEUE_BLOCK - 1) / QUEUE_BLOCK);
}

static void free_blocks(struct queue *queue, uint32_t first) {
    while (first != QUEUE_NONE) {
        uint32_t next = queue->block_next[first];
        queue->block_next[first] = queue->free_block;
        queue->free_block = first;
        queue->blocks_used--;
        first = next;
    }
}

static void remove_entry(struct queue *queue, int class, uint32_t index) {
    struct queue_entry *entry = &queue->entries[index];
    if (entry->previous == QUEUE_NONE) queue->classes[class].head = entry->next;
    else queue->entries[entry->previous].next = entry->next;
    if (entry->next == QUEUE_NONE) queue->classes[class].tail = entry->previous;
    else queue->entries[entry->next].previous = entry->previous;
    if (queue->classes[class].unsent == index) queue->classes[class].unsent = entry->next;
    free_blocks(queue, entry->first_block);
    entry->next = queue->free_entry;
    queue->free_entry = index;
    queue->entries_used--;
}

static void count_drop(struct queue *queue, struct loss_ledger *ledger, const char *cause, uint32_t kind,
                       const char *action, uint64_t sequence, uint64_t now_ns) {
    queue->dropped++;
    loss_add(ledger, &(struct loss){cause, kind, action, 1, sequence, sequence, now_ns, now_ns});
}

// Drops the oldest unsent event of the lowest class that is not above `class`. False: there is none.
static bool drop_one(struct queue *queue, enum queue_class class, struct loss_ledger *ledger, uint64_t now_ns) {
    for (int victim = QUEUE_CLASSES - 1; victim >= (int)class; victim--) {
        uint32_t index = queue->classes[victim].unsent;
        if (index == QUEUE_NONE) continue;
        struct queue_entry *entry = &queue->entries[index];
        count_drop(queue, ledger, "queue_full", entry->kind, entry->action, entry->sequence, now_ns);
        queue->unsent_count--;
        remove_entry(queue, victim, index);
        return true;
    }
    return false;
}

static bool make_room(struct queue *queue, uint32_t blocks, enum queue_class class, struct loss_ledger *ledger,
                      uint64_t now_ns) {
    if (blocks > queue->blocks_capacity) return false;
    while (queue->entries_used >= queue->entries_capacity || queue->blocks_capacity - queue->blocks_used < blocks)
        if (!drop_one(queue, class, ledger, now_ns)) return false;
    return true;
}

static uint32_t store(struct queue *queue, const struct bytes *slices, size_t slices_count) {
    uint32_t first = QUEUE_NONE, last = QUEUE_NONE;
    size_t offset = QUEUE_BLOCK;
    for (size_t i = 0; i < slices_count; i++) {
        size_t done = 0;
        while (done < slices[i].length) {
            if (offset == QUEUE_BLOCK) {
                uint32_t block = queue->free_block;
                queue->free_block = queue->block_next[block];
                queue->block_next[block] = QUEUE_NONE;
                queue->blocks_used++;
                if (last == QUEUE_NONE) first = block;
                else queue->block_next[last] = block;
                last = block;
                offset = 0;
            }
            size_t part = slices[i].length - done;
            if (part > QUEUE_BLOCK - offset) part = QUEUE_BLOCK - offset;
            memcpy(queue->blocks + (size_t)last * QUEUE_BLOCK + offset, slices[i].data + done, part);
            done += part;
            offset += part;
        }
    }
    return first;
}

enum { MAX_SLICES = 8 };

uint64_t queue_push(struct queue *queue, const struct bytes *slices, size_t slices_count, uint32_t kind,
                    const char *action, struct loss_ledger *ledger, uint64_t now_ns) {
    uint64_t sequence = ++queue->last_sequence;
    uint8_t number[16];
    struct wire_writer writer;
    wire_writer_init(&writer, number, sizeof number);
    wire_uint(&writer, picket_v1_Event_sequence_tag, sequence);

    struct bytes all[MAX_SLICES + 1];
    size_t length = writer.length;
    if (slices_count > MAX_SLICES) slices_count = MAX_SLICES;
    for (size_t i = 0; i < slices_count; i++) {
        all[i] = slices[i];
        length += slices[i].length;
    }
    all[slices_count] = (struct bytes){number, writer.length};

    if (length > MAX_EVENT) {
        count_drop(queue, ledger, "too_long", kind, action, sequence, now_ns);
        return sequence;
    }
    enum queue_class class = queue_class_of(kind, action);
    if (!make_room(queue, blocks_for(length), class, ledger, now_ns)) {
        count_drop(queue, ledger, "queue_full", kind, action, sequence, now_ns);
        return sequence;
    }
    uint32_t index = queue->free_entry;
    struct queue_entry *entry = &queue->entries[index];
    queue->free_entry = entry->next;
    queue->entries_used++;
    queue->unsent_count++;
    *entry = (struct queue_entry){
        .sequence = sequence,
        .action = action,
        .kind = kind,
        .length = (uint32_t)length,
        .first_block = store(queue, all, slices_count + 1),
        .previous = queue->classes[class].tail,
        .next = QUEUE_NONE,
    };
    if (entry->previous == QUEUE_NONE) queue->classes[class].head = index;
    else queue->entries[entry->previous].next = index;
    queue->classes[class].tail = index;
    if (queue->classes[class].unsent == QUEUE_NONE) queue->classes[class].unsent = index;
    return sequence;
}

const struct queue_entry *queue_next_unsent(const struct queue *queue) {
    const struct queue_entry *next = NULL;
    for (int class = 0; class < QUEUE_CLASSES; class++) {
        uint32_t index = queue->classes[class].unsent;
        if (index != QUEUE_NONE && (next == NULL || queue->entries[index].sequence < next->sequence))
            next = &queue->entries[index];
    }
    return next;
}

void queue_write(const struct queue *queue, const struct queue_entry *entry, struct wire_writer *writer) {
    size_t left = entry->length;
    for (uint32_t block = entry->first_block; block != QUEUE_NONE && left > 0; block = queue->block_next[block]) {
        size_t part = left < QUEUE_BLOCK ? left : QUEUE_BLOCK;
        wire_raw(writer, queue->blocks + (size_t)block * QUEUE_BLOCK, part);
        left -= part;
    }
}

void queue_mark_sent(struct queue *queue, const struct queue_entry *entry) {
    for (int class = 0; class < QUEUE_CLASSES; class++) {
        uint32_t index = queue->classes[class].unsent;
        if (index == QUEUE_NONE || &queue->entries[index] != entry) continue;
        queue->classes[class].unsent = entry->next;
        queue->unsent_count--;
        if (entry->sequence > queue->sent_through) queue->sent_through = entry->sequence;
        return;
    }
}

uint64_t queue_accept(struct queue *queue, uint64_t through) {
    if (through > queue->sent_through) through = queue->sent_through;
    for (int class = 0; class < QUEUE_CLASSES; class++) {
        for (uint32_t head = queue->classes[class].head;
             head != QUEUE_NONE && queue->entries[head].sequence <= through; head = queue->classes[class].head) {
            // After a reconnection it may be unsent on this one, and accepted on the one before.
            if (queue->classes[class].unsent == head) queue->unsent_count--;
            remove_entry(queue, class, head);
        }
    }
    return through;
}

void queue_rewind(struct queue *queue) {
    queue->unsent_count = queue->entries_used;
    for (int class = 0; class < QUEUE_CLASSES; class++) queue->classes[class].unsent = queue->classes[class].head;
}
