// A hostile or clumsy peer of the bridge: connects and says what it is given, byte for byte.
//
//   speaker SOCKET [--hold N | --churn | --hand-over early|welcomed] [--become UID] [--chroot DIR] [--say FILE]
//           [--lane right|wrong|none] [--then FILE] [--flood FILE] [--lane-say FILE] [--lane-flood FILE] [--cut BYTES] [--pause-us U] [--close verdicts|requests]
//           [--deaf] [--again N]
//
// --hold keeps N connections open that say what --say holds, and opens each anew that is closed; --churn connects and
// closes. --hand-over: a child takes the connection over once the process that connected has ended, before that one has
// said anything or when it is the agent. --become connects and goes on as another user; --chroot comes before. Otherwise
// one connection (--again: one after another, until the bridge has closed N): --say goes out in pieces of --cut bytes,
// --pause-us apart; with --lane the Welcome is waited for and its FIFOs are opened, as meant or the wrong way round;
// --then and --lane-say go out once, in such pieces, --flood and --lane-flood over and over, until the bridge closes.
// --deaf reads neither socket nor FIFO. SIGTERM ends it; on stdout one JSON object:
// {connections, welcomed, refused, closed, error, reason}: error is the errno of the last connect(2).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_HELD = 1024, FRAME_HEADER = 4, IN_BYTES = 1 << 21, WELCOME = 1, REFUSED = 2, STEP_MS = 20 };

struct content {
    uint8_t *bytes;
    size_t length, done;
};

static struct {
    const char *socket, *lane, *close_early, *hand_over, *chroot;
    int hold, become, again;
    bool churn, deaf;
    struct content say, then, flood, lane_say, lane_flood;
    size_t cut;
    unsigned pause_us;
} options = {.become = -1};

static struct {
    uint64_t connections, welcomed, refused, closed;
    int error;
    char reason[256];
} told;

static volatile sig_atomic_t stopping;

static void on_term(int number) {
    (void)number;
    stopping = 1;
}

static void give_up(const char *what) {
    fprintf(stderr, "speaker: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct content read_all(const char *path) {
    struct content content = {0};
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) give_up(path);
    content.bytes = malloc((size_t)status.st_size + 1);
    ssize_t count = content.bytes != NULL ? read(fd, content.bytes, (size_t)status.st_size) : -1;
    if (count != status.st_size) give_up(path);
    content.length = (size_t)count;
    close(fd);
    return content;
}

static int dial(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) give_up("socket");
    snprintf(address.sun_path, sizeof address.sun_path, "%s", options.socket);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        told.connections++;
        told.error = 0;
        return fd;
    }
    told.error = errno;
    close(fd);
    return -1;
}

static void nap(unsigned us) {
    if (us > 0) nanosleep(&(struct timespec){us / 1000000, (long)(us % 1000000) * 1000}, NULL);
}

// --- what the bridge says ---

struct incoming {
    uint8_t bytes[IN_BYTES];
    size_t length;
    char requests[256], verdicts[256];
    bool welcomed;
    unsigned frames;
};

static uint64_t varint(const uint8_t **at, const uint8_t *end) {
    uint64_t value = 0;
    for (int shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) break;
    }
    return value;
}

// The bytes of a field of a message whose fields are varints, fixed64 and bytes.
static bool find(const uint8_t *at, const uint8_t *end, uint32_t wanted, const uint8_t **found, size_t *length) {
    while (at < end) {
        uint64_t tag = varint(&at, end), size = (tag & 7) == 2 ? varint(&at, end) : (tag & 7) == 1 ? 8 : 0;
        if ((tag & 7) == 0) (void)varint(&at, end);
        if (size > (size_t)(end - at)) return false;
        *found = at;
        *length = (size_t)size;
        if (tag >> 3 == wanted) return true;
        at += size;
    }
    return false;
}

static void copy_field(const uint8_t *message, size_t size, uint32_t tag, char *out, size_t capacity) {
    const uint8_t *found;
    size_t length;
    if (!find(message, message + size, tag, &found, &length)) length = 0;
    snprintf(out, capacity, "%.*s", (int)length, length > 0 ? (const char *)found : "");
}

static void take_frame(struct incoming *in, const uint8_t *frame, size_t length) {
    const uint8_t *message;
    size_t size;
    if (find(frame, frame + length, WELCOME, &message, &size)) {
        told.welcomed++;
        in->welcomed = true;
        copy_field(message, size, 7, in->requests, sizeof in->requests);
        copy_field(message, size, 8, in->verdicts, sizeof in->verdicts);
    } else if (find(frame, frame + length, REFUSED, &message, &size)) {
        told.refused++;
        copy_field(message, size, 1, told.reason, sizeof told.reason);
    }
}

