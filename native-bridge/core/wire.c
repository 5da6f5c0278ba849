#include "core/wire.h"

#include <pb_decode.h>
#include <string.h>

// A reserved length is one byte; a longer submessage is moved up once when it ends.
enum { RESERVED = 1, VARINT_MAX = 10 };

void wire_writer_init(struct wire_writer *writer, void *data, size_t capacity) {
    writer->data = data;
    writer->capacity = capacity;
    writer->length = 0;
    writer->overflow = false;
}

void wire_raw(struct wire_writer *writer, const void *data, size_t length) {
    if (writer->overflow || length > writer->capacity - writer->length) {
        writer->overflow = true;
        return;
    }
    if (length > 0) memcpy(writer->data + writer->length, data, length);
    writer->length += length;
}

static size_t encode_varint(uint64_t value, uint8_t out[VARINT_MAX]) {
    size_t length = 0;
    while (value >= 0x80) {
        out[length++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[length++] = (uint8_t)value;
    return length;
}

size_t wire_varint_size(uint64_t value) {
    uint8_t scratch[VARINT_MAX];
    return encode_varint(value, scratch);
}

static void put_varint(struct wire_writer *writer, uint64_t value) {
    uint8_t scratch[VARINT_MAX];
    size_t length = encode_varint(value, scratch);
    wire_raw(writer, scratch, length);
}

static void put_tag(struct wire_writer *writer, uint32_t tag, enum wire_type type) {
    put_varint(writer, ((uint64_t)tag << 3) | (uint64_t)type);
}

void wire_uint_always(struct wire_writer *writer, uint32_t tag, uint64_t value) {
    put_tag(writer, tag, WIRE_VARINT);
    put_varint(writer, value);
}

void wire_uint(struct wire_writer *writer, uint32_t tag, uint64_t value) {
    if (value != 0) wire_uint_always(writer, tag, value);
}

void wire_sint_always(struct wire_writer *writer, uint32_t tag, int64_t value) {
    uint64_t zigzag = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
    wire_uint_always(writer, tag, zigzag);
}

void wire_bool(struct wire_writer *writer, uint32_t tag, bool value) {
    wire_uint(writer, tag, value ? 1 : 0);
}

void wire_fixed64(struct wire_writer *writer, uint32_t tag, uint64_t value) {
    if (value == 0) return;
    uint8_t little[8];
    for (int i = 0; i < 8; i++) little[i] = (uint8_t)(value >> (8 * i));
    put_tag(writer, tag, WIRE_FIXED64);
    wire_raw(writer, little, sizeof little);
}

void wire_bytes_always(struct wire_writer *writer, uint32_t tag, struct bytes value) {
    put_tag(writer, tag, WIRE_BYTES);
    put_varint(writer, value.length);
    wire_raw(writer, value.data, value.length);
}

void wire_bytes(struct wire_writer *writer, uint32_t tag, struct bytes value) {
    if (value.length > 0) wire_bytes_always(writer, tag, value);
}

void wire_text(struct wire_writer *writer, uint32_t tag, const char *text) {
    wire_bytes(writer, tag, bytes_of_text(text));
}

size_t wire_begin(struct wire_writer *writer, uint32_t tag) {
    put_tag(writer, tag, WIRE_BYTES);
    wire_raw(writer, "", RESERVED);
    return writer->length;
}

void wire_end(struct wire_writer *writer, size_t mark) {
    if (writer->overflow) return;
    uint8_t length[VARINT_MAX];
    size_t body = writer->length - mark;
    size_t needed = encode_varint(body, length);
    size_t extra = needed - RESERVED;
    if (extra > writer->capacity - writer->length) {
        writer->overflow = true;
        return;
    }
    if (extra > 0) memmove(writer->data + mark + extra, writer->data + mark, body);
    memcpy(writer->data + mark - RESERVED, length, needed);
    writer->length += extra;
}

void wire_reader_init(struct wire_reader *reader, struct bytes input) {
    reader->input = input;
    reader->offset = 0;
    reader->malformed = false;
}

static uint64_t little_endian(const uint8_t *data, size_t count) {
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) value |= (uint64_t)data[i] << (8 * i);
    return value;
}

// nanopb does the parsing of tags and varints; positions follow from its documented bytes_left.
static bool read_field(struct wire_reader *reader, struct wire_field *field) {
    const uint8_t *data = reader->input.data;
    size_t length = reader->input.length;
    pb_istream_t stream = pb_istream_from_buffer(data + reader->offset, length - reader->offset);
    pb_wire_type_t type;
    bool end = false;
    memset(field, 0, sizeof *field);
    if (!pb_decode_tag(&stream, &type, &field->tag, &end) || end || field->tag == 0) return false;
    switch (type) {
    case PB_WT_VARINT:
        field->type = WIRE_VARINT;
        if (!pb_decode_varint(&stream, &field->number)) return false;
        break;
    case PB_WT_64BIT:
    case PB_WT_32BIT: {
        size_t width = type == PB_WT_64BIT ? 8 : 4;
        if (stream.bytes_left < width) return false;
        field->type = type == PB_WT_64BIT ? WIRE_FIXED64 : WIRE_FIXED32;
        field->number = little_endian(data + length - stream.bytes_left, width);
        if (!pb_read(&stream, NULL, width)) return false;
        break;
    }
    case PB_WT_STRING: {
        uint64_t size;
        if (!pb_decode_varint(&stream, &size) || size > stream.bytes_left) return false;
        field->type = WIRE_BYTES;
        field->bytes = (struct bytes){data + length - stream.bytes_left, (size_t)size};
        if (!pb_read(&stream, NULL, (size_t)size)) return false;
        break;
    }
    default:
        return false;   // groups: proto3 has none
    }
    size_t next = length - stream.bytes_left;
    field->whole = (struct bytes){data + reader->offset, next - reader->offset};
    reader->offset = next;
    return true;
}

bool wire_next(struct wire_reader *reader, struct wire_field *field) {
    if (reader->malformed || reader->offset >= reader->input.length) return false;
    if (read_field(reader, field)) return true;
    reader->malformed = true;
    return false;
}

struct bytes wire_field_bytes(const struct wire_field *field) {
    return field->type == WIRE_BYTES ? field->bytes : (struct bytes){NULL, 0};
}

uint64_t wire_field_uint(const struct wire_field *field) {
    return field->type == WIRE_VARINT ? field->number : 0;
}

uint64_t wire_field_fixed64(const struct wire_field *field) {
    return field->type == WIRE_FIXED64 ? field->number : 0;
}

struct bytes bytes_of_text(const char *text) {
    if (text == NULL) return (struct bytes){NULL, 0};
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

bool bytes_equal(struct bytes a, struct bytes b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool bytes_equal_text(struct bytes a, const char *text) {
    return bytes_equal(a, bytes_of_text(text));
}
