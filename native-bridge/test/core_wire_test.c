#include <string.h>

#include "core/messages.h"
#include "core/wire.h"
#include "test/core_check.h"

static uint8_t out[1 << 17];

static void round_trip(void) {
    for (int i = 0; i < 20000; i++) {
        struct wire_writer writer;
        struct wire_reader reader;
        struct wire_field field;
        uint32_t tag = 1 + (uint32_t)random_below(536870911);
        uint64_t number = random_next() >> random_below(64);
        size_t length = random_below(40000) >> random_below(16);
        wire_writer_init(&writer, out, sizeof out);
        wire_uint_always(&writer, tag, number);
        wire_fixed64(&writer, tag, number | 1);
        size_t outer = wire_begin(&writer, 5), inner = wire_begin(&writer, 6);
        for (size_t k = 0; k < length; k++) wire_raw(&writer, "z", 1);
        wire_end(&writer, inner);
        wire_end(&writer, outer);
        wire_bool(&writer, 7, true);
        CHECK(!writer.overflow);
        wire_reader_init(&reader, (struct bytes){out, writer.length});
        CHECK(wire_next(&reader, &field) && field.tag == tag && wire_field_uint(&field) == number);
        CHECK(wire_next(&reader, &field) && wire_field_fixed64(&field) == (number | 1));
        CHECK(wire_next(&reader, &field) && field.tag == 5 && field.type == WIRE_BYTES);
        struct wire_reader within;
        struct wire_field item;
        wire_reader_init(&within, field.bytes);
        CHECK(wire_next(&within, &item) && item.tag == 6);
        CHECK_EQUAL(item.bytes.length, length);
        CHECK(!wire_next(&within, &item) && !within.malformed);
        CHECK(wire_next(&reader, &field) && field.tag == 7 && field.number == 1);
        CHECK(!wire_next(&reader, &field) && !reader.malformed);
    }
    holds("what is written is read again, submessages of any length included");
}

static void too_small(void) {
    uint8_t small[64];
    for (size_t capacity = 0; capacity < sizeof small; capacity++) {
        struct wire_writer writer;
        memset(small, 0xaa, sizeof small);
        wire_writer_init(&writer, small, capacity);
        size_t mark = wire_begin(&writer, 3);
        wire_text(&writer, 1, "0123456789012345678901234567890123456789");
        wire_end(&writer, mark);
        CHECK(writer.overflow == (capacity < 44));
        for (size_t i = capacity; i < sizeof small; i++) CHECK_EQUAL(small[i], 0xaa);
    }
    holds("a buffer that is too small is told, and nothing is written behind it");
}

static void utf8(void) {
    static const struct { const char *text; size_t length; bool valid; } cases[] = {
        {"", 0, true}, {"abc", 3, true}, {"\xc3\xa9", 2, true}, {"\xe2\x82\xac", 3, true}, {"\xf0\x9f\x98\x80", 4, true},
        {"\xff", 1, false}, {"\xc3", 1, false}, {"\xc0\x80", 2, false}, {"\xe0\x80\x80", 3, false}, {"\xed\xa0\x80", 3, false},
        {"\xf4\x90\x80\x80", 4, false}, {"\xf5\x80\x80\x80", 4, false}, {"\x80", 1, false}, {"a\xe2\x82", 3, false}, {"\0", 1, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_EQUAL(message_is_utf8((struct bytes){(const uint8_t *)cases[i].text, cases[i].length}), cases[i].valid);
    holds("text that is no UTF-8 is told apart");
}

int main(void) {
    round_trip();
    too_small();
    utf8();
    return 0;
}
