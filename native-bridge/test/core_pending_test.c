#include <pthread.h>
#include <string.h>

#include "core/pending.h"
#include "test/core_check.h"

static const struct pending_limits limits = {.slots = 32, .per_user = 8, .slot_bytes = 256, .large_count = 4, .large_bytes = 4096};
static const uint8_t text[8192] = {1, 2, 3};

static void give_up(struct pending *pending, struct request *request) {
    pending_release(pending, request);
    pending_release(pending, request);
}

static void bounds(void) {
    struct pending pending;
    struct request *held[64];
    size_t count = 0;
    CHECK_EQUAL(pending_init(&pending, &limits), 0);
    // Three users have their whole bound until the last of what is not root's: of that a newcomer has an eighth of it.
    for (uint64_t account = 1; account < 3; account++) {
        for (int i = 0; i < 8; i++) {
            held[count] = pending_admit(&pending, account, (struct bytes){text, 10});
            CHECK(held[count++] != NULL);
        }
        CHECK(pending_admit(&pending, account, (struct bytes){text, 10}) == NULL);
    }
    for (uint64_t account = 3; account < 11; account++) {
        held[count] = pending_admit(&pending, account, (struct bytes){text, 10});
        CHECK(held[count++] != NULL);
        CHECK(pending_admit(&pending, account, (struct bytes){text, 10}) == NULL);
    }
    // All of the others' share is taken, and root's is untouched.
    CHECK(pending_admit(&pending, 99, (struct bytes){text, 10}) == NULL);
    for (int i = 0; i < 8; i++) {
        held[count] = pending_admit(&pending, 0, (struct bytes){text, 10});
        CHECK(held[count++] != NULL);
    }
    CHECK(pending_admit(&pending, 0, (struct bytes){text, 10}) == NULL);
    CHECK_EQUAL(pending_count(&pending), 32);
    while (count > 0) give_up(&pending, held[--count]);
    CHECK_EQUAL(pending_count(&pending), 0);
    struct request *large[2];
    for (int i = 0; i < 2; i++) CHECK((large[i] = pending_admit(&pending, 1, (struct bytes){text, 4096})) != NULL);
    CHECK(memcmp(large[0]->event, text, 4096) == 0 && large[0]->event != large[1]->event);
    CHECK(pending_admit(&pending, 1, (struct bytes){text, 257}) == NULL);     // the other half is for other users
    struct request *others[2];
    for (int i = 0; i < 2; i++) CHECK((others[i] = pending_admit(&pending, 2, (struct bytes){text, 257})) != NULL);
    CHECK(pending_admit(&pending, 3, (struct bytes){text, 257}) == NULL);
    for (int i = 0; i < 2; i++) give_up(&pending, others[i]);
    CHECK(pending_admit(&pending, 1, (struct bytes){text, 4097}) == NULL);
    for (int i = 0; i < 2; i++) give_up(&pending, large[i]);
    CHECK((large[0] = pending_admit(&pending, 1, (struct bytes){text, 4096})) != NULL);
    give_up(&pending, large[0]);
    pending_free(&pending);
    CHECK_EQUAL(pending_limits_for(2).per_user, 64);
    CHECK_EQUAL(pending_limits_for(2).slots, 256);
    CHECK_EQUAL(pending_limits_for(64).per_user, 256);
    holds("requests are bounded for a user and in all, long events too, a user to half of those, and every slot comes back");
    holds("root's share is nobody else's, and a few who ask as much as they may leave room for a stranger");
}

static void in_turn(void) {
    struct pending pending;
    struct request *held[4];
    CHECK_EQUAL(pending_init(&pending, &limits), 0);
    for (int i = 0; i < 4; i++) {
        held[i] = pending_admit(&pending, 7, (struct bytes){text, 1});
        pending_open(held[i], 10, 10);
    }
    CHECK_EQUAL(pending_with_agent(&pending, 7), 0);
    held[0]->sent = held[1]->sent = true;
    CHECK_EQUAL(pending_with_agent(&pending, 7), 2);
    CHECK_EQUAL(pending_with_agent(&pending, 8), 0);
    atomic_store(&held[1]->slow, SLOW_SENT);
    CHECK_EQUAL(pending_with_agent(&pending, 7), 1);
    struct request *next = pending_next_unsent(&pending, 7);
    CHECK(next == held[2] && pending_next_unsent(&pending, 8) == NULL);
    CHECK(pending_claim(next, next->id));
    pending_release(&pending, next);
    next = pending_next_unsent(&pending, 7);
    CHECK(next == held[3]);
    pending_release(&pending, next);
    for (int i = 0; i < 4; i++) give_up(&pending, held[i]);
    pending_free(&pending);
    holds("the oldest that waits for its turn is next; what was answered or went to the slow lane is not with the agent");
}

