#include <string.h>

#include "core/event_encoder.h"
#include "core/loss.h"
#include "core/queue.h"
#include "picket/v1/event.pb.h"
#include "test/core_check.h"

static const struct {
    uint32_t kind;
    const char *action;
} sorts[QUEUE_CLASSES] = {{EVENT_AUTH, "open"}, {EVENT_NOTIFY, "exec"}, {EVENT_NOTIFY, "open"}, {EVENT_LOG, "log"}};

static uint8_t payload[8192];

// A queued event is one field of `length` bytes that tell its number, and then the sequence.
static size_t event_of(uint64_t number, size_t length, uint8_t *out) {
    struct wire_writer writer;
    wire_writer_init(&writer, out, 8192);
    memset(payload, (int)(number & 0xff), length);
    wire_bytes_always(&writer, picket_v1_Event_message_tag, (struct bytes){payload, length});
    return writer.length;
}

static void check_stored(const struct queue *queue, const struct queue_entry *entry) {
    static uint8_t out[16384];
    struct wire_writer writer;
    struct wire_reader reader;
    struct wire_field field;
    wire_writer_init(&writer, out, sizeof out);
    queue_write(queue, entry, &writer);
    CHECK(!writer.overflow);
    CHECK_EQUAL(writer.length, entry->length);
    wire_reader_init(&reader, (struct bytes){out, writer.length});
    CHECK(wire_next(&reader, &field) && field.tag == picket_v1_Event_message_tag);
    for (size_t i = 0; i < field.bytes.length; i++) CHECK_EQUAL(field.bytes.data[i], entry->sequence & 0xff);
    CHECK(wire_next(&reader, &field) && field.tag == picket_v1_Event_sequence_tag);
    CHECK_EQUAL(field.number, entry->sequence);
    CHECK(!wire_next(&reader, &field) && !reader.malformed);
}

static uint64_t push(struct queue *queue, int class, size_t length, struct loss_ledger *ledger) {
    static uint8_t encoded[8192];
    size_t whole = event_of(queue->last_sequence + 1, length, encoded);
    size_t cut = random_below(whole + 1);
    struct bytes slices[] = {{encoded, cut}, {NULL, 0}, {encoded + cut, whole - cut}};
    return queue_push(queue, slices, 3, sorts[class].kind, sorts[class].action, ledger, 1000);
}

static uint64_t lost_in(const struct loss_ledger *ledger) {
    uint64_t sum = 0;
    for (size_t i = 0; i < ledger->count; i++) sum += ledger->entries[i].count;
    return sum;
}

static void lowest_first(void) {
    struct queue queue;
    struct loss_ledger ledger = {.count = 0};
    CHECK_EQUAL(queue_init(&queue, 40, 1 << 20), 0);
    for (int i = 0; i < 40; i++) (void)push(&queue, i % QUEUE_CLASSES, 10, &ledger);
    for (int i = 0; i < 10; i++) (void)push(&queue, 0, 10, &ledger);    // ten of the rest make room
    CHECK_EQUAL(ledger.count, 1);
    CHECK_EQUAL(ledger.entries[0].kind, EVENT_LOG);
    CHECK_EQUAL(ledger.entries[0].count, 10);
    CHECK_EQUAL(ledger.entries[0].first_sequence, 4);
    CHECK_EQUAL(ledger.entries[0].last_sequence, 40);
    (void)push(&queue, 3, 10, &ledger);     // finds only higher classes before it
    CHECK_EQUAL(ledger.entries[0].count, 11);
    CHECK_EQUAL(ledger.entries[0].last_sequence, 51);
    (void)push(&queue, 2, 10, &ledger);     // the oldest of its own class
    CHECK_EQUAL(ledger.count, 2);
    CHECK_EQUAL(ledger.entries[1].first_sequence, 3);
    CHECK_EQUAL(queue.dropped, 12);
    queue_free(&queue);
    holds("when it is full the lowest class goes first, and its oldest first");
}

static void accepted(void) {
    struct queue queue;
    struct loss_ledger ledger = {.count = 0};
    const struct queue_entry *entry;
    CHECK_EQUAL(queue_init(&queue, 100, 1 << 20), 0);
    for (int i = 0; i < 50; i++) (void)push(&queue, (int)random_below(QUEUE_CLASSES), random_below(3000), &ledger);
    queue_accept(&queue, 50);               // nothing was sent: nothing can be accepted
    CHECK_EQUAL(queue.entries_used, 50);
    for (uint64_t expected = 1; expected <= 30; expected++) {
        entry = queue_next_unsent(&queue);
        CHECK_EQUAL(entry->sequence, expected);
        queue_mark_sent(&queue, entry);
    }
    queue_accept(&queue, 20);
    CHECK_EQUAL(queue.entries_used, 30);
    CHECK_EQUAL(queue.unsent_count, 20);
    queue_rewind(&queue);
    CHECK_EQUAL(queue.unsent_count, 30);
    for (uint64_t expected = 21; expected <= 50; expected++) {
        entry = queue_next_unsent(&queue);
        CHECK_EQUAL(entry->sequence, expected);
        check_stored(&queue, entry);
        queue_mark_sent(&queue, entry);
    }
    CHECK(queue_next_unsent(&queue) == NULL);
    queue_accept(&queue, UINT64_MAX);
    CHECK_EQUAL(queue.entries_used, 0);
    CHECK_EQUAL(queue.blocks_used, 0);
    queue_free(&queue);
    holds("what is not accepted is sent again, in order, and what is accepted is forgotten");
}

