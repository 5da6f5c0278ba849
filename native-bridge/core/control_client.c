#include "core/control_client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/frame.h"
#include "core/last_resort.h"
#include "core/messages.h"
#include "core/thread.h"
#include "picket/v1/bridge.pb.h"

enum { ANSWER_WITHIN_US = 5000000, ANSWER_BYTES = 128 * 1024, LONGEST_REASON = 1024, TEXT = 256 };

int control_command_of(const char *word) {
    if (strcmp(word, "status") == 0) return CONTROL_STATUS;
    if (strcmp(word, "off") == 0) return CONTROL_OFF;
    return strcmp(word, "on") == 0 ? CONTROL_ON : 0;
}

static int fail(const char *sentence, const char *detail) {
    (void)fprintf(stderr, "picket-bridge: %s%s%s\n", sentence, detail == NULL ? "" : ": ",
                  detail == NULL ? "" : detail);
    return EXIT_FAILURE;
}

static int silent(const char *socket_path) {
    char command[LAST_RESORT];
    last_resort(socket_path, command);
    (void)fprintf(stderr, "picket-bridge: the bridge at %s does not answer within %d s.\n"
                  "The last resort is to end it, which lets everything through: %s\n", socket_path,
                  ANSWER_WITHIN_US / 1000000, command);
    return EXIT_FAILURE;
}

// --- asking ---

// A bound on each wait; together they end soon after the deadline.
static void bound(int fd, int64_t deadline_us) {
    int64_t left_us = deadline_us - clock_monotonic_us();
    if (left_us < 1000) left_us = 1000;
    struct timeval wait = {.tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);     // of connect(), too
}

static size_t encode(uint8_t *buffer, size_t size, int command, const char *reason) {
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, size);
    wire_raw(&writer, (const uint8_t[FRAME_HEADER]){0}, FRAME_HEADER);
    size_t mark = wire_begin(&writer, picket_v1_ToBridge_control_tag);
    wire_uint(&writer, picket_v1_Control_command_tag, (uint64_t)command);
    wire_text(&writer, picket_v1_Control_reason_tag, reason);
    wire_end(&writer, mark);
    if (writer.overflow) return 0;
    frame_put_header(buffer, (uint32_t)(writer.length - FRAME_HEADER));
    return writer.length;
}

// Reads to the end of the stream, which comes right behind the answer; a bridge that refuses whoever connects does not
// read what was asked, and then the end is a reset. Length, or -1 with errno.
static ssize_t receive(int fd, uint8_t *buffer, size_t size, int64_t deadline_us) {
    size_t length = 0;
    for (;;) {
        bound(fd, deadline_us);
        ssize_t count = recv(fd, buffer + length, size - length, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return length > 0 ? (ssize_t)length : -1;
        length += (size_t)count;
        if (count == 0 || length == size) return (ssize_t)length;
        if (clock_monotonic_us() >= deadline_us) {
            errno = EAGAIN;
            return -1;
        }
    }
}

// --- the answer ---

static void print_time(uint64_t unix_ns) {
    char text[64];
    struct tm parts;
    time_t seconds = (time_t)(unix_ns / 1000000000);
    if (unix_ns == 0 || gmtime_r(&seconds, &parts) == NULL) return;
    if (strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts) > 0) printf(" since %s", text);
}

// For a terminal: what the bridge quotes came from elsewhere.
static void write_bytes(FILE *out, struct bytes text) {
    for (size_t i = 0; i < text.length; i++)
        (void)fputc(text.data[i] < 0x20 || text.data[i] == 0x7f ? '?' : text.data[i], out);
}

static void print_bytes(const char *before, struct bytes text) {
    if (text.length == 0) return;
    (void)fputs(before, stdout);
    write_bytes(stdout, text);
}

static void print_list(struct bytes reply, uint32_t tag, const char *before) {
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, reply);
    while (wire_next(&reader, &field))
        if (field.tag == tag) print_bytes(before, wire_field_bytes(&field));
}

static int refused(struct bytes reason) {
    (void)fputs("picket-bridge: the bridge refuses: ", stderr);
    write_bytes(stderr, reason);
    (void)fputc('\n', stderr);
    return EXIT_FAILURE;
}