static void found_until_claimed(void) {
    struct pending pending;
    struct request *all[32];
    CHECK_EQUAL(pending_init(&pending, &limits), 0);
    for (int round = 0; round < 1000; round++) {
        struct request *request = pending_admit(&pending, 5, (struct bytes){text, 3});
        uint64_t id = request->id;
        CHECK(pending_find(&pending, id) == NULL);      // not open yet
        pending_open(request, 50, 100);
        CHECK_EQUAL(pending_earliest(&pending), 50);
        CHECK(pending_pressing(&pending, 49) == NULL);
        struct request *found = pending_pressing(&pending, 50);
        CHECK(found == request);
        pending_release(&pending, found);
        CHECK(pending_pressing(&pending, 99) == NULL);      // given once, and once again when told
        pending_press_again(request, 70);
        CHECK(pending_pressing(&pending, 69) == NULL);
        found = pending_pressing(&pending, 70);
        CHECK(found == request);
        pending_release(&pending, found);
        CHECK_EQUAL(pending_earliest(&pending), 100);
        CHECK(pending_expired(&pending, 99) == NULL);
        found = pending_find(&pending, id);
        CHECK(found == request);
        pending_release(&pending, found);
        CHECK_EQUAL(pending_all(&pending, all, 32), 1);
        pending_release(&pending, all[0]);
        found = pending_expired(&pending, 100);
        CHECK(found == request);
        pending_extend(found, INT64_MAX, 200);
        CHECK(pending_expired(&pending, 199) == NULL);
        CHECK(pending_claim(found, id) && !pending_claim(found, id));
        pending_extend(found, 300, 300);        // too late: who claimed it has answered
        CHECK_EQUAL(pending_earliest(&pending), INT64_MAX);
        pending_release(&pending, found);
        pending_note_answered(&pending, id);
        CHECK(pending_find(&pending, id) == NULL && pending_expired(&pending, INT64_MAX - 1) == NULL);
        CHECK(pending_was_answered(&pending, id) && !pending_was_answered(&pending, id + 1));
        give_up(&pending, request);
    }
    CHECK(pending_find(&pending, 0) == NULL && !pending_was_answered(&pending, 0));
    pending_free(&pending);
    holds("a request is found by its id until it is claimed, and remembered after");
}

// Guard and verdict race over the same table: every request is answered, each exactly once.
enum { REQUESTS = 20000, RACERS = 3 };

static struct {
    struct pending pending;
    _Atomic uint64_t latest_id;
    atomic_int answers[REQUESTS];
    atomic_bool extended[REQUESTS];
    atomic_int answered;
    atomic_bool done;
} race;

static void answer(struct request *request, uint64_t id) {
    if (!pending_claim(request, id)) return;
    atomic_fetch_add(&race.answers[request->token], 1);
    atomic_fetch_add(&race.answered, 1);
    pending_release(&race.pending, request);    // the claim's
}

static void *verdicts(void *argument) {
    (void)argument;
    while (!atomic_load(&race.done)) {
        uint64_t id = atomic_load(&race.latest_id);
        struct request *request = pending_find(&race.pending, id);
        if (request == NULL) continue;
        answer(request, id);
        pending_release(&race.pending, request);
    }
    return NULL;
}

static void *guard(void *argument) {
    (void)argument;
    while (!atomic_load(&race.done)) {
        struct request *request = pending_expired(&race.pending, 1000);
        if (request == NULL) continue;
        // Some are given more time once, while the verdicts race for them.
        if (request->token % 3 == 0 && atomic_exchange(&race.extended[request->token], true) == false)
            pending_extend(request, INT64_MAX, 900);
        else
            answer(request, request->id);
        pending_release(&race.pending, request);
    }
    return NULL;
}

static void exactly_once(void) {
    pthread_t threads[RACERS];
    CHECK_EQUAL(pending_init(&race.pending, &limits), 0);
    CHECK_EQUAL(pthread_create(&threads[0], NULL, verdicts, NULL), 0);
    CHECK_EQUAL(pthread_create(&threads[1], NULL, verdicts, NULL), 0);
    CHECK_EQUAL(pthread_create(&threads[2], NULL, guard, NULL), 0);
    for (uint64_t token = 0; token < REQUESTS;) {
        struct request *request = pending_admit(&race.pending, (uint32_t)token % 7, (struct bytes){text, token % 256});
        if (request == NULL) continue;
        request->token = token++;
        uint64_t id = request->id;
        pending_open(request, INT64_MAX, (int64_t)random_below(2000) < 1000 ? 500 : 1000);
        atomic_store(&race.latest_id, id);
        pending_release(&race.pending, request);
    }
    while (atomic_load(&race.answered) < REQUESTS) {
    }
    atomic_store(&race.done, true);
    for (int i = 0; i < RACERS; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < REQUESTS; i++) CHECK_EQUAL(atomic_load(&race.answers[i]), 1);
    CHECK_EQUAL(pending_count(&race.pending), 0);
    CHECK_EQUAL(pending_earliest(&race.pending), INT64_MAX);
    pending_free(&race.pending);
    holds("guard and verdict race, and each request is answered exactly once");
}

static void by_arrival(void) {
    struct pending pending;
    struct request *all[32];
    CHECK_EQUAL(pending_init(&pending, &limits), 0);
    for (uint32_t i = 0; i < 32; i++) {
        // Root's share last: the others' is not crowded by one of each.
        struct request *request = pending_admit(&pending, i < 24 ? i + 1 : 0, (struct bytes){text, 1});
        request->token = i;
        pending_open(request, 10, 10);
        pending_release(&pending, request);
    }
    CHECK_EQUAL(pending_all(&pending, all, 32), 32);
    for (uint32_t i = 0; i < 32; i++) {
        CHECK_EQUAL(all[i]->token, i);
        pending_release(&pending, all[i]);
    }
    pending_free(&pending);
    holds("requests are asked again in the order in which they came");
}

int main(void) {
    bounds();
    in_turn();
    found_until_claimed();
    by_arrival();
    exactly_once();
    return 0;
}
