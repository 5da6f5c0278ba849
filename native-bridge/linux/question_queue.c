#include "question_queue.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint32_t NONE = UINT32_MAX;

int question_queue_init(struct question_queue *queue, uint32_t capacity)
{
    memset(queue, 0, sizeof *queue);
    queue->slots = calloc(capacity, sizeof *queue->slots);
    if (!queue->slots)
        return -1;
    // Written now, so that no page fault waits for it later.
    for (uint32_t i = 0; i < capacity; i++)
        queue->slots[i] = (struct waiting_question){.fd = -1, .pidfd = -1, .next = i + 1 < capacity ? i + 1 : NONE};
    queue->capacity = capacity;
    for (size_t i = 0; i < QUESTION_TURNS; i++)
        queue->turns[i].head = queue->turns[i].tail = NONE;
    return 0;
}

void question_queue_free(struct question_queue *queue)
{
    struct fanotify_event event;
    while (question_queue_take(queue, &event))
        fanotify_event_close(&event);
    free(queue->slots);
    memset(queue, 0, sizeof *queue);
}

uint32_t question_queue_room(const struct question_queue *queue)
{
    return queue->capacity - queue->count;
}

uint32_t question_queue_put(struct question_queue *queue, struct fanotify_event *event, uint64_t account)
{
    uint32_t index = queue->free_slot;
    struct waiting_question *slot = &queue->slots[index];
    // Fibonacci hashing: uids that follow each other get turns of their own.
    uint32_t turn = (uint32_t)(account * 0x9e3779b97f4a7c15u >> 58);
    queue->free_slot = slot->next;
    *slot = (struct waiting_question){event->mask, event->pid, event->fd, event->pidfd, NONE, event->read_us};
    event->fd = event->pidfd = -1;
    if (queue->turns[turn].head == NONE) {
        queue->turns[turn].head = index;
        queue->turns[turn].account = account;
        queue->turns[turn].is_mixed = false;
    } else {
        queue->slots[queue->turns[turn].tail].next = index;
        queue->turns[turn].is_mixed |= queue->turns[turn].account != account;
    }
    queue->turns[turn].tail = index;
    queue->turns[turn].count++;
    queue->count++;
    return queue->turns[turn].is_mixed ? 0 : queue->turns[turn].count;
}

bool question_queue_take(struct question_queue *queue, struct fanotify_event *event)
{
    if (queue->count == 0)
        return false;
    do
        queue->turn = (queue->turn + 1) % QUESTION_TURNS;
    while (queue->turns[queue->turn].head == NONE);
    uint32_t index = queue->turns[queue->turn].head;
    struct waiting_question *slot = &queue->slots[index];
    memset(event, 0, sizeof *event);
    event->mask = slot->mask;
    event->pid = slot->pid;
    event->fd = slot->fd;
    event->pidfd = slot->pidfd;
    event->read_us = slot->read_us;
    queue->turns[queue->turn].head = slot->next;
    queue->turns[queue->turn].count--;
    slot->fd = slot->pidfd = -1;
    slot->next = queue->free_slot;
    queue->free_slot = index;
    queue->count--;
    return true;
}
