#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "linux/question_queue.h"
#include "test/core_check.h"

enum { CAPACITY = 1024 };

static uint32_t put(struct question_queue *queue, uint32_t pid, uint64_t account)
{
    struct fanotify_event event = {.mask = 7, .pid = pid, .fd = -1, .pidfd = -1};
    CHECK(question_queue_room(queue) > 0);
    return question_queue_put(queue, &event, account);
}

static void in_turn(void)
{
    struct question_queue queue;
    struct fanotify_event event;
    CHECK_EQUAL(question_queue_init(&queue, CAPACITY), 0);
    for (uint32_t i = 0; i < 1000; i++)
        CHECK_EQUAL(put(&queue, i, 1000), i + 1);
    CHECK_EQUAL(put(&queue, 5000, 1001), 1);
    uint32_t place = 0;
    do {
        CHECK(question_queue_take(&queue, &event));
        place++;
    } while (event.pid != 5000);
    CHECK(place <= 2);
    for (uint32_t expected = place - 1; question_queue_take(&queue, &event); expected++)
        CHECK(event.pid == expected && event.mask == 7);
    CHECK_EQUAL(question_queue_room(&queue), CAPACITY);
    question_queue_free(&queue);
    holds("a stranger waits for one of a thousand, and each account's come in their order");
}

// A model that counts for itself, over a random history of puts and takes.
static void nothing_is_lost(void)
{
    static uint32_t waiting[8], next_put[8], next_take[8];
    struct question_queue queue;
    struct fanotify_event event;
    uint32_t count = 0;
    CHECK_EQUAL(question_queue_init(&queue, 64), 0);
    for (int step = 0; step < 200000; step++) {
        if (random_below(2) != 0 && question_queue_room(&queue) > 0) {
            uint32_t account = (uint32_t)random_below(8);
            (void)put(&queue, account << 24 | next_put[account]++, account);
            waiting[account]++;
            count++;
        } else if (question_queue_take(&queue, &event)) {
            uint32_t account = event.pid >> 24;
            CHECK(waiting[account]-- > 0);
            CHECK_EQUAL(event.pid & 0xffffff, next_take[account]++);
            count--;
        } else {
            CHECK_EQUAL(count, 0);
        }
        CHECK_EQUAL(question_queue_room(&queue), 64 - count);
    }
    question_queue_free(&queue);
    holds("over any history what was put is taken once, in the order of its account");
}

static void closes_what_is_left(void)
{
    struct question_queue queue;
    CHECK_EQUAL(question_queue_init(&queue, 4), 0);
    struct fanotify_event event = {.fd = open("/dev/null", O_RDONLY), .pidfd = open("/dev/null", O_RDONLY)};
    int fd = event.fd, pidfd = event.pidfd;
    CHECK(fd >= 0 && pidfd >= 0);
    CHECK_EQUAL(question_queue_put(&queue, &event, 1), 1);
    CHECK(event.fd == -1 && event.pidfd == -1 && fcntl(fd, F_GETFD) >= 0);
    question_queue_free(&queue);
    CHECK(fcntl(fd, F_GETFD) == -1 && fcntl(pidfd, F_GETFD) == -1);
    holds("descriptors of what nobody took are closed");
}

int main(void)
{
    in_turn();
    nothing_is_lost();
    closes_what_is_left();
    return 0;
}
