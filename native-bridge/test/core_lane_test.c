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

enum { HUNG_US = 20 * 1000000 };

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
    request_fd = open(fifos->request, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    verdict_fd = open(fifos->verdict, O_WRONLY | O_CLOEXEC);
    CHECK(request_fd >= 0 && verdict_fd >= 0);
    CHECK(!lane_try_open(&lane, clock_monotonic_us()));
}

static void agent_goes(void) {
    (void)close(request_fd);
    (void)close(verdict_fd);
    lane_stop(&lane, false);
}

// Sends a Pong and waits until the lane has read it: it is the first since `proved` was put down.
static void agent_pongs(void) {
    uint8_t buffer[64];
    struct wire_writer writer;
    atomic_store(&lane.proved, false);
    wire_writer_init(&writer, buffer, sizeof buffer);
    wire_raw(&writer, "\0\0\0\0", FRAME_HEADER);
    size_t pong = wire_begin(&writer, picket_v1_LaneToBridge_pong_tag);
    wire_uint(&writer, picket_v1_Pong_number_tag, 1);
    wire_end(&writer, pong);
    frame_put_header(buffer, (uint32_t)(writer.length - FRAME_HEADER));
    CHECK_EQUAL(write(verdict_fd, buffer, writer.length), writer.length);
    int64_t began_us = clock_monotonic_us();
    while (!atomic_load(&lane.proved)) CHECK(clock_monotonic_us() - began_us < HUNG_US);
}

static void alive_without_a_policy(void) {
    struct fifo_pair fifos;
    begin(&fifos);
    agent_opens(&fifos);
    for (int i = 0; i < BREAKER_RUN_OUTS; i++) lane_budget_ran_out(&lane);
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
    CHECK_EQUAL(unlink(fifos.request), 0);
    CHECK(!lane_try_open(&lane, clock_monotonic_us()));
    CHECK(atomic_load(&lane.broken) != NULL);
    lane_stop(&lane, false);
    holds("a FIFO that the agent has not opened yet is tried again, one that can't be opened breaks the lane");
}

int main(void) {
    struct pending_limits limits = pending_limits_for(2);
    log_init();
    CHECK(mkdtemp(directory) != NULL);
    CHECK_EQUAL(pending_init(&pending, &limits), 0);
    CHECK_EQUAL(lane_init(&lane, &pending, &(struct lane_events){NULL, on_verdict, look, look}), 0);
    alive_without_a_policy();
    out_of_reach();
    CHECK_EQUAL(rmdir(directory), 0);
    pending_free(&pending);
    return 0;
}
