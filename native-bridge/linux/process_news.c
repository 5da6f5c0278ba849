#include "process_news.h"

#include <string.h>
#include <unistd.h>

void process_news_open(struct process_news *news, struct process_ring *ring, char *connector_error,
                       size_t connector_error_size)
{
    *news = (struct process_news){.ring = ring && ring->fd >= 0 ? ring : NULL};
    connector_error[0] = 0;
    news->connector = proc_connector_open(news->ring ? PROC_ONLY_USERS : PROC_ALL, connector_error, connector_error_size);
}

void process_news_close(struct process_news *news)
{
    if (news->connector >= 0)
        close(news->connector);
    *news = (struct process_news){.connector = -1};
}

bool process_news_tells_lives(const struct process_news *news)
{
    return news->ring || news->connector >= 0;
}

bool process_news_tells_all(const struct process_news *news)
{
    return news->connector >= 0;
}

static bool change_of_record(const struct process_record *record, struct proc_change *change)
{
    static const enum proc_change_kind kinds[] = {
        [RECORD_FORKED] = PROC_FORKED, [RECORD_EXECUTED] = PROC_EXECUTED, [RECORD_EXITED] = PROC_EXITED};
    if (record->kind < RECORD_FORKED || record->kind > RECORD_EXITED)
        return false;
    *change = (struct proc_change){
        .kind = kinds[record->kind], .pid = record->pid, .parent_pid = record->parent_pid,
        .exit_code = proc_exit_code((uint32_t)record->wait_status), .monotonic_ns = record->monotonic_ns, .told = record};
    return true;
}

static enum news read_ring(struct process_news *news, struct proc_change *change, uint64_t *lost)
{
    const struct process_record *record;
    for (;;) {
        switch (process_ring_read(news->ring, &record, lost)) {
        case RING_RECORD:
            if (change_of_record(record, change))
                return NEWS_CHANGE;
            break;
        case RING_BROKEN:
            break;
        case RING_LOST:
            return NEWS_LOST;
        case RING_BUSY:
            return NEWS_LATE;
        case RING_EMPTY:
            return NEWS_NONE;
        }
    }
}

static bool is_of_users(const struct proc_change *change)
{
    return change->kind == PROC_USER_CHANGED || change->kind == PROC_GROUP_CHANGED;
}

static enum news read_connector(struct process_news *news, struct proc_change *change, uint64_t *lost)
{
    while (news->connector >= 0) {
        switch (proc_connector_read(news->connector, change)) {
        case PROC_READ_CHANGE:
            if (!news->ring || is_of_users(change))
                return NEWS_CHANGE;
            break;
        case PROC_READ_OTHER:
            break;
        case PROC_READ_OVERFLOW:
            *lost = 0;
            return NEWS_LOST;
        case PROC_READ_EMPTY:
        case PROC_READ_FAILED:
            return NEWS_NONE;
        }
    }
    return NEWS_NONE;
}

// Whoever changes its user was told to have begun before: what the ring holds once the change was read comes first.
enum news process_news_read(struct process_news *news, struct proc_change *change, uint64_t *lost)
{
    enum news found;
    if (!news->ring)
        return read_connector(news, change, lost);
    if (!news->is_waiting) {
        found = read_connector(news, &news->waiting, lost);
        if (found == NEWS_LOST)
            return found;
        news->is_waiting = found == NEWS_CHANGE;
    }
    found = read_ring(news, change, lost);
    if (found != NEWS_NONE || !news->is_waiting)
        return found;
    *change = news->waiting;
    news->is_waiting = false;
    return NEWS_CHANGE;
}
