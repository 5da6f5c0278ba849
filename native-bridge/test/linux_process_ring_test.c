// The ring that an eBPF program fills, without a kernel: what is written there is read whole, once and in its order; what is
// being written is waited for; what is no record is left out. Needs no privilege.
#include <linux/bpf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core_check.h"
#include "linux/process_ring.h"

enum { RING = 65536 };

static uint8_t *data;
static uint64_t consumed, produced;
static struct process_status status;
static struct process_ring ring;

// As the kernel maps it: the same pages twice.
static void make_ring(void)
{
    int fd = memfd_create("ring", MFD_CLOEXEC);
    CHECK(fd >= 0 && ftruncate(fd, RING) == 0);
    data = mmap(NULL, 2 * RING, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(data != MAP_FAILED);
    for (size_t at = 0; at < 2 * RING; at += RING)
        CHECK(mmap(data + at, RING, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
    close(fd);
    ring = (struct process_ring){
        .fd = -1, .consumed = &consumed, .produced = &produced, .data = data, .size = RING, .status = &status};
}

static size_t room_of(size_t length)
{
    return (length + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
}

static _Atomic uint32_t *write_bytes(const void *bytes, size_t length, uint32_t bits)
{
    uint8_t *at = data + produced % RING;
    memcpy(at + BPF_RINGBUF_HDR_SZ, bytes, length);
    _Atomic uint32_t *head = (_Atomic uint32_t *)(void *)at;
    atomic_store(head, (uint32_t)length | bits);
    atomic_store((_Atomic uint64_t *)&produced, produced + room_of(length));
    return head;
}

struct long_record {
    struct process_record record;
    uint8_t texts[RECORD_STRINGS_BYTES / 2];
};

static struct long_record record_of(uint32_t pid, uint32_t args_length)
{
    struct long_record made = {.record = {.kind = RECORD_EXECUTED, .pid = pid, .has = RECORD_HAS_ARGS | RECORD_HAS_DIRECTORY,
                                          .args_length = args_length, .directory_length = 4}};
    memset(made.texts, (int)pid, args_length);
    memcpy(made.texts + args_length, "/tmp", 4);
    return made;
}

static _Atomic uint32_t *write_record(uint32_t pid, uint32_t args_length, uint32_t bits)
{
    struct long_record made = record_of(pid, args_length);
    return write_bytes(&made, sizeof made.record + args_length + 4, bits);
}

static const struct process_record *expect_record(uint32_t pid)
{
    const struct process_record *record = NULL;
    uint64_t lost;
    CHECK_EQUAL(process_ring_read(&ring, &record, &lost), RING_RECORD);
    CHECK_EQUAL(record->pid, pid);
    return record;
}

static void expect(enum ring_read_result result)
{
    const struct process_record *record;
    uint64_t lost;
    CHECK_EQUAL(process_ring_read(&ring, &record, &lost), result);
}

static void records_come_whole_and_in_order(void)
{
    for (uint32_t turn = 0; turn < 3000; turn++) {
        uint32_t count = 1 + (uint32_t)random_below(3), lengths[3];
        for (uint32_t i = 0; i < count; i++) {
            lengths[i] = (uint32_t)random_below(RING / 4);
            write_record(turn % 200 + i, lengths[i], 0);
        }
        for (uint32_t i = 0; i < count; i++) {
            struct record_texts texts = process_record_texts(expect_record(turn % 200 + i));
            CHECK_EQUAL(texts.args.length, lengths[i]);
            for (size_t at = 0; at < texts.args.length; at++)
                CHECK_EQUAL(texts.args.data[at], turn % 200 + i);
            CHECK(texts.directory.length == 4 && memcmp(texts.directory.data, "/tmp", 4) == 0);
            CHECK(texts.environment.length == 0 && texts.program.length == 0);
        }
        expect(RING_EMPTY);
        CHECK_EQUAL(consumed, produced);
    }
    holds("records come whole, once and in order, also across the ring's end");
}

static void a_record_that_is_read_keeps_its_place(void)
{
    write_record(1, 8, 0);
    uint64_t before = consumed;
    (void)expect_record(1);
    CHECK_EQUAL(consumed, before);
    expect(RING_EMPTY);
    CHECK_EQUAL(consumed, produced);
    holds("a record keeps its place until the next read");
}

static void *finish(void *head)
{
    _Atomic uint32_t *number = head;
    atomic_store(number, atomic_load(number) & ~(uint32_t)BPF_RINGBUF_BUSY_BIT);
    return NULL;
}

static void what_is_being_written_is_not_read(void)
{
    _Atomic uint32_t *head = write_record(2, 100, BPF_RINGBUF_BUSY_BIT);
    write_record(3, 100, 0);
    expect(RING_BUSY);
    pthread_t writer;
    CHECK(pthread_create(&writer, NULL, finish, (void *)head) == 0);
    const struct process_record *record = NULL;
    uint64_t lost;
    enum ring_read_result result;
    while ((result = process_ring_read(&ring, &record, &lost)) == RING_BUSY) {
    }
    CHECK(result == RING_RECORD && record->pid == 2);
    pthread_join(writer, NULL);
    (void)expect_record(3);
    expect(RING_EMPTY);
    holds("what is being written is read once it is there, and nothing before it");
}

static void what_is_no_record_is_left_out(void)
{
    struct long_record made = record_of(4, 50);
    made.record.args_length = UINT32_MAX;
    write_bytes(&made, sizeof made.record + 54, 0);
    write_bytes(&made, sizeof made.record - 1, 0);
    write_record(5, 50, BPF_RINGBUF_DISCARD_BIT);
    write_record(6, 50, 0);
    expect(RING_BROKEN);
    expect(RING_BROKEN);
    expect(RING_BROKEN);
    (void)expect_record(6);
    expect(RING_EMPTY);
    holds("what is no record is left out");
}

static void what_was_lost_is_told_once(void)
{
    const struct process_record *record;
    uint64_t lost = 0;
    write_record(7, 10, 0);
    status.lost = 3;
    CHECK(process_ring_read(&ring, &record, &lost) == RING_LOST && lost == 3);
    (void)expect_record(7);
    status.lost = 5;
    CHECK(process_ring_read(&ring, &record, &lost) == RING_LOST && lost == 2);
    expect(RING_EMPTY);
    holds("how many were lost is told once, before what comes after");
}

int main(void)
{
    make_ring();
    records_come_whole_and_in_order();
    a_record_that_is_read_keeps_its_place();
    what_is_being_written_is_not_read();
    what_is_no_record_is_left_out();
    what_was_lost_is_told_once();
    return 0;
}
