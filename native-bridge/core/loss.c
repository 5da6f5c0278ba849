#include "core/loss.h"

#include <string.h>

static void merge(struct loss *into, const struct loss *loss) {
    into->count += loss->count;
    if (loss->first_sequence != 0 && (into->first_sequence == 0 || loss->first_sequence < into->first_sequence))
        into->first_sequence = loss->first_sequence;
    if (loss->last_sequence > into->last_sequence) into->last_sequence = loss->last_sequence;
    if (loss->from_ns < into->from_ns) into->from_ns = loss->from_ns;
    if (loss->to_ns > into->to_ns) into->to_ns = loss->to_ns;
}

// Counted and uncounted losses stay apart: "at least one" added to 5 would be a lie either way.
static bool same_sort(const struct loss *a, const struct loss *b) {
    return (a->count == 0) == (b->count == 0);
}

void loss_add(struct loss_ledger *ledger, const struct loss *loss) {
    for (size_t i = 0; i < ledger->count; i++) {
        struct loss *entry = &ledger->entries[i];
        if (entry->kind == loss->kind && same_sort(entry, loss) && strcmp(entry->cause, loss->cause) == 0 &&
            strcmp(entry->action, loss->action) == 0) {
            merge(entry, loss);
            return;
        }
    }
    if (ledger->count < LOSS_ENTRIES) {
        ledger->entries[ledger->count++] = *loss;
        return;
    }
    struct loss *victim = &ledger->entries[LOSS_ENTRIES - 1];
    for (size_t i = 0; i < ledger->count; i++) {
        struct loss *entry = &ledger->entries[i];
        if (!same_sort(entry, loss) || strcmp(entry->cause, loss->cause) != 0) continue;
        victim = entry;
        if (entry->kind == loss->kind) break;
    }
    if (strcmp(victim->cause, loss->cause) != 0) victim->cause = "several";
    if (victim->kind != loss->kind) victim->kind = 0;
    victim->action = "";
    merge(victim, loss);
}

void loss_move(struct loss_ledger *from, struct loss_ledger *into) {
    for (size_t i = 0; i < from->count; i++) loss_add(into, &from->entries[i]);
    from->count = 0;
}

// Two ledgers are enough: while the first waits for its event, all that is sent waits together for a later one.
void sent_losses_add(struct sent_losses *sent, struct loss_ledger *ledger, uint64_t with) {
    if (ledger->count == 0) return;
    bool is_first = sent->first.count == 0;
    loss_move(ledger, is_first ? &sent->first : &sent->later);
    *(is_first ? &sent->first_with : &sent->later_with) = with;
}

void sent_losses_accepted(struct sent_losses *sent, uint64_t through) {
    if (through >= sent->first_with) {
        sent->first.count = 0;
        loss_move(&sent->later, &sent->first);
        sent->first_with = sent->later_with;
    }
    if (through >= sent->first_with) sent->first.count = 0;
}

void sent_losses_take_back(struct sent_losses *sent, struct loss_ledger *ledger) {
    loss_move(&sent->first, ledger);
    loss_move(&sent->later, ledger);
}
