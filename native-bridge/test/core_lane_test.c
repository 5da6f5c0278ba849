// The lane against an agent that is this test: what it does while it may not be asked yet, and when it can't be reached.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/frame.h"
#include "core/lane.h"
#include "core/log.h"
#include "picket/v1/bridge.pb.h"
#include "test/core_check.h"

enum { HUNG_US = 60 * 1000000 };

static struct pending pending;
static struct lane lane;
static char directory[] = "/tmp/picket-lane-XXXXXX";
static int request_fd, verdict_fd;      // the agent's ends

static void on_verdict(void *context, const struct auth_verdict *verdict) {
    (void)context, (void)verdict;
}

static void look(void *context) {
    (void)context;
}

// A new connection, as in a takeover: requests wait for it.
static void begin(struct fifo_pair *fifos) {
    char error[256];
    CHECK_EQUAL(fifo_pair_make(fifos, directory, geteuid(), getegid(), error, sizeof error), 0);
    CHECK_EQUAL(lane_start(&lane, fifos, true, clock_monotonic_us(), error, sizeof error), 0);
}

static void agent_opens(const struct fifo_pair *fifos) {
    request_fd = open(fifos->request.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    verdict_fd = open(fifos->verdict.path, O_WRONLY | O_CLOEXEC);
    CHECK(request_fd >= 0 && verdict_fd >= 0);
    CHECK(!lane_try_open(&lane, clock_monotonic_us()));
}

static void agent_goes(void) {
    (void)close(request_fd);
    (void)close(verdict_fd);
    lane_stop(&lane, false);
}

static void send_pong(void) {
    uint8_t buffer[64];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof buffer);
    wire_raw(&writer, "\0\0\0\0", FRAME_HEADER);
    size_t pong = wire_begin(&writer, picket_v1_LaneToBridge_pong_tag);
    wire_uint(&writer, picket_v1_Pong_number_tag, 1);
    wire_end(&writer, pong);
    frame_put_header(buffer, (uint32_t)(writer.length - FRAME_HEADER));
    CHECK_EQUAL(write(verdict_fd, buffer, writer.length), writer.length);
}

// Sends a Pong and waits until the lane has read it: it is the first since `proved` was put down.
static void agent_pongs(void) {
    atomic_store(&lane.proved, false);
    send_pong();
    int64_t began_us = clock_monotonic_us();
    while (!atomic_load(&lane.proved)) CHECK(clock_monotonic_us() - began_us < HUNG_US);
}

static void alive_without_a_policy(void) {
    struct fifo_pair fifos;
    begin(&fifos);
    agent_opens(&fifos);
    for (int i = 0; i < BREAKER_RUN_OUTS; i++) lane_budget_ran_out(&lane, 1);
    CHECK_EQUAL(lane_availability(&lane), LANE_STALLED);
    agent_pongs();
    CHECK_EQUAL(lane_availability(&lane), LANE_STALLED);
    lane_policy(&lane, 1, clock_monotonic_us());
    CHECK_EQUAL(lane_availability(&lane), LANE_AVAILABLE);
    agent_goes();
    CHECK_EQUAL(lane_availability(&lane), LANE_NO_AGENT);
    holds("an agent that lives but has no policy is not waited for again and again; with its policy it is asked");
}

static void out_of_reach(void) {
    struct fifo_pair fifos;
    begin(&fifos);
    CHECK(lane_try_open(&lane, clock_monotonic_us()));
    CHECK(atomic_load(&lane.broken) == NULL);
    CHECK_EQUAL(unlink(fifos.request.path), 0);
    CHECK(!lane_try_open(&lane, clock_monotonic_us()));
    CHECK(atomic_load(&lane.broken) != NULL);
    lane_stop(&lane, false);
    holds("a FIFO that the agent has not opened yet is tried again, one that can't be opened breaks the lane");
}

static void pong_out_of_turn(void) {
    struct fifo_pair fifos;
    begin(&fifos);
    verdict_fd = open(fifos.verdict.path, O_WRONLY | O_CLOEXEC);
    send_pong();
    (void)close(verdict_fd);
    // The end of what it said: the Pong has been read.
    int64_t began_us = clock_monotonic_us();
    while (atomic_load(&lane.broken) == NULL) CHECK(clock_monotonic_us() - began_us < HUNG_US);
    CHECK(!atomic_load(&lane.proved));
    lane_stop(&lane, false);
    holds("a Pong that no Ping went before proves nothing");
}

// --- whose turn it is ---

static struct request *ask(uint64_t account, size_t length) {
    static const uint8_t event[FIFO_FRAME_MAX];
    struct request *request = pending_admit(&pending, account, (struct bytes){event, length});
    CHECK(request != NULL);
    request->budget_us = 1000000;
    pending_open(request, INT64_MAX, clock_monotonic_us() + 60000000);
    CHECK(lane_ask(&lane, request, clock_monotonic_us()));
    pending_release(&pending, request);
    return request;
}

static void answer(struct request *request) {
    uint64_t account = request->account;
    CHECK(pending_claim(request, request->id));
    lane_answered(&lane, account, clock_monotonic_us());
    pending_release(&pending, request);
}

