// The permission events that were read and not yet worked on. The kernel hands them out in the order in which they came,
// so one account's thousand would all go before a stranger's one; here accounts take turns.
//
// Ownership: owns the descriptors of the events in it until it hands them out. Threading: the permission reader alone.
#ifndef PICKET_LINUX_QUESTION_QUEUE_H
#define PICKET_LINUX_QUESTION_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fanotify_event.h"

#define QUESTION_TURNS 64       // accounts are told apart by a hash: two of them may share their turns

struct waiting_question {
    uint64_t mask;
    uint32_t pid;
    int fd, pidfd;
    uint32_t next;
    int64_t read_us;
};

struct question_queue {
    struct waiting_question *slots;
    uint32_t capacity, count, free_slot;
    uint32_t turn;
    struct {
        uint32_t head, tail, count;
        uint64_t account;       // of all that wait here, or
        bool is_mixed;
    } turns[QUESTION_TURNS];
};

// 0, or -1 when memory is short.
int question_queue_init(struct question_queue *queue, uint32_t capacity);
void question_queue_free(struct question_queue *queue);     // closes what is left in it

uint32_t question_queue_room(const struct question_queue *queue);
// Takes the event's descriptors; there must be room. How many of the account wait now, as far as that is known.
uint32_t question_queue_put(struct question_queue *queue, struct fanotify_event *event, uint64_t account);
// The next in turn, with its descriptors. False: none.
bool question_queue_take(struct question_queue *queue, struct fanotify_event *event);

#endif
