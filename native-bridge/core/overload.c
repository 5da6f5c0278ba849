#include "core/overload.h"

#include <string.h>

#include "core/lock.h"

void overload_init(struct overload *overload) {
    memset(overload, 0, sizeof *overload);
    lock_init(&overload->mutex);
    atomic_store(&overload->last_us, INT64_MIN);
}

static bool has_counts(const struct overload_entry *entry) {
    return entry->denied > 0 || entry->allowed > 0;
}

static struct overload_entry *find(struct overload *overload, uint64_t account) {
    for (size_t i = 0; i < OVERLOAD_ACCOUNTS; i++) {
        struct overload_entry *entry = &overload->entries[i];
        if (entry->used && entry->account == account) return entry;
    }
    return NULL;
}

// A free place, or that of the account which has been quiet longest and has nothing left to tell. Where there is none,
// the count goes to the last entry: then it is not known whose it is, but still exact.
static struct overload_entry *make(struct overload *overload, uint64_t account) {
    struct overload_entry *place = NULL;
    for (size_t i = 0; i < OVERLOAD_ACCOUNTS; i++) {
        struct overload_entry *entry = &overload->entries[i];
        if (!entry->used) {
            place = entry;
            break;
        }
        if (!has_counts(entry) && (place == NULL || entry->last_us < place->last_us)) place = entry;
    }
    bool is_last = place == NULL;
    if (is_last) place = &overload->entries[OVERLOAD_ACCOUNTS];
    if (is_last && place->used) return place;
    *place = (struct overload_entry){
        .account = account,
        .uid = UINT32_MAX,
        .used = true,
        .last_us = INT64_MIN,
        .tell_us = INT64_MIN,
    };
    return place;
}

static struct overload_entry *find_or_make(struct overload *overload, uint64_t account) {
    struct overload_entry *entry = find(overload, account);
    return entry != NULL ? entry : make(overload, account);
}

static void crowd(struct overload *overload, struct overload_entry *entry, int64_t now_us) {
    entry->last_us = now_us;
    atomic_store(&overload->last_us, now_us);
}

void overload_crowds(struct overload *overload, uint64_t account, int64_t now_us) {
    lock(&overload->mutex);
    crowd(overload, find_or_make(overload, account), now_us);
    unlock(&overload->mutex);
}

bool overload_refused(struct overload *overload, const struct overload_refusal *refusal) {
    lock(&overload->mutex);
    struct overload_entry *entry = find_or_make(overload, refusal->account);
    if (entry != &overload->entries[OVERLOAD_ACCOUNTS]) entry->uid = refusal->uid;
    if (!has_counts(entry)) {
        entry->from_ns = refusal->now_ns;
        int64_t soon_us = refusal->now_us + OVERLOAD_FIRST_US;
        if (entry->tell_us < soon_us) entry->tell_us = soon_us;
    }
    *(refusal->denied ? &entry->denied : &entry->allowed) += 1;
    entry->to_ns = refusal->now_ns;
    if (refusal->over_bound) crowd(overload, entry, refusal->now_us);
    bool is_told = entry->audits < OVERLOAD_AUDITS;
    if (is_told) entry->audits++;
    unlock(&overload->mutex);
    return is_told;
}

bool overload_is_crowding(struct overload *overload, uint64_t account, int64_t since_us) {
    lock(&overload->mutex);
    const struct overload_entry *entry = find(overload, account);
    bool is_crowding = entry != NULL && entry->last_us >= since_us;
    unlock(&overload->mutex);
    return is_crowding;
}

bool overload_is_any_crowding(const struct overload *overload, int64_t since_us) {
    return atomic_load(&overload->last_us) >= since_us;
}

bool overload_take(struct overload *overload, int64_t now_us, struct overload_facts *facts) {
    bool is_due = false;
    lock(&overload->mutex);
    for (size_t i = 0; i <= OVERLOAD_ACCOUNTS && !is_due; i++) {
        struct overload_entry *entry = &overload->entries[i];
        if (!entry->used || entry->tell_us > now_us) continue;
        entry->audits = 0;      // an interval has ended, with or without refusals
        is_due = has_counts(entry);
        if (!is_due) continue;
        *facts = (struct overload_facts){entry->uid, entry->denied, entry->allowed, entry->from_ns, entry->to_ns};
        entry->denied = entry->allowed = 0;
        entry->tell_us = now_us + OVERLOAD_EVERY_US;
    }
    unlock(&overload->mutex);
    return is_due;
}
