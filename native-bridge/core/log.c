#include "core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/lock.h"
#include "core/thread.h"

enum { LINES = 256 };

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char lines[LINES][LOG_LINE + 1];
    size_t lengths[LINES];
    size_t first, count;
    uint64_t dropped;
    bool runs, is_writing;
} ring = {.changed = PTHREAD_COND_INITIALIZER};

void log_init(void) {
    lock_init(&ring.mutex);
}

static const char *const level_names[] = {"info", "warn", "error"};

static size_t put_time(char *out, size_t size) {
    struct timespec now;
    struct tm parts;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &parts) == NULL) return 0;
    size_t length = strftime(out, size, "time=%Y-%m-%dT%H:%M:%S", &parts);
    int rest = snprintf(out + length, size - length, ".%03ldZ ", now.tv_nsec / 1000000);
    return rest > 0 ? length + (size_t)rest : length;
}

// What snprintf says it would have written, cut to what there was room for.
static size_t written(int result, size_t room) {
    if (result < 0) return 0;
    return (size_t)result < room ? (size_t)result : room - 1;
}

void log_line(enum log_level level, const char *message, const char *format, ...) {
    char line[LOG_LINE];
    size_t length = put_time(line, sizeof line);
    length += written(snprintf(line + length, sizeof line - length, "level=%s msg=\"%s\"", level_names[level], message),
                      sizeof line - length);
    if (format != NULL && length + 2 < sizeof line) {
        va_list arguments;
        line[length++] = ' ';
        va_start(arguments, format);
        length += written(vsnprintf(line + length, sizeof line - length, format, arguments), sizeof line - length);
        va_end(arguments);
    }
    // What came from outside must not forge lines or move a terminal's cursor.
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) line[i] = '?';
    lock(&ring.mutex);
    if (ring.count == LINES) {
        ring.dropped++;
    } else {
        size_t at = (ring.first + ring.count++) % LINES;
        memcpy(ring.lines[at], line, length);
        ring.lines[at][length] = '\n';
        ring.lengths[at] = length + 1;
    }
    (void)pthread_cond_broadcast(&ring.changed);
    unlock(&ring.mutex);
}

// The thread that waits for stderr. A line that stderr refuses is gone: there is nowhere to say so.
static void write_out(const char *line, size_t length) {
    while (length > 0) {
        ssize_t count = write(STDERR_FILENO, line, length);
        if (count >= 0) {
            line += count;
            length -= (size_t)count;
        } else if (errno == EAGAIN) {
            struct pollfd descriptor = {.fd = STDERR_FILENO, .events = POLLOUT};
            (void)poll(&descriptor, 1, -1);
        } else if (errno != EINTR) {
            return;
        }
    }
}

// Under the mutex. 0: there is none.
static size_t take_line(char line[LOG_LINE + 1]) {
    size_t length = 0;
    if (ring.dropped > 0) {
        length = written(snprintf(line, LOG_LINE + 1, "level=warn msg=\"log lines were dropped\" count=%" PRIu64 "\n",
                                  ring.dropped), LOG_LINE + 1);
        ring.dropped = 0;
    } else if (ring.count > 0) {
        length = ring.lengths[ring.first];
        memcpy(line, ring.lines[ring.first], length);
        ring.first = (ring.first + 1) % LINES;
        ring.count--;
    }
    return length;
}

static void *write_lines(void *nothing) {
    char line[LOG_LINE + 1];
    (void)nothing;
    thread_forget_descriptors();
    lock(&ring.mutex);
    for (;;) {
        size_t length = take_line(line);
        ring.is_writing = length > 0;
        if (length == 0) {
            (void)pthread_cond_broadcast(&ring.changed);
            (void)pthread_cond_wait(&ring.changed, &ring.mutex);
            continue;
        }
        unlock(&ring.mutex);
        write_out(line, length);
        lock(&ring.mutex);
    }
    return NULL;
}

int log_start(void) {
    pthread_t thread;
    int failure = thread_start(&thread, "picket-log", write_lines, NULL);
    if (failure != 0) return failure;
    (void)pthread_detach(thread);
    lock(&ring.mutex);
    ring.runs = true;
    unlock(&ring.mutex);
    return 0;
}

void log_finish(int bound_ms) {
    struct timespec until = clock_realtime_in_ms(bound_ms);
    lock(&ring.mutex);
    while (ring.runs && (ring.count > 0 || ring.dropped > 0 || ring.is_writing) &&
           pthread_cond_timedwait(&ring.changed, &ring.mutex, &until) == 0) {
    }
    unlock(&ring.mutex);
}