// Over any history: numbered = accepted + kept + lost, in order, with every byte in its place.
static void books(void) {
    for (int history = 0; history < 300; history++) {
        struct queue queue;
        struct loss_ledger ledger = {.count = 0}, moved = {.count = 0};
        uint64_t lost = 0, forgotten = 0, last_sent = 0;
        CHECK_EQUAL(queue_init(&queue, 1 + (uint32_t)random_below(60), QUEUE_BLOCK * (1 + random_below(80))), 0);
        for (int step = 0; step < 300; step++) {
            switch (random_below(6)) {
            case 0: {
                const struct queue_entry *entry = queue_next_unsent(&queue);
                if (entry == NULL) break;
                check_stored(&queue, entry);
                CHECK(entry->sequence > last_sent);
                last_sent = entry->sequence;
                queue_mark_sent(&queue, entry);
                break;
            }
            case 1: {
                uint32_t before = queue.entries_used;
                queue_accept(&queue, random_below(queue.last_sequence + 2));
                forgotten += before - queue.entries_used;
                break;
            }
            case 2:
                if (random_below(10) != 0) break;
                queue_rewind(&queue);
                last_sent = 0;
                CHECK_EQUAL(queue.unsent_count, queue.entries_used);
                break;
            default:
                (void)push(&queue, (int)random_below(QUEUE_CLASSES), random_below(2500), &ledger);
                if (random_below(20) == 0) loss_move(&ledger, &moved);
            }
            CHECK(queue.entries_used <= queue.entries_capacity && queue.blocks_used <= queue.blocks_capacity);
        }
        lost = lost_in(&ledger) + lost_in(&moved);
        CHECK_EQUAL(queue.dropped, lost);
        CHECK_EQUAL(queue.last_sequence, forgotten + queue.entries_used + lost);
        queue_free(&queue);
    }
    holds("over any history what was numbered was accepted, is kept or is on record as lost");
}

static void too_long(void) {
    struct queue queue;
    struct loss_ledger ledger = {.count = 0};
    static uint8_t huge[1024 * 1024];
    struct bytes slice = {huge, sizeof huge};
    CHECK_EQUAL(queue_init(&queue, 10, 4 << 20), 0);
    CHECK_EQUAL(queue_push(&queue, &slice, 1, EVENT_NOTIFY, "exec", &ledger, 1), 1);
    CHECK_EQUAL(queue.entries_used, 0);
    CHECK(strcmp(ledger.entries[0].cause, "too_long") == 0);
    queue_free(&queue);
    holds("an event that no frame can hold is a loss, and takes a number");
}

static void ledger_full(void) {
    static char causes[5][32], actions[200][32];
    struct loss_ledger ledger = {.count = 0};
    uint64_t added = 0, unknown = 0;
    for (int i = 0; i < 5; i++) (void)snprintf(causes[i], sizeof causes[i], "cause%d", i);
    for (int i = 0; i < 200; i++) (void)snprintf(actions[i], sizeof actions[i], "action%d", i);
    for (int i = 0; i < 20000; i++) {
        uint64_t count = random_below(50) == 0 ? 0 : 1 + random_below(9);
        loss_add(&ledger, &(struct loss){causes[random_below(5)], (uint32_t)random_below(8), actions[random_below(200)],
                                         count, 0, 0, 1 + random_below(100), 200});
        added += count;
        if (count == 0) unknown++;
    }
    CHECK(unknown > 0);
    CHECK_EQUAL(ledger.count, LOSS_ENTRIES);
    CHECK_EQUAL(lost_in(&ledger), added);
    holds("a full ledger loses detail, never numbers");
}

// Frames with losses go out, acceptances come back later and not for each; then the agent dies.
static void sent_losses(void) {
    for (int history = 0; history < 500; history++) {
        static struct sent_losses sent;
        struct loss_ledger ledger = {.count = 0};
        uint64_t through = 0, sequence = 0, owed = 0, all = 0;
        struct { uint64_t with, count; } frames[64];
        memset(&sent, 0, sizeof sent);
        for (size_t i = 0; i < 64; i++) {
            sequence += 1 + random_below(3);
            frames[i].with = sequence + 1 - random_below(2);
            frames[i].count = random_below(3);
            all += frames[i].count;
            if (frames[i].count > 0)
                loss_add(&ledger, &(struct loss){"queue_full", EVENT_NOTIFY, "open", frames[i].count, 0, 0, 1, 1});
            sent_losses_add(&sent, &ledger, frames[i].with);
            CHECK_EQUAL(ledger.count, 0);
            if (random_below(3) == 0) through += random_below(sequence + 1 - through);
            if (random_below(3) == 0) sent_losses_accepted(&sent, through);     // else a Credit of before
        }
        sent_losses_accepted(&sent, through);
        for (size_t i = 0; i < 64; i++)
            if (frames[i].with > through) owed += frames[i].count;
        sent_losses_take_back(&sent, &ledger);
        CHECK(lost_in(&ledger) >= owed && lost_in(&ledger) <= all);
        sent_losses_add(&sent, &ledger, sequence + 1);
        sent_losses_accepted(&sent, sequence + 1);
        sent_losses_take_back(&sent, &ledger);
        CHECK_EQUAL(ledger.count, 0);
    }
    holds("a loss that was sent is kept until an event behind it is accepted, not longer");
}

int main(void) {
    lowest_first();
    accepted();
    books();
    too_long();
    ledger_full();
    sent_losses();
    return 0;
}
