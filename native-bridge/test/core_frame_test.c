#include <string.h>

#include "core/frame.h"
#include "test/core_check.h"

enum { MAX = 3000, FRAMES = 40, STREAM = FRAMES * (MAX + FRAME_HEADER) };

static uint8_t stream[STREAM], buffer[MAX + FRAME_HEADER];
static size_t lengths[FRAMES], starts[FRAMES];

static size_t make_stream(void) {
    size_t end = 0;
    for (int i = 0; i < FRAMES; i++) {
        lengths[i] = random_below(8) == 0 ? MAX : random_below(3) == 0 ? 0 : random_below(MAX);
        frame_put_header(stream + end, (uint32_t)lengths[i]);
        end += FRAME_HEADER;
        starts[i] = end;
        for (size_t k = 0; k < lengths[i]; k++) stream[end++] = (uint8_t)random_next();
    }
    return end;
}

// Feeds in pieces of random size and checks each frame that comes out.
static void any_cut(void) {
    for (int round = 0; round < 300; round++) {
        struct frame_reader reader;
        struct bytes frame;
        size_t end = make_stream(), fed = 0;
        int seen = 0;
        size_t largest = 1 + random_below(round % 2 == 0 ? 7 : 5000);
        frame_reader_init(&reader, buffer, sizeof buffer, MAX);
        while (seen < FRAMES) {
            enum frame_result result = frame_reader_next(&reader, &frame);
            if (result == FRAME_READY) {
                CHECK_EQUAL(frame.length, lengths[seen]);
                CHECK(frame.length == 0 || memcmp(frame.data, stream + starts[seen], frame.length) == 0);
                seen++;
                continue;
            }
            CHECK_EQUAL(result, FRAME_PARTIAL);
            size_t space, piece = 1 + random_below(largest);
            uint8_t *into = frame_reader_space(&reader, &space);
            CHECK(space > 0 && fed < end);
            if (piece > space) piece = space;
            if (piece > end - fed) piece = end - fed;
            memcpy(into, stream + fed, piece);
            frame_reader_filled(&reader, piece);
            fed += piece;
        }
        CHECK_EQUAL(frame_reader_next(&reader, &frame), FRAME_PARTIAL);
    }
    holds("any cut of a byte stream yields the same frames");
}

static void over_long(void) {
    static const uint32_t announced[] = {MAX + 1, 0x7fffffff, 0x80000000u, 0xffffffffu};
    for (size_t i = 0; i < sizeof announced / sizeof announced[0]; i++) {
        struct frame_reader reader;
        struct bytes frame;
        size_t space;
        frame_reader_init(&reader, buffer, sizeof buffer, MAX);
        frame_put_header(frame_reader_space(&reader, &space), announced[i]);
        frame_reader_filled(&reader, 3);
        CHECK_EQUAL(frame_reader_next(&reader, &frame), FRAME_PARTIAL);
        frame_reader_filled(&reader, 1);
        CHECK_EQUAL(frame_reader_next(&reader, &frame), FRAME_TOO_LONG);
        CHECK_EQUAL(frame_reader_announced(&reader), announced[i]);
    }
    holds("an over-long length is refused as soon as it is whole, and not before");
}

static void never_overfilled(void) {
    struct frame_reader reader;
    size_t space;
    frame_reader_init(&reader, buffer, sizeof buffer, MAX);
    frame_reader_filled(&reader, sizeof buffer + 100);
    (void)frame_reader_space(&reader, &space);
    CHECK_EQUAL(space, 0);
    holds("a wrong count never leads beyond the buffer");
}

int main(void) {
    any_cut();
    over_long();
    never_overfilled();
    return 0;
}
