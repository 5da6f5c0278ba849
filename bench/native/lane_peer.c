// Both ends of the auth lane's FIFOs in C, for the benchmark of the round trip.
//   lane_peer ask REQUESTS VERDICTS FRAMES COUNT   plays the bridge: one request at a time out of the file FRAMES, in
//                                                  turn, COUNT times once a line comes on stdin; prints the
//                                                  nanoseconds of each round trip, one a line
//   lane_peer reload REQUESTS VERDICTS FRAMES      as ask, without end, and takes commands on stdin: "phase N" marks the
//                                                  requests that follow, "switch E" switches the policy to epoch E (below
//                                                  128) and prints "switched NS NS": until Switched came, and until the
//                                                  next request was answered. At the end of stdin it prints the phase
//                                                  and the nanoseconds of each request, one a line
//   lane_peer answer REQUESTS VERDICTS             plays an agent that allows everything: the limit to compare with
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

struct frames {
    uint8_t bytes[64 * 1024 * 1024];
    size_t starts[MAX_FRAMES];
    size_t number;
};

static void load_frames(struct frames *frames, const char *name) {
    FILE *file = fopen(name, "rb");
    if (file == NULL) die(name);
    size_t size = fread(frames->bytes, 1, sizeof frames->bytes, file);
    fclose(file);
    for (size_t at = 0; at + 4 <= size && frames->number < MAX_FRAMES; at += 4 + length_at(frames->bytes + at))
        frames->starts[frames->number++] = at;
    if (frames->number == 0) die("no frames");
}

// The id stands behind the frame's head, the member's tag and length, and its own tag.
static size_t id_at(const uint8_t *frame) {
    return frame[5] < 128 ? 7 : 8;
}

static uint64_t ask_once(int to, int from, const uint8_t *frame, uint8_t *reply) {
    uint64_t start = now_ns();
    write_all(to, frame, 4 + length_at(frame));
    if (!read_frame(from, reply)) die("the lane has ended");
    return now_ns() - start;
}

static int ask(const char *requests, const char *verdicts, const char *frames_file, long count) {
    static struct frames frames;
    static uint8_t reply[MAX_FRAME];
    int to = open(requests, O_RDWR | O_CLOEXEC);
    int from = open(verdicts, O_RDWR | O_CLOEXEC);
    if (to < 0 || from < 0) die("open");
    load_frames(&frames, frames_file);
    uint64_t *taken = calloc((size_t)count, sizeof *taken);
    if (taken == NULL) die("calloc");
    if (getchar() == EOF) return 1;
    for (long index = 0; index < count; index++)
        taken[index] = ask_once(to, from, frames.bytes + frames.starts[(size_t)index % frames.number], reply);
    for (long index = 0; index < count; index++) printf("%llu\n", (unsigned long long)taken[index]);
    free(taken);
    return 0;
}

static int reload(const char *requests, const char *verdicts, const char *frames_file) {
    static struct frames frames;
    static uint8_t reply[MAX_FRAME];
    enum { MAX_ASKED = 32 * 1024 * 1024 };
    static uint32_t taken[MAX_ASKED];
    static uint8_t phases[MAX_ASKED];
    int to = open(requests, O_RDWR | O_CLOEXEC);
    int from = open(verdicts, O_RDWR | O_CLOEXEC);
    if (to < 0 || from < 0) die("open");
    load_frames(&frames, frames_file);
    size_t asked = 0;
    unsigned phase = 0, epoch = 1;
    uint64_t switched_ns = 0, since = 0;
    char line[64];
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    setvbuf(stdin, NULL, _IONBF, 0);    // what is buffered is not seen by poll(2)
    for (;;) {
        if (poll(&input, 1, 0) > 0) {
            if (fgets(line, sizeof line, stdin) == NULL) break;
            sscanf(line, "phase %u", &phase);
            if (sscanf(line, "switch %u", &epoch) == 1) {
                const uint8_t policy_switch[] = {4, 0, 0, 0, 0x12, 2, 0x08, (uint8_t)epoch};
                since = now_ns();
                write_all(to, policy_switch, sizeof policy_switch);
                if (!read_frame(from, reply)) die("the lane has ended");
                switched_ns = now_ns() - since;
            }
        }
        uint8_t *frame = frames.bytes + frames.starts[asked % frames.number];
        frame[id_at(frame) + 9] = (uint8_t)epoch;
        uint64_t ns = ask_once(to, from, frame, reply);
        if (asked < MAX_ASKED) {
            taken[asked] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
            phases[asked] = (uint8_t)phase;
            asked++;
        }
        if (since == 0) continue;
        printf("switched %llu %llu\n", (unsigned long long)switched_ns, (unsigned long long)(now_ns() - since));
        fflush(stdout);
        since = 0;
    }
    for (size_t index = 0; index < asked; index++) printf("%u %u\n", phases[index], taken[index]);
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
        memcpy(verdict + 7, request + id_at(request), 8);
        write_all(to, verdict, sizeof verdict);
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 6 && strcmp(argv[1], "ask") == 0) return ask(argv[2], argv[3], argv[4], atol(argv[5]));
    if (argc == 5 && strcmp(argv[1], "reload") == 0) return reload(argv[2], argv[3], argv[4]);
    if (argc == 4 && strcmp(argv[1], "answer") == 0) return answer(argv[2], argv[3]);
    fprintf(stderr, "usage: lane_peer ask REQUESTS VERDICTS FRAMES COUNT | lane_peer reload REQUESTS VERDICTS FRAMES | lane_peer answer REQUESTS VERDICTS\n");
    return 2;
}