// False: the bridge has closed.
static bool hear(int fd, struct incoming *in, int wait_ms) {
    struct pollfd readable = {.fd = fd, .events = options.deaf && in->welcomed ? 0 : POLLIN};
    if (poll(&readable, 1, wait_ms) <= 0) return true;
    if (options.deaf && in->welcomed) return (readable.revents & (POLLHUP | POLLERR)) == 0;
    ssize_t count = read(fd, in->bytes + in->length, sizeof in->bytes - in->length);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (count > 0) in->length += (size_t)count;
    size_t at = 0;
    while (in->length - at >= FRAME_HEADER) {
        uint32_t length;
        memcpy(&length, in->bytes + at, sizeof length);
        if (in->length - at - FRAME_HEADER < length) break;
        take_frame(in, in->bytes + at + FRAME_HEADER, length);
        in->frames++;
        at += FRAME_HEADER + length;
    }
    memmove(in->bytes, in->bytes + at, in->length - at);
    in->length -= at;
    return true;
}

// --- what it says ---

// One piece. False: there is nothing left to say, or nobody to say it to.
static bool say(int fd, struct content *content, bool endless) {
    size_t left = content->length - content->done;
    if (left == 0 && endless && content->length > 0) left = content->length - (content->done = 0);
    if (left == 0 || fd < 0) return false;
    ssize_t count = write(fd, content->bytes + content->done, options.cut > 0 && options.cut < left ? options.cut : left);
    if (count > 0) content->done += (size_t)count;
    if (count < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (options.cut > 0) nap(options.pause_us);
    return true;
}

static void open_lane(struct incoming *in, int *requests, int *verdicts) {
    bool wrong = strcmp(options.lane, "wrong") == 0;
    if (strcmp(options.lane, "none") == 0) return;
    *requests = open(in->requests, (wrong ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
    *verdicts = open(in->verdicts, (wrong ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_CLOEXEC);
}

static void converse(int fd) {
    static struct incoming in;
    int requests = -1, verdicts = -1;
    in.length = 0;
    in.welcomed = false;
    options.say.done = options.then.done = options.lane_say.done = 0;
    while (!stopping && say(fd, &options.say, false) && hear(fd, &in, 0)) continue;
    while (!stopping && options.lane != NULL && !in.welcomed && hear(fd, &in, STEP_MS)) continue;
    if (in.welcomed) open_lane(&in, &requests, &verdicts);
    for (bool speaks = true, open_ends = true; !stopping && hear(fd, &in, speaks ? 0 : STEP_MS);) {
        bool first = say(fd, &options.then, false);
        first |= say(verdicts, &options.lane_say, false);
        speaks = first;
        if (!first) speaks = say(fd, &options.flood, true) | say(verdicts, &options.lane_flood, true);
        if (!options.deaf && requests >= 0) {
            static uint8_t dump[65536];
            while (read(requests, dump, sizeof dump) > 0) continue;
        }
        if (!first && open_ends && options.close_early != NULL) {
            int *end = strcmp(options.close_early, "verdicts") == 0 ? &verdicts : &requests;
            close(*end);
            *end = -1;
            open_ends = false;
        }
    }
    if (!stopping) told.closed++;
    for (int i = 0; i < 2; i++) {
        int end = i == 0 ? requests : verdicts;
        if (end >= 0) close(end);
    }
}

static void hold(void) {
    static struct pollfd held[MAX_HELD];
    for (int i = 0; i < options.hold; i++) held[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    while (!stopping) {
        for (int i = 0; i < options.hold && !stopping; i++) {
            if (held[i].fd >= 0) continue;
            held[i].fd = dial();
            if (held[i].fd >= 0 && options.say.length > 0)
                (void)!send(held[i].fd, options.say.bytes, options.say.length, MSG_NOSIGNAL);
        }
        if (poll(held, (nfds_t)options.hold, STEP_MS) <= 0) continue;
        for (int i = 0; i < options.hold; i++) {
            char byte;
            if (held[i].fd < 0 || held[i].revents == 0) continue;
            if (recv(held[i].fd, &byte, 1, 0) > 0) continue;
            close(held[i].fd);
            held[i].fd = -1;
            told.closed++;
        }
    }
}

// The heir speaks when the process that connected is gone. What it then prints comes out of the process that the test has
// started, which waits for it.
static void hand_over(void) {
    static struct incoming in;
    int heirs_words[2];
    if (pipe(heirs_words) != 0) give_up("pipe");
    pid_t connecter = fork();
    if (connecter < 0) give_up("fork");
    if (connecter > 0) {
        char byte;
        close(heirs_words[1]);
        waitpid(connecter, NULL, 0);
        while (read(heirs_words[0], &byte, 1) == 1) putchar(byte);
        exit(0);
    }
    bool is_welcomed = strcmp(options.hand_over, "welcomed") == 0;
    int fd = dial();
    if (fd < 0) _exit(1);
    while (is_welcomed && say(fd, &options.say, false)) continue;
    // Behind the Welcome the figures of each second: so it is the agent by now.
    while (is_welcomed && in.frames < 2 && hear(fd, &in, STEP_MS)) continue;
    connecter = getpid();
    if (fork() != 0) _exit(0);
    while (getppid() == connecter) nap(1000);
    dup2(heirs_words[1], STDOUT_FILENO);
    close(heirs_words[1]);
    if (is_welcomed) {
        while (hear(fd, &in, STEP_MS)) continue;
        told.closed++;
    } else {
        converse(fd);
    }
}

static void parse(int argc, char **argv) {
    static const struct option names[] = {
        {"hold", required_argument, NULL, 'h'},       {"churn", no_argument, NULL, 'c'},
        {"hand-over", required_argument, NULL, 'o'},  {"become", required_argument, NULL, 'b'},
        {"chroot", required_argument, NULL, 'r'},
        {"say", required_argument, NULL, 's'},        {"lane", required_argument, NULL, 'l'},
        {"then", required_argument, NULL, 't'},       {"flood", required_argument, NULL, 'f'},
        {"lane-say", required_argument, NULL, 'S'},   {"lane-flood", required_argument, NULL, 'F'},
        {"cut", required_argument, NULL, 'k'},        {"pause-us", required_argument, NULL, 'p'},
        {"close", required_argument, NULL, 'C'},      {"deaf", no_argument, NULL, 'd'},
        {"again", required_argument, NULL, 'a'},            {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (option) {
        case 'h': options.hold = atoi(optarg) < MAX_HELD ? atoi(optarg) : MAX_HELD; break;
        case 'c': options.churn = true; break;
        case 'o': options.hand_over = optarg; break;
        case 'r': options.chroot = optarg; break;
        case 'b': options.become = atoi(optarg); break;
        case 's': options.say = read_all(optarg); break;
        case 'l': options.lane = optarg; break;
        case 't': options.then = read_all(optarg); break;
        case 'f': options.flood = read_all(optarg); break;
        case 'S': options.lane_say = read_all(optarg); break;
        case 'F': options.lane_flood = read_all(optarg); break;
        case 'k': options.cut = strtoul(optarg, NULL, 10); break;
        case 'p': options.pause_us = (unsigned)atoi(optarg); break;
        case 'C': options.close_early = optarg; break;
        case 'd': options.deaf = true; break;
        case 'a': options.again = atoi(optarg); break;
        default: exit(2);
        }
    }
    if (optind != argc - 1) {
        fprintf(stderr, "usage: speaker SOCKET [options]; see test/native/speaker.c\n");
        exit(2);
    }
    options.socket = argv[optind];
}

int main(int argc, char **argv) {
    struct sigaction action = {.sa_handler = on_term};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    // It must not outlive the test that started it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    parse(argc, argv);
    if (options.chroot != NULL && (chroot(options.chroot) != 0 || chdir("/") != 0)) give_up("chroot");
    if (options.hold > 0) {
        hold();
    } else if (options.hand_over != NULL) {
        hand_over();
    } else {
        do {
            int fd = dial();
            if (fd < 0) nap(1000);
            if (fd >= 0 && options.become >= 0 && setuid((uid_t)options.become) != 0) give_up("setuid");
            if (fd >= 0 && !options.churn) converse(fd);
            if (fd >= 0) close(fd);
        } while ((options.churn || told.closed < (uint64_t)options.again) && !stopping);
    }
    printf("{\"connections\":%llu,\"welcomed\":%llu,\"refused\":%llu,\"closed\":%llu,\"error\":%d,\"reason\":\"%s\"}\n",
           (unsigned long long)told.connections, (unsigned long long)told.welcomed, (unsigned long long)told.refused,
           (unsigned long long)told.closed, told.error, told.reason);
    return 0;
}
