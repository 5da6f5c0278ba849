#include "core/pending.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

#include "core/lock.h"

static const uint64_t ROOT = 0;

enum {
    USER_MINIMUM = 64,
    PER_CORE = 4,
    USERS = 4,
    CROWDED_PART = 8,               // of its bound is an account's once the others' share is nearly full
    SLOT_BYTES = 64 * 1024,         // five paths of PATH_MAX, what Linux keeps of a process's and its parent's arguments
    LARGE_COUNT = 8,
    LARGE_BYTES = 1024 * 1024,      // what fits a frame
};

struct pending_limits pending_limits_for(size_t cores) {
    size_t user = cores * PER_CORE > USER_MINIMUM ? cores * PER_CORE : USER_MINIMUM;
    return (struct pending_limits){
        .slots = user * USERS,
        .per_user = user,
        .slot_bytes = SLOT_BYTES,
        .large_count = LARGE_COUNT,
        .large_bytes = LARGE_BYTES,
    };
}

int pending_init(struct pending *pending, const struct pending_limits *limits) {
    memset(pending, 0, sizeof *pending);
    lock_init(&pending->mutex);
    size_t slot_room = limits->slot_bytes + PENDING_MORE, large_room = limits->large_bytes + PENDING_MORE;
    size_t total = limits->slots * slot_room + limits->large_count * large_room;
    pending->slots = calloc(limits->slots, sizeof *pending->slots);
    pending->large = calloc(limits->large_count + 1, sizeof *pending->large);
    pending->large_used = calloc(limits->large_count + 1, sizeof *pending->large_used);
    pending->memory = malloc(total);
    if (pending->slots == NULL || pending->large == NULL || pending->large_used == NULL || pending->memory == NULL) {
        pending_free(pending);
        return -1;
    }
    memset(pending->memory, 1, total);
    pending->slots_count = limits->slots;
    pending->per_user = limits->per_user;
    pending->slot_bytes = limits->slot_bytes;
    pending->large_count = limits->large_count;
    pending->large_bytes = limits->large_bytes;
    uint8_t *next = pending->memory;
    for (size_t i = 0; i < limits->slots; i++, next += slot_room) {
        pending->slots[i].own_event = next;
        pending->slots[i].large = -1;
        atomic_store(&pending->slots[i].press_us, INT64_MAX);
        atomic_store(&pending->slots[i].deadline_us, INT64_MAX);
    }
    for (size_t i = 0; i < limits->large_count; i++, next += large_room) pending->large[i] = next;
    return 0;
}

void pending_free(struct pending *pending) {
    free(pending->slots);
    free(pending->large);
    free(pending->large_used);
    free(pending->memory);
    pending->slots = NULL;
    pending->large = NULL;
    pending->large_used = NULL;
    pending->memory = NULL;
    (void)pthread_mutex_destroy(&pending->mutex);
}

// An id that cannot be guessed, but for the slot that it leads to, under the mutex.
static uint64_t next_id(struct pending *pending, const struct request *slot) {
    uint64_t first = 0;
    while (first == 0 || first > UINT64_MAX - pending->slots_count) {
        if (pending->ids_left == 0) {
            // Fails only for a size over 256 or a kernel without it: then no id is safe to give.
            if (getentropy(pending->ids, sizeof pending->ids) != 0) abort();
            pending->ids_left = PENDING_ID_BATCH;
        }
        first = pending->ids[--pending->ids_left];
        first -= first % pending->slots_count;
    }
    return first + (uint64_t)(slot - pending->slots);
}

// The next slot from `*at` on that is in use, as long as `*left` of them are to come; NULL: there are no more. The first
// ones are taken first, so a look at all of them is short while few are in use.
static struct request *next_in_use(const struct pending *pending, size_t *at, size_t *left) {
    while (*left > 0 && *at < pending->slots_count) {
        struct request *slot = &pending->slots[(*at)++];
        if (slot->references == 0) continue;
        --*left;
        return slot;
    }
    return NULL;
}

// Of root's share, and of all others' together, nothing is the other's.
static bool account_has_room(const struct pending *pending, uint64_t account) {
    size_t own = 0, others = 0, at = 0, left = pending->in_use;
    const struct request *slot;
    while ((slot = next_in_use(pending, &at, &left)) != NULL) {
        own += slot->account == account;
        others += slot->account != ROOT;
    }
    if (account == ROOT) return own < pending->per_user;
    size_t share = pending->slots_count - pending->per_user;
    if (others >= share) return false;
    bool crowded = share - others <= pending->per_user;
    return own < (crowded ? pending->per_user / CROWDED_PART : pending->per_user);
}

