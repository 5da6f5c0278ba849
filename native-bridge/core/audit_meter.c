#include "core/audit_meter.h"

#include <stddef.h>
#include <string.h>

#include "core/lock.h"

void audit_meter_init(struct audit_meter *meter) {
    memset(meter, 0, sizeof *meter);
    lock_init(&meter->mutex);
}

// FNV-1a. Nobody but who writes the rules chooses what is hashed, so it needs no secret.
static uint64_t hash(uint64_t account, struct bytes rule) {
    uint64_t value = 0xcbf29ce484222325u ^ account;
    value *= 0x100000001b3u;
    for (size_t i = 0; i < rule.length; i++) value = (value ^ rule.data[i]) * 0x100000001b3u;
    return value ^ value >> 32;
}

bool audit_meter_take(struct audit_meter *meter, uint64_t account, struct bytes rule, int64_t now_us) {
    struct audit_bucket *bucket = &meter->buckets[hash(account, rule) % AUDIT_METER_BUCKETS];
    const int64_t whole_us = (int64_t)AUDIT_METER_BURST * AUDIT_METER_EACH_US;
    lock(&meter->mutex);
    int64_t full_at_us = bucket->full_at_us > now_us ? bucket->full_at_us : now_us;
    bool may = full_at_us + AUDIT_METER_EACH_US - now_us <= whole_us;
    if (may) bucket->full_at_us = full_at_us + AUDIT_METER_EACH_US;
    unlock(&meter->mutex);
    return may;
}
