#include "core/fifo_writer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void fifo_writer_init(struct fifo_writer *writer) {
    writer->fd = -1;
    writer->rest_length = writer->rest_offset = 0;
}

void fifo_writer_open(struct fifo_writer *writer, int fd) {
    fifo_writer_close(writer);
    writer->fd = fd;
}

void fifo_writer_close(struct fifo_writer *writer) {
    if (writer->fd >= 0) (void)close(writer->fd);
    fifo_writer_init(writer);
}

bool fifo_writer_has_rest(const struct fifo_writer *writer) {
    return writer->rest_length > writer->rest_offset;
}

static enum fifo_result put_bytes(const struct fifo_writer *writer, const uint8_t *data, size_t length, size_t *done) {
    *done = 0;
    if (writer->fd < 0) return FIFO_BROKEN;
    ssize_t count = write(writer->fd, data, length);
    if (count >= 0) {
        *done = (size_t)count;
        return FIFO_WRITTEN;
    }
    return errno == EAGAIN || errno == EINTR ? FIFO_FULL : FIFO_BROKEN;
}

enum fifo_result fifo_writer_flush(struct fifo_writer *writer) {
    size_t done;
    if (!fifo_writer_has_rest(writer)) return FIFO_WRITTEN;
    enum fifo_result result =
        put_bytes(writer, writer->rest + writer->rest_offset, writer->rest_length - writer->rest_offset, &done);
    writer->rest_offset += done;
    if (result == FIFO_WRITTEN && fifo_writer_has_rest(writer)) return FIFO_FULL;
    return result;
}

enum fifo_result fifo_writer_put(struct fifo_writer *writer, const struct wire_writer *frame) {
    size_t done;
    enum fifo_result result = fifo_writer_flush(writer);
    if (result != FIFO_WRITTEN) return result;
    result = put_bytes(writer, frame->data, frame->length, &done);
    if (result == FIFO_WRITTEN && done < frame->length) {
        writer->rest_length = frame->length - done;
        writer->rest_offset = 0;
        memcpy(writer->rest, frame->data + done, writer->rest_length);
    }
    return result;
}
