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

#include "core/lock.h"

enum { LINES = 256 };

static struct {
    pthread_mutex_t mutex;
    char lines[LINES][LOG_LINE + 1];
    size_t lengths[LINES];
    size_t first, count;
    uint64_t dropped;
} ring;

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
    unlock(&ring.mutex);
}

static bool stderr_takes_a_line(void) {
    struct pollfd descriptor = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&descriptor, 1, 0) == 1 && (descriptor.revents & POLLOUT) != 0;
}

void log_drain(void) {
    for (;;) {
        char line[LOG_LINE + 1];
        size_t length = 0;
        uint64_t dropped = 0;
        if (!stderr_takes_a_line()) return;
        lock(&ring.mutex);
        if (ring.dropped > 0) {
            dropped = ring.dropped;
            ring.dropped = 0;
        } else if (ring.count > 0) {
            length = ring.lengths[ring.first];
            memcpy(line, ring.lines[ring.first], length);
            ring.first = (ring.first + 1) % LINES;
            ring.count--;
        }
        unlock(&ring.mutex);
        if (dropped > 0)
            length = written(snprintf(line, sizeof line, "level=warn msg=\"log lines were dropped\" count=%" PRIu64
                                      "\n", dropped), sizeof line);
        if (length == 0) return;
        // A line that stderr refuses after all is gone: there is nowhere to say so.
        if (write(STDERR_FILENO, line, length) < 0 && errno == EAGAIN) return;
    }
}

int log_waiting(void) {
    lock(&ring.mutex);
    int waiting = ring.count > 0 || ring.dropped > 0;
    unlock(&ring.mutex);
    return waiting;
}
