#include "process_ring.h"

#include <linux/bpf.h>
#include <stdatomic.h>

#include "core/clock.h"

// A record is copied within microseconds; on a machine whose processors are not always there it may take longer.
enum { BUSY_WAIT_US = 500 };

static uint64_t load(const uint64_t *number)
{
    return atomic_load_explicit((const _Atomic uint64_t *)number, memory_order_acquire);
}

static uint32_t length_at(const struct process_ring *ring, uint64_t at)
{
    const _Atomic uint32_t *head = (const _Atomic uint32_t *)(const void *)(ring->data + (at & (ring->size - 1)));
    return atomic_load_explicit(head, memory_order_acquire);
}

static uint64_t room_of(uint32_t length)
{
    return ((uint64_t)length + BPF_RINGBUF_HDR_SZ + 7) & ~7ull;
}

static bool is_whole(const struct process_record *record, size_t length)
{
    if (length < sizeof *record)
        return false;
    uint64_t texts = (uint64_t)record->args_length + record->environment_length + record->directory_length +
                     record->program_length;
    return texts <= length - sizeof *record;
}

static void give_back(struct process_ring *ring)
{
    atomic_store_explicit((_Atomic uint64_t *)ring->consumed, *ring->consumed + ring->held, memory_order_release);
    ring->held = 0;
}

static bool is_still_busy(const struct process_ring *ring, uint64_t at)
{
    int64_t until_us = clock_monotonic_us() + BUSY_WAIT_US;
    while (length_at(ring, at) & BPF_RINGBUF_BUSY_BIT)
        if (clock_monotonic_us() >= until_us)
            return true;
    return false;
}

enum ring_read_result process_ring_read(struct process_ring *ring, const struct process_record **record,
                                        uint64_t *count)
{
    give_back(ring);
    uint64_t lost = load(&ring->status->lost);
    if (lost != ring->lost_told) {
        *count = lost - ring->lost_told;
        ring->lost_told = lost;
        return RING_LOST;
    }
    uint64_t at = *ring->consumed;
    if (at == load(ring->produced))
        return RING_EMPTY;
    if (length_at(ring, at) & BPF_RINGBUF_BUSY_BIT && is_still_busy(ring, at))
        return RING_BUSY;
    uint32_t head = length_at(ring, at), length = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    ring->held = room_of(length);
    *record = (const void *)(ring->data + (at & (ring->size - 1)) + BPF_RINGBUF_HDR_SZ);
    return !(head & BPF_RINGBUF_DISCARD_BIT) && is_whole(*record, length) ? RING_RECORD : RING_BROKEN;
}

void process_ring_want_environment(struct process_ring *ring, bool wanted)
{
    if (ring->status)
        atomic_store_explicit((_Atomic uint64_t *)&ring->status->environment_wanted, wanted, memory_order_release);
}

static struct record_text take(const struct process_record *record, const uint8_t **at, uint32_t length, uint32_t part)
{
    struct record_text text = {*at, record->has & part ? length : 0};
    *at += length;
    return text;
}

struct record_texts process_record_texts(const struct process_record *record)
{
    const uint8_t *at = (const uint8_t *)(record + 1);
    struct record_texts texts;
    texts.args = take(record, &at, record->args_length, RECORD_HAS_ARGS);
    texts.environment = take(record, &at, record->environment_length, RECORD_HAS_ENVIRONMENT);
    texts.directory = take(record, &at, record->directory_length, RECORD_HAS_DIRECTORY);
    texts.program = take(record, &at, record->program_length, RECORD_HAS_PROGRAM);
    return texts;
}