// An account has half of them: long arguments of one must not turn others' questions into overload.
static int take_large(struct pending *pending, uint64_t account) {
    size_t own = 0, at = 0, left = pending->in_use;
    const struct request *slot;
    while ((slot = next_in_use(pending, &at, &left)) != NULL)
        if (slot->large >= 0 && slot->account == account) own++;
    if (own >= (pending->large_count + 1) / 2) return -1;
    for (size_t i = 0; i < pending->large_count; i++) {
        if (pending->large_used[i]) continue;
        pending->large_used[i] = true;
        return (int)i;
    }
    return -1;
}

static struct request *free_slot(struct pending *pending) {
    for (size_t i = 0; i < pending->slots_count; i++)
        if (pending->slots[i].references == 0) return &pending->slots[i];
    return NULL;
}

struct request *pending_admit(struct pending *pending, uint64_t account, struct bytes event) {
    struct request *slot = NULL;
    lock(&pending->mutex);
    if (pending->in_use >= pending->slots_count || !account_has_room(pending, account)) goto out;
    int large = -1;
    if (event.length > pending->slot_bytes) {
        if (event.length > pending->large_bytes) goto out;
        large = take_large(pending, account);
        if (large < 0) goto out;
    }
    slot = free_slot(pending);
    if (slot == NULL) {
        if (large >= 0) pending->large_used[large] = false;
        goto out;
    }
    slot->references = 2;
    slot->id = next_id(pending, slot);
    slot->order = ++pending->order;
    slot->account = account;
    slot->large = large;
    slot->event = large >= 0 ? pending->large[large] : slot->own_event;
    atomic_store(&slot->event_length, event.length);
    slot->sent = false;
    slot->asked_again = 0;
    slot->hashing = HASHING_NOT;
    slot->hashes_wanted = slot->hashes_given = 0;
    atomic_store(&slot->slow, SLOW_NO);
    atomic_store(&slot->epoch, 0);
    atomic_store(&slot->handed_us, 0);
    pending->in_use++;
out:
    unlock(&pending->mutex);
    if (slot != NULL && event.length > 0) memcpy(slot->event, event.data, event.length);
    return slot;
}

void pending_open(struct request *request, int64_t press_us, int64_t deadline_us) {
    // In this order: whoever claims resets the deadline, and that must come last.
    atomic_store(&request->press_us, press_us);
    atomic_store(&request->deadline_us, deadline_us);
    atomic_store(&request->claim, request->id);
}

static void forget_times(struct request *request) {
    atomic_store(&request->press_us, INT64_MAX);
    atomic_store(&request->deadline_us, INT64_MAX);
}

void pending_extend(struct request *request, int64_t press_us, int64_t deadline_us) {
    atomic_store(&request->deadline_us, deadline_us);
    pending_press_again(request, press_us);
}

void pending_press_again(struct request *request, int64_t press_us) {
    atomic_store(&request->press_us, press_us);
    // Whoever claimed it before has put the times away too early; who does it from here on puts them away after.
    if (atomic_load(&request->claim) == 0) forget_times(request);
}

bool pending_claim(struct request *request, uint64_t id) {
    uint64_t expected = id;
    if (id == 0 || !atomic_compare_exchange_strong(&request->claim, &expected, 0)) return false;
    forget_times(request);
    return true;
}

void pending_release(struct pending *pending, struct request *request) {
    lock(&pending->mutex);
    if (--request->references == 0) {
        if (request->large >= 0) pending->large_used[request->large] = false;
        request->large = -1;
        pending->in_use--;
    }
    unlock(&pending->mutex);
}

// Under the mutex a slot whose claim stands has references, and keeps them until it is released.
static bool hold(struct request *slot) {
    if (slot->references == 0 || atomic_load(&slot->claim) == 0) return false;
    slot->references++;
    return true;
}

struct request *pending_find(struct pending *pending, uint64_t id) {
    struct request *found = NULL;
    if (id == 0) return NULL;
    lock(&pending->mutex);
    struct request *slot = &pending->slots[id % pending->slots_count];
    if (atomic_load(&slot->claim) == id && hold(slot)) found = slot;
    unlock(&pending->mutex);
    return found;
}

struct request *pending_expired(struct pending *pending, int64_t now_us) {
    struct request *found = NULL;
    if (pending_earliest(pending) > now_us) return NULL;
    lock(&pending->mutex);
    for (size_t i = 0; i < pending->slots_count && found == NULL; i++) {
        struct request *slot = &pending->slots[i];
        if (atomic_load(&slot->deadline_us) <= now_us && hold(slot)) found = slot;
    }
    unlock(&pending->mutex);
    return found;
}

