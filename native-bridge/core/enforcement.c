#include "core/enforcement.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"

// For denials that have not ended: each is one write that never blocks, of a thread that may have to wait for a core.
enum { SETTLE_WITHIN_US = 300000 };

static const char *const state_names[] = {"on", "off", "observing"};
static const char *const cause_names[] = {"none", "administrator", "agent_crashes", "bridge_crashes"};
static const char heading[] = "picket-enforcement 1\n";

void enforcement_init(struct enforcement *enforcement) {
    memset(enforcement, 0, sizeof *enforcement);
    atomic_init(&enforcement->denials, 0);
    atomic_init(&enforcement->is_on, true);
}

bool enforcement_is_on(const struct enforcement *enforcement) {
    return atomic_load(&enforcement->is_on);
}

// In this order: either the switch sees the denial under way, or the denial sees the switch.
bool enforcement_denial_begins(struct enforcement *enforcement) {
    atomic_fetch_add(&enforcement->denials, 1);
    if (atomic_load(&enforcement->is_on)) return true;
    atomic_fetch_sub(&enforcement->denials, 1);
    return false;
}

void enforcement_denial_ends(struct enforcement *enforcement) {
    atomic_fetch_sub(&enforcement->denials, 1);
}

bool enforcement_settle(struct enforcement *enforcement) {
    int64_t until_us = clock_monotonic_us() + SETTLE_WITHIN_US;
    while (atomic_load(&enforcement->denials) > 0) {
        if (clock_monotonic_us() >= until_us) return false;
        (void)sched_yield();
    }
    return true;
}

// Without control characters, which would end a line of the file, and cut between two characters of UTF-8.
static void set_reason(struct enforcement *enforcement, struct bytes reason) {
    size_t length = reason.length < ENFORCEMENT_REASON ? reason.length : ENFORCEMENT_REASON - 1;
    while (length > 0 && length < reason.length && (reason.data[length] & 0xc0) == 0x80) length--;
    for (size_t i = 0; i < length; i++) {
        bool is_control = reason.data[i] < 0x20 || reason.data[i] == 0x7f;
        enforcement->reason[i] = is_control ? ' ' : (char)reason.data[i];
    }
    enforcement->reason[length] = 0;
}

static void take_effect(struct enforcement *enforcement) {
    atomic_store(&enforcement->is_on, enforcement_state_of(enforcement) == ENFORCEMENT_ON);
}

bool enforcement_change(struct enforcement *enforcement, const struct enforcement_change *change) {
    if (enforcement->state == change->state && enforcement->cause == change->cause) return false;
    enforcement->state = change->state;
    enforcement->cause = change->cause;
    enforcement->since_ns = change->now_ns;
    enforcement->uid = change->uid;
    enforcement->pid = change->pid;
    set_reason(enforcement, change->reason);
    take_effect(enforcement);
    return true;
}

void enforcement_forbid(struct enforcement *enforcement, uint64_t now_ns) {
    enforcement->by_kernel_parameter = true;
    enforcement->since_ns = now_ns;
    take_effect(enforcement);
}

enum enforcement_state enforcement_state_of(const struct enforcement *enforcement) {
    return enforcement->by_kernel_parameter ? ENFORCEMENT_OFF : enforcement->state;
}

const char *enforcement_name_of(const struct enforcement *enforcement) {
    return state_names[enforcement_state_of(enforcement)];
}

const char *enforcement_reason_of(const struct enforcement *enforcement) {
    return enforcement->by_kernel_parameter ? "the kernel's command line says picket=off" : enforcement->reason;
}

bool enforcement_asks(const struct enforcement *enforcement) {
    return enforcement_state_of(enforcement) != ENFORCEMENT_OFF && enforcement->cause != CAUSE_BRIDGE_CRASHES;
}

size_t enforcement_write(const struct enforcement *enforcement, char text[ENFORCEMENT_TEXT]) {
    if (enforcement->state == ENFORCEMENT_ON) return 0;
    int length = snprintf(text, ENFORCEMENT_TEXT, "%sstate %s\ncause %s\nsince_ns %" PRIu64 "\nuid %" PRIu32
                          "\npid %" PRIu32 "\nreason %s\n", heading, state_names[enforcement->state],
                          cause_names[enforcement->cause], enforcement->since_ns, enforcement->uid, enforcement->pid,
                          enforcement->reason);
    return (size_t)length;
}

static bool find_name(const char *name, const char *const names[], size_t count, int *found) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *found = (int)i;
        return true;
    }
    return false;
}

static bool understand(struct enforcement *enforcement, const char *text) {
    char state_name[16], cause_name[32];
    uint64_t since_ns;
    uint32_t uid, pid;
    int at = 0, state, cause;
    if (strncmp(text, heading, sizeof heading - 1) != 0) return false;
    if (sscanf(text + sizeof heading - 1, "state %15s cause %31s since_ns %" SCNu64 " uid %" SCNu32 " pid %" SCNu32
               "\nreason%n", state_name, cause_name, &since_ns, &uid, &pid, &at) != 5 || at == 0)
        return false;
    const char *reason = text + sizeof heading - 1 + at;
    const char *end = strchr(reason, '\n');
    if (*reason != ' ' || end == NULL || !find_name(state_name, state_names, 3, &state) ||
        !find_name(cause_name, cause_names, 4, &cause) || state == ENFORCEMENT_ON || cause == CAUSE_NONE)
        return false;
    enforcement->state = (enum enforcement_state)state;
    enforcement->cause = (enum enforcement_cause)cause;
    enforcement->since_ns = since_ns;
    enforcement->uid = uid;
    enforcement->pid = pid;
    set_reason(enforcement, (struct bytes){(const uint8_t *)reason + 1, (size_t)(end - reason - 1)});
    return true;
}

void enforcement_read(struct enforcement *enforcement, const char *text) {
    static const char unknown[] = "the file that keeps the state of enforcement can't be understood";
    if (!understand(enforcement, text)) {
        enforcement->state = ENFORCEMENT_OFF;
        enforcement->cause = CAUSE_ADMINISTRATOR;
        set_reason(enforcement, (struct bytes){(const uint8_t *)unknown, sizeof unknown - 1});
    }
    take_effect(enforcement);
}