// The ids of the requests that the agent finds in its FIFO now.
static size_t agent_reads(uint64_t *ids, size_t capacity) {
    static uint8_t buffer[1 << 20];
    struct frame_reader reader;
    struct bytes frame;
    size_t count = 0, space;
    frame_reader_init(&reader, buffer, sizeof buffer, FRAME_MAX / 2);
    uint8_t *into = frame_reader_space(&reader, &space);
    ssize_t length = read(request_fd, into, space);
    frame_reader_filled(&reader, length > 0 ? (size_t)length : 0);
    while (frame_reader_next(&reader, &frame) == FRAME_READY) {
        struct wire_reader outer, inner;
        struct wire_field field;
        wire_reader_init(&outer, frame);
        CHECK(wire_next(&outer, &field));
        if (field.tag != picket_v1_LaneToAgent_auth_request_tag) continue;
        wire_reader_init(&inner, wire_field_bytes(&field));
        CHECK(wire_next(&inner, &field) && field.tag == picket_v1_AuthRequest_id_tag && count < capacity);
        ids[count++] = wire_field_fixed64(&field);
    }
    return count;
}

static void in_turn(void) {
    struct fifo_pair fifos;
    struct request *flood[LANE_ACCOUNT_WINDOW + 3];
    uint64_t ids[64];
    begin(&fifos);
    agent_opens(&fifos);
    lane_policy(&lane, 1, clock_monotonic_us());
    (void)agent_reads(ids, 64);
    for (size_t i = 0; i < LANE_ACCOUNT_WINDOW + 3; i++) flood[i] = ask(1000, 8);
    struct request *stranger = ask(1001, 8);
    CHECK_EQUAL(agent_reads(ids, 64), LANE_ACCOUNT_WINDOW + 1);
    CHECK_EQUAL(ids[LANE_ACCOUNT_WINDOW], stranger->id);
    answer(stranger);
    CHECK_EQUAL(agent_reads(ids, 64), 0);
    answer(flood[3]);
    CHECK_EQUAL(agent_reads(ids, 64), 1);
    CHECK_EQUAL(ids[0], flood[LANE_ACCOUNT_WINDOW]->id);
    // One that goes to the slow lane is not before the agent's thread any more.
    atomic_store(&flood[0]->slow, SLOW_SENT);
    lane_answered(&lane, 1000, clock_monotonic_us());
    CHECK_EQUAL(agent_reads(ids, 64), 1);
    CHECK_EQUAL(ids[0], flood[LANE_ACCOUNT_WINDOW + 1]->id);
    for (size_t i = 0; i < LANE_ACCOUNT_WINDOW + 3; i++)
        if (i != 3) answer(flood[i]);
    CHECK_EQUAL(pending_count(&pending), 0);
    agent_goes();
    holds("of one account a few requests are with the agent, the others follow in turn, and a stranger goes between");
}

static void full(void) {
    struct fifo_pair fifos;
    uint64_t ids[8];
    begin(&fifos);
    agent_opens(&fifos);
    lane_policy(&lane, 1, clock_monotonic_us());
    (void)agent_reads(ids, 8);
    CHECK(fcntl(request_fd, F_SETPIPE_SZ, 4096) == 4096);
    struct request *first = ask(1000, 3000), *second = ask(1001, 3000);
    CHECK_EQUAL(agent_reads(ids, 8), 1);
    CHECK_EQUAL(ids[0], first->id);
    agent_pongs();      // it has read on, and says so
    int64_t began_us = clock_monotonic_us();
    while (agent_reads(ids, 8) == 0) CHECK(clock_monotonic_us() - began_us < HUNG_US);
    CHECK_EQUAL(ids[0], second->id);
    answer(first);
    answer(second);
    agent_goes();
    holds("what found the FIFO full goes as soon as the agent has read on");
}

// The sender was put aside between opening the request and sending it.
static void pressed(void) {
    struct fifo_pair fifos;
    static const uint8_t event[8];
    uint64_t ids[8];
    begin(&fifos);
    agent_opens(&fifos);
    lane_policy(&lane, 1, clock_monotonic_us());
    (void)agent_reads(ids, 8);
    struct request *request = pending_admit(&pending, 1000, (struct bytes){event, sizeof event});
    request->budget_us = 1000000;
    pending_open(request, 0, clock_monotonic_us() + 60000000);
    CHECK_EQUAL(agent_reads(ids, 8), 0);
    struct request *late = pending_pressing(&pending, clock_monotonic_us());
    CHECK(late == request);
    (void)lane_press(&lane, late, clock_monotonic_us(), false);
    pending_release(&pending, late);
    CHECK_EQUAL(agent_reads(ids, 8), 1);
    CHECK(lane_ask(&lane, request, clock_monotonic_us()));
    pending_release(&pending, request);
    CHECK_EQUAL(agent_reads(ids, 8), 0);
    answer(request);
    agent_goes();
    holds("a request whose sender was put aside is sent by the guard, and only once");
}

int main(void) {
    struct pending_limits limits = pending_limits_for(2);
    log_init();
    CHECK(mkdtemp(directory) != NULL);
    CHECK_EQUAL(pending_init(&pending, &limits), 0);
    CHECK_EQUAL(lane_init(&lane, &pending, &(struct lane_events){NULL, on_verdict, look, look}), 0);
    alive_without_a_policy();
    out_of_reach();
    pong_out_of_turn();
    in_turn();
    full();
    pressed();
    CHECK_EQUAL(rmdir(directory), 0);
    pending_free(&pending);
    return 0;
}
