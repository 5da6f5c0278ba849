// Both ends of the auth lane's FIFOs in C, for the benchmark of the round trip.
//   lane_peer ask REQUESTS VERDICTS FRAMES COUNT   plays the bridge: one request at a time out of the file FRAMES, in
//                                                  turn, COUNT times once a line comes on stdin; prints the
//                                                  nanoseconds of each round trip, one a line
//   lane_peer answer REQUESTS VERDICTS             plays an agent that allows everything: the limit to compare with
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FRAME = 65536, MAX_FRAMES = 65536 };

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "lane_peer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint32_t length_at(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

// Reads at least one whole frame; false at end of file.
static int read_frame(int fd, uint8_t *buffer) {
    size_t have = 0;
    while (have < 4 || have < 4 + (size_t)length_at(buffer)) {
        ssize_t got = read(fd, buffer + have, MAX_FRAME - have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) die("read");
        if (got == 0) return 0;
        have += (size_t)got;
    }
    return 1;
}

static void write_all(int fd, const uint8_t *bytes, size_t length) {
    while (length > 0) {
        ssize_t put = write(fd, bytes, length);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) die("write");
        bytes += put;
        length -= (size_t)put;
    }
}

static int ask(const char *requests, const char *verdicts, const char *frames_file, long count) {
    static uint8_t frames[64 * 1024 * 1024], reply[MAX_FRAME];
    static size_t starts[MAX_FRAMES];
    int to = open(requests, O_RDWR | O_CLOEXEC);
    int from = open(verdicts, O_RDWR | O_CLOEXEC);
    FILE *file = fopen(frames_file, "rb");
    if (to < 0 || from < 0 || file == NULL) die("open");
    size_t size = fread(frames, 1, sizeof frames, file), number = 0;
    fclose(file);
    for (size_t at = 0; at + 4 <= size && number < MAX_FRAMES; at += 4 + length_at(frames + at)) starts[number++] = at;
    uint64_t *taken = calloc((size_t)count, sizeof *taken);
    if (number == 0 || taken == NULL) die("no frames");
    if (getchar() == EOF) return 1;
    for (long index = 0; index < count; index++) {
        const uint8_t *frame = frames + starts[(size_t)index % number];
        uint64_t start = now_ns();
        write_all(to, frame, 4 + length_at(frame));
        if (!read_frame(from, reply)) return 1;
        taken[index] = now_ns() - start;
    }
    for (long index = 0; index < count; index++) printf("%llu\n", (unsigned long long)taken[index]);
    free(taken);
    return 0;
}

static int answer(const char *requests, const char *verdicts) {
    static uint8_t request[MAX_FRAME];
    // AuthVerdict{id, epoch 1, allow, annotated}
    uint8_t verdict[] = {17, 0, 0, 0, 0x0a, 15, 0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0x18, 1, 0x40, 1};
    int from = open(requests, O_RDONLY | O_CLOEXEC);
    int to = open(verdicts, O_WRONLY | O_CLOEXEC);
    if (from < 0 || to < 0) die("open");
    while (read_frame(from, request)) {
        // The id stands behind the frame's head, the member's tag and length, and its own tag.
        size_t id = request[5] < 128 ? 7 : 8;
        memcpy(verdict + 7, request + id, 8);
        write_all(to, verdict, sizeof verdict);
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 6 && strcmp(argv[1], "ask") == 0) return ask(argv[2], argv[3], argv[4], atol(argv[5]));
    if (argc == 4 && strcmp(argv[1], "answer") == 0) return answer(argv[2], argv[3]);
    fprintf(stderr, "usage: lane_peer ask REQUESTS VERDICTS FRAMES COUNT | lane_peer answer REQUESTS VERDICTS\n");
    return 2;
}
