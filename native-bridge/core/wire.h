// Protobuf's wire format, field by field, on nanopb's primitives: a writer into a caller's buffer and a reader that
// hands out slices of its input. Neither allocates or copies more than it must, so both serve on the auth path, where
// messages hold text of any length. Tag numbers come from the generated nanopb headers.
//
// Ownership: both borrow the caller's memory. Threading: none, each object belongs to one thread at a time.
#ifndef PICKET_WIRE_H
#define PICKET_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backend.h"

struct wire_writer {
    uint8_t *data;
    size_t capacity;
    size_t length;
    bool overflow;      // something did not fit: what was written is of no use
};

void wire_writer_init(struct wire_writer *writer, void *data, size_t capacity);

// Each writes nothing where the value is proto3's default (zero, empty), except the *_always forms.
void wire_uint(struct wire_writer *writer, uint32_t tag, uint64_t value);
void wire_uint_always(struct wire_writer *writer, uint32_t tag, uint64_t value);
void wire_sint_always(struct wire_writer *writer, uint32_t tag, int64_t value);
void wire_bool(struct wire_writer *writer, uint32_t tag, bool value);
void wire_fixed64(struct wire_writer *writer, uint32_t tag, uint64_t value);
void wire_bytes(struct wire_writer *writer, uint32_t tag, struct bytes value);
void wire_bytes_always(struct wire_writer *writer, uint32_t tag, struct bytes value);
void wire_text(struct wire_writer *writer, uint32_t tag, const char *text);  // NULL counts as empty
// Copies bytes that are already encoded.
void wire_raw(struct wire_writer *writer, const void *data, size_t length);

// A submessage: begin, fields, end with what begin returned. Nests.
size_t wire_begin(struct wire_writer *writer, uint32_t tag);
void wire_end(struct wire_writer *writer, size_t mark);

// How many bytes a varint takes.
size_t wire_varint_size(uint64_t value);

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire_field {
    uint32_t tag;
    enum wire_type type;
    uint64_t number;        // WIRE_VARINT, WIRE_FIXED64, WIRE_FIXED32
    struct bytes bytes;     // WIRE_BYTES: a slice of the reader's input
    struct bytes whole;     // the field with its tag, as it stands in the input
};

struct wire_reader {
    struct bytes input;
    size_t offset;
    bool malformed;
};

void wire_reader_init(struct wire_reader *reader, struct bytes input);
// The next field, or false at the end and at the first malformed byte (then reader->malformed is set).
bool wire_next(struct wire_reader *reader, struct wire_field *field);

// The field's slice or number where it has the expected type, else empty or 0: a peer that sends another type than
// the schema's is treated as if it had not sent the field.
struct bytes wire_field_bytes(const struct wire_field *field);
uint64_t wire_field_uint(const struct wire_field *field);
uint64_t wire_field_fixed64(const struct wire_field *field);

struct bytes bytes_of_text(const char *text);
bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_equal_text(struct bytes a, const char *text);

#endif