struct request *pending_pressing(struct pending *pending, int64_t now_us) {
    struct request *found = NULL;
    if (pending_earliest(pending) > now_us) return NULL;
    lock(&pending->mutex);
    for (size_t i = 0; i < pending->slots_count && found == NULL; i++) {
        struct request *slot = &pending->slots[i];
        if (atomic_load(&slot->press_us) > now_us || !hold(slot)) continue;
        atomic_store(&slot->press_us, INT64_MAX);
        found = slot;
    }
    unlock(&pending->mutex);
    return found;
}

int64_t pending_earliest(const struct pending *pending) {
    int64_t earliest = INT64_MAX;
    for (size_t i = 0; i < pending->slots_count; i++) {
        int64_t deadline_us = atomic_load(&pending->slots[i].deadline_us);
        int64_t press_us = atomic_load(&pending->slots[i].press_us);
        if (press_us < deadline_us) deadline_us = press_us;
        if (deadline_us < earliest) earliest = deadline_us;
    }
    return earliest;
}

// By insertion: qsort() may allocate, and slots come nearly in order.
static void sort_by_order(struct request **list, size_t count) {
    for (size_t i = 1; i < count; i++) {
        struct request *item = list[i];
        size_t at = i;
        for (; at > 0 && list[at - 1]->order > item->order; at--) list[at] = list[at - 1];
        list[at] = item;
    }
}

size_t pending_all(struct pending *pending, struct request **out, size_t capacity) {
    size_t count = 0;
    lock(&pending->mutex);
    for (size_t i = 0; i < pending->slots_count && count < capacity; i++)
        if (hold(&pending->slots[i])) out[count++] = &pending->slots[i];
    unlock(&pending->mutex);
    sort_by_order(out, count);
    return count;
}

size_t pending_count(struct pending *pending) {
    lock(&pending->mutex);
    size_t count = pending->in_use;
    unlock(&pending->mutex);
    return count;
}

size_t pending_with_agent(struct pending *pending, uint64_t account) {
    size_t count = 0, at = 0;
    const struct request *slot;
    lock(&pending->mutex);
    size_t left = pending->in_use;
    while ((slot = next_in_use(pending, &at, &left)) != NULL)
        count += slot->account == account && slot->sent && atomic_load(&slot->claim) != 0 &&
                 atomic_load(&slot->slow) == SLOW_NO;
    unlock(&pending->mutex);
    return count;
}

struct request *pending_next_unsent(struct pending *pending, uint64_t account) {
    struct request *next = NULL, *slot;
    size_t at = 0;
    lock(&pending->mutex);
    size_t left = pending->in_use;
    while ((slot = next_in_use(pending, &at, &left)) != NULL)
        if (slot->account == account && !slot->sent && atomic_load(&slot->claim) != 0 &&
            (next == NULL || slot->order < next->order))
            next = slot;
    if (next != NULL && !hold(next)) next = NULL;      // claimed meanwhile: its own answer brings the next one
    unlock(&pending->mutex);
    return next;
}

struct request *pending_next_unhashed(struct pending *pending, uint64_t last) {
    struct request *next = NULL;
    lock(&pending->mutex);
    for (size_t i = 0; i < pending->slots_count; i++) {
        struct request *slot = &pending->slots[i];
        if (slot->references == 0 || slot->hashing != HASHING_WANTED || atomic_load(&slot->claim) == 0) continue;
        bool is_last = slot->account == last, next_is_last = next != NULL && next->account == last;
        if (next == NULL || is_last < next_is_last || (is_last == next_is_last && slot->order < next->order)) next = slot;
    }
    if (next != NULL && !hold(next)) next = NULL;      // claimed meanwhile
    unlock(&pending->mutex);
    return next;
}

size_t pending_unhashed(struct pending *pending, uint64_t account) {
    size_t count = 0;
    lock(&pending->mutex);
    for (size_t i = 0; i < pending->slots_count; i++) {
        const struct request *slot = &pending->slots[i];
        count += slot->references > 0 && slot->account == account && slot->hashing != HASHING_NOT;
    }
    unlock(&pending->mutex);
    return count;
}

void pending_append(struct request *request, struct bytes fields) {
    size_t length = atomic_load(&request->event_length);
    memcpy(request->event + length, fields.data, fields.length);
    // Whoever answers meanwhile reads up to the length before, or all of it.
    atomic_store(&request->event_length, length + fields.length);
}

void pending_note_answered(struct pending *pending, uint64_t id) {
    size_t next = atomic_fetch_add(&pending->late_next, 1);
    atomic_store(&pending->late[next % PENDING_LATE_IDS], id);
}

bool pending_was_answered(const struct pending *pending, uint64_t id) {
    if (id == 0) return false;
    for (size_t i = 0; i < PENDING_LATE_IDS; i++)
        if (atomic_load(&pending->late[i]) == id) return true;
    return false;
}