static int print_reply(struct bytes reply) {
    struct wire_reader reader;
    struct wire_field field;
    struct bytes state = {NULL, 0}, reason = {NULL, 0}, error = {NULL, 0}, agent = {NULL, 0}, note = {NULL, 0};
    uint64_t since_ns = 0;
    wire_reader_init(&reader, reply);
    while (wire_next(&reader, &field)) {
        switch (field.tag) {
        case picket_v1_ControlReply_state_tag: state = wire_field_bytes(&field); break;
        case picket_v1_ControlReply_reason_tag: reason = wire_field_bytes(&field); break;
        case picket_v1_ControlReply_since_ns_tag: since_ns = wire_field_fixed64(&field); break;
        case picket_v1_ControlReply_error_tag: error = wire_field_bytes(&field); break;
        case picket_v1_ControlReply_agent_tag: agent = wire_field_bytes(&field); break;
        case picket_v1_ControlReply_note_tag: note = wire_field_bytes(&field); break;
        default: break;
        }
    }
    if (error.length > 0) return refused(error);
    print_bytes("enforcement is ", state);
    print_time(since_ns);
    print_bytes(": ", reason);
    if (agent.length == 0) printf("\nno agent is connected");
    print_bytes("\nagent: ", agent);
    print_list(reply, picket_v1_ControlReply_guarded_tag, "\nguarded: ");
    print_list(reply, picket_v1_ControlReply_unguarded_tag, "\nnot guarded: ");
    print_bytes("\nnote: ", note);
    return putchar('\n') < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int understand(struct bytes frame) {
    struct wire_reader reader;
    struct wire_field field;
    if (frame.length < FRAME_HEADER) return fail("the bridge closed the connection without an answer", NULL);
    wire_reader_init(&reader, (struct bytes){frame.data + FRAME_HEADER, frame.length - FRAME_HEADER});
    while (wire_next(&reader, &field)) {
        if (field.tag == picket_v1_ToAgent_control_reply_tag) return print_reply(wire_field_bytes(&field));
        if (field.tag != picket_v1_ToAgent_refused_tag) continue;
        wire_reader_init(&reader, wire_field_bytes(&field));
        return wire_next(&reader, &field) ? refused(wire_field_bytes(&field)) : refused(bytes_of_text("no reason given"));
    }
    return fail("the bridge's answer can't be understood: are both of one version?", NULL);
}

int control_client_run(const char *socket_path, const char *word, const char *reason) {
    static uint8_t answer[ANSWER_BYTES];
    uint8_t request[LONGEST_REASON + TEXT];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    // The machine may be busy with what is to be ended.
    (void)thread_raise_priority(false);
    int64_t deadline_us = clock_monotonic_us() + ANSWER_WITHIN_US;
    int status = EXIT_FAILURE;
    if (strlen(socket_path) >= sizeof address.sun_path) return fail("--socket is too long", socket_path);
    if (reason != NULL && (strlen(reason) > LONGEST_REASON || !message_is_utf8(bytes_of_text(reason))))
        return fail("--reason is to be at most 1024 bytes of UTF-8", NULL);
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    size_t length = encode(request, sizeof request, control_command_of(word), reason);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) return fail("no socket", strerror(errno));
    bound(fd, deadline_us);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        if (errno == EAGAIN || errno == EINPROGRESS) status = silent(socket_path);
        else if (errno == ENOENT || errno == ECONNREFUSED) fail("no bridge listens at this socket", socket_path);
        else if (errno == EACCES || errno == EPERM) fail("only root may do this", socket_path);
        else fail(socket_path, strerror(errno));
        goto out;
    }
    // Where this fails the bridge has refused us already, and said why.
    (void)send(fd, request, length, MSG_NOSIGNAL);
    ssize_t count = receive(fd, answer, sizeof answer, deadline_us);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) status = silent(socket_path);
    else if (count < 0) fail("the bridge closed the connection", strerror(errno));
    else status = understand((struct bytes){answer, (size_t)count});
out:
    (void)close(fd);
    return status;
}
