#include "core/connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0      // macOS; SIGPIPE is ignored in the whole process anyway
#endif

void connection_init(struct connection *connection, uint8_t *in, size_t in_capacity, uint8_t *out) {
    *connection = (struct connection){.fd = -1, .out = out};
    frame_reader_init(&connection->reader, in, in_capacity, in_capacity - FRAME_HEADER);
}

void connection_open(struct connection *connection, int fd, size_t max_frame) {
    frame_reader_init(&connection->reader, connection->reader.buffer, connection->reader.capacity, max_frame);
    connection->fd = fd;
    connection->out_start = connection->out_end = 0;
}

void connection_close(struct connection *connection) {
    if (connection->fd >= 0) (void)close(connection->fd);
    connection->fd = -1;
    connection->out_start = connection->out_end = 0;
}

enum connection_result connection_read(struct connection *connection) {
    size_t space;
    uint8_t *into = frame_reader_space(&connection->reader, &space);
    if (space == 0) return CONNECTION_MORE;
    ssize_t count = recv(connection->fd, into, space, 0);
    if (count > 0) {
        frame_reader_filled(&connection->reader, (size_t)count);
        return CONNECTION_MORE;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return CONNECTION_WAIT;
    return CONNECTION_ENDED;
}

enum connection_result connection_flush(struct connection *connection) {
    while (connection->out_start < connection->out_end) {
        ssize_t count = send(connection->fd, connection->out + connection->out_start,
                             connection->out_end - connection->out_start, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return CONNECTION_WAIT;
        if (count < 0) return CONNECTION_ENDED;
        connection->out_start += (size_t)count;
    }
    connection->out_start = connection->out_end = 0;
    return CONNECTION_MORE;
}

bool connection_is_idle(const struct connection *connection) {
    return connection->out_start == connection->out_end;
}

struct wire_writer connection_writer(struct connection *connection) {
    struct wire_writer writer;
    if (connection->out_start > 0) {
        memmove(connection->out, connection->out + connection->out_start, connection->out_end - connection->out_start);
        connection->out_end -= connection->out_start;
        connection->out_start = 0;
    }
    wire_writer_init(&writer, connection->out + connection->out_end, CONNECTION_OUT - connection->out_end);
    return writer;
}

bool connection_commit(struct connection *connection, const struct wire_writer *writer) {
    if (writer->overflow) return false;
    connection->out_end += writer->length;
    return true;
}
