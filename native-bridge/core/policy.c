#include "core/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/messages.h"
#include "core/wire.h"
#include "picket/v1/bridge.pb.h"

// The message is walked twice: first to count and check, then to fill arrays of exactly that size. All slices point
// into one copy of the message, so a policy is four kinds of memory in one block and is freed at once.
struct builder {
    bool filling;
    size_t filesystems, subscriptions, mutes, verdicts, actions, never_denied, reach, asked, tests, values;
    struct bytes *filesystem_list, *mute_list, *never_denied_list, *value_list;
    struct subscription *subscription_list;
    struct static_verdict *verdict_list, *reach_list;
    struct action_settings *action_list;
    struct asked_path *asked_list;
    struct policy_test *test_list;
    const char *problem;        // a sentence, once something is wrong
};

static bool count_one(struct builder *builder, size_t *count, const char *problem) {
    if (*count >= POLICY_MAX_ITEMS) {
        builder->problem = problem;
        return false;
    }
    (*count)++;
    return true;
}

static bool add_bytes(struct builder *builder, struct bytes value, size_t *count, struct bytes *list,
                      const char *problem) {
    if (!count_one(builder, count, problem)) return false;
    if (builder->filling) list[*count - 1] = value;
    return true;
}

// Values of OPERATOR_EQUAL are found by binary search; the length first, for it is cheapest to compare.
static int compare_values(const void *left, const void *right) {
    const struct bytes *a = left, *b = right;
    if (a->length != b->length) return a->length < b->length ? -1 : 1;
    return a->length == 0 ? 0 : memcmp(a->data, b->data, a->length);
}

static bool add_test(struct builder *builder, struct bytes message) {
    if (!count_one(builder, &builder->tests, "it has too many static tests")) return false;
    struct policy_test test = {0};
    size_t first_value = builder->values;
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        switch (field.tag) {
        case picket_v1_StaticTest_subject_tag: test.subject = (uint32_t)wire_field_uint(&field); break;
        case picket_v1_StaticTest_operator_tag: test.operator = (uint32_t)wire_field_uint(&field); break;
        case picket_v1_StaticTest_values_tag:
            if (!add_bytes(builder, wire_field_bytes(&field), &builder->values, builder->value_list,
                           "it has too many values in static tests"))
                return false;
            break;
        default: break;
        }
    }
    if (reader.malformed) builder->problem = "a static test is malformed";
    else if (test.subject < SUBJECT_FILE_PATH || test.subject > SUBJECT_PROCESS_EXECUTABLE)
        builder->problem = "a static test has a subject that this bridge does not know";
    else if (test.operator < OPERATOR_EQUAL || test.operator > OPERATOR_SUFFIX)
        builder->problem = "a static test has an operator that this bridge does not know";
    if (builder->problem != NULL) return false;
    if (builder->filling) {
        struct bytes *values = builder->value_list + first_value;
        test.values = values;
        test.values_count = builder->values - first_value;
        if (test.operator == OPERATOR_EQUAL && test.values_count > 1)
            qsort(values, test.values_count, sizeof *values, compare_values);
        builder->test_list[builder->tests - 1] = test;
    }
    return true;
}

static bool is_answer(uint64_t verdict) {
    return verdict == VERDICT_ALLOW || verdict == VERDICT_DENY;
}

static bool add_static_verdict(struct builder *builder, struct bytes message, size_t *count,
                               struct static_verdict *list, bool needs_verdict) {
    if (!count_one(builder, count, "it has too many static verdicts")) return false;
    struct static_verdict item = {0};
    uint64_t verdict = 0;
    size_t first_test = builder->tests;
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        switch (field.tag) {
        case picket_v1_StaticVerdict_action_tag: item.action = wire_field_bytes(&field); break;
        case picket_v1_StaticVerdict_verdict_tag: verdict = wire_field_uint(&field); break;
        case picket_v1_StaticVerdict_rule_tag: item.rule = wire_field_bytes(&field); break;
        case picket_v1_StaticVerdict_tests_tag:
            if (!add_test(builder, wire_field_bytes(&field))) return false;
            break;
        case picket_v1_StaticVerdict_annotations_tag: item.annotations = wire_field_bytes(&field); break;
        case picket_v1_StaticVerdict_report_tag: item.report = wire_field_uint(&field) != 0; break;
        default: break;
        }
    }
    if (reader.malformed) builder->problem = "a static verdict is malformed";
    else if (item.action.length == 0) builder->problem = "a static verdict names no action";
    else if (!message_is_utf8(item.rule) || !message_annotations_valid(item.annotations))
        builder->problem = "a static verdict's rule or annotations are malformed";
    else if (needs_verdict && !is_answer(verdict)) builder->problem = "a static verdict is neither allow nor deny";
    if (builder->problem != NULL) return false;
    if (builder->filling) {
        item.verdict = verdict == VERDICT_DENY ? VERDICT_DENY : VERDICT_ALLOW;
        item.tests = builder->test_list + first_test;
        item.tests_count = builder->tests - first_test;
        list[*count - 1] = item;
    }
    return true;
}

static bool add_subscription(struct builder *builder, struct bytes message) {
    if (!count_one(builder, &builder->subscriptions, "it has too many subscriptions")) return false;
    struct subscription item = {0};
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        if (field.tag == picket_v1_Subscription_kind_tag) item.kind = (uint32_t)wire_field_uint(&field);
        if (field.tag == picket_v1_Subscription_action_tag) item.action = wire_field_bytes(&field);
        if (field.tag == picket_v1_Subscription_environment_tag) item.environment = wire_field_uint(&field) != 0;
        if (field.tag == picket_v1_Subscription_hashes_tag) item.hashes = (uint32_t)wire_field_uint(&field);
    }
    if (reader.malformed || item.kind == 0 || item.action.length == 0) {
        builder->problem = "a subscription lacks its kind or action";
        return false;
    }
    if (builder->filling) builder->subscription_list[builder->subscriptions - 1] = item;
    return true;
}

static bool add_action(struct builder *builder, struct bytes message) {
    if (!count_one(builder, &builder->actions, "it has too many action settings")) return false;
    struct action_settings item = {.default_verdict = VERDICT_ALLOW};
    uint64_t verdict = VERDICT_ALLOW, wait = 0;
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        switch (field.tag) {
        case picket_v1_ActionSettings_action_tag: item.action = wire_field_bytes(&field); break;
        case picket_v1_ActionSettings_default_verdict_tag: verdict = wire_field_uint(&field); break;
        case picket_v1_ActionSettings_max_wait_us_tag: wait = wire_field_uint(&field); break;
        case picket_v1_ActionSettings_cacheable_tag: item.cacheable = wire_field_uint(&field) != 0; break;
        default: break;
        }
    }
    if (reader.malformed || item.action.length == 0) builder->problem = "settings of an action name no action";
    else if (!is_answer(verdict) && verdict != 0) builder->problem = "a default is neither allow nor deny";
    else if (wait > POLICY_MAX_WAIT_US) builder->problem = "a max_wait is over 60 s";
    if (builder->problem != NULL) return false;
    item.default_verdict = verdict == VERDICT_DENY ? VERDICT_DENY : VERDICT_ALLOW;
    item.max_wait_us = (uint32_t)wait;
    if (builder->filling) builder->action_list[builder->actions - 1] = item;
    return true;
}

static bool add_asked_path(struct builder *builder, struct bytes message) {
    if (!count_one(builder, &builder->asked, "it has too many asked paths")) return false;
    struct asked_path item = {.is_prefix = false};
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        if (field.tag == picket_v1_AskedPath_action_tag) item.action = wire_field_bytes(&field);
        if (field.tag == picket_v1_AskedPath_path_tag) item.path = wire_field_bytes(&field);
        if (field.tag == picket_v1_AskedPath_is_prefix_tag) item.is_prefix = wire_field_uint(&field) != 0;
    }
    if (reader.malformed || item.action.length == 0 || item.path.length == 0) {
        builder->problem = "an asked path lacks its path or action";
        return false;
    }
    if (builder->filling) builder->asked_list[builder->asked - 1] = item;
    return true;
}

static struct bytes mute_prefix(struct bytes message) {
    struct bytes prefix = {NULL, 0};
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field))
        if (field.tag == picket_v1_Mute_executable_prefix_tag) prefix = wire_field_bytes(&field);
    return prefix;
}

static struct bytes filesystem_path(struct bytes message) {
    struct bytes path = {NULL, 0};
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field))
        if (field.tag == picket_v1_GuardedFilesystem_path_tag) path = wire_field_bytes(&field);
    return path;
}

// What stands in the message alone, and not in lists.
struct policy_head {
    uint64_t epoch;
    bool guard_local;
    uint64_t new_mounts, deadline_miss;
};

static bool walk(struct builder *builder, struct bytes message, struct policy_head *head) {
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        struct bytes value = wire_field_bytes(&field);
        bool good = true;
        switch (field.tag) {
        case picket_v1_Policy_epoch_tag: head->epoch = wire_field_uint(&field); break;
        case picket_v1_Policy_guard_local_tag: head->guard_local = wire_field_uint(&field) != 0; break;
        case picket_v1_Policy_new_mounts_tag: head->new_mounts = wire_field_uint(&field); break;
        case picket_v1_Policy_deadline_miss_tag: head->deadline_miss = wire_field_uint(&field); break;
        case picket_v1_Policy_guarded_filesystems_tag:
            good = add_bytes(builder, filesystem_path(value), &builder->filesystems, builder->filesystem_list,
                             "it has too many guarded filesystems");
            break;
        case picket_v1_Policy_subscriptions_tag: good = add_subscription(builder, value); break;
        case picket_v1_Policy_mutes_tag:
            good = add_bytes(builder, mute_prefix(value), &builder->mutes, builder->mute_list,
                             "it has too many mutes");
            break;
        case picket_v1_Policy_static_verdicts_tag:
            good = add_static_verdict(builder, value, &builder->verdicts, builder->verdict_list, true);
            break;
        case picket_v1_Policy_actions_tag: good = add_action(builder, value); break;
        case picket_v1_Policy_never_denied_tag:
            good = add_bytes(builder, value, &builder->never_denied, builder->never_denied_list,
                             "it has too many files that are never denied");
            break;
        case picket_v1_Policy_deny_reach_tag:
            good = add_static_verdict(builder, value, &builder->reach, builder->reach_list, false);
            break;
        case picket_v1_Policy_asked_paths_tag: good = add_asked_path(builder, value); break;
        default: break;
        }
        if (!good) return false;
    }
    if (reader.malformed) builder->problem = "the message is malformed";
    return builder->problem == NULL;
}

// Hands out `count` objects from the block, each array aligned as malloc aligns.
static void *carve(uint8_t **next, size_t count, size_t size) {
    void *array = *next;
    size_t bytes = count * size;
    *next += (bytes + 15) & ~(size_t)15;
    return array;
}

static size_t rounded(size_t count, size_t size) {
    return (count * size + 15) & ~(size_t)15;   // count is at most POLICY_MAX_ITEMS: no overflow
}

static struct policy *allocate(const struct builder *counted, struct bytes message, struct builder *filler,
                               struct bytes *copy) {
    size_t total = rounded(1, sizeof(struct policy)) + rounded(message.length, 1) +
                   rounded(counted->filesystems, sizeof(struct bytes)) + rounded(counted->mutes, sizeof(struct bytes)) +
                   rounded(counted->never_denied, sizeof(struct bytes)) +
                   rounded(counted->values, sizeof(struct bytes)) +
                   rounded(counted->subscriptions, sizeof(struct subscription)) +
                   rounded(counted->verdicts, sizeof(struct static_verdict)) +
                   rounded(counted->reach, sizeof(struct static_verdict)) +
                   rounded(counted->actions, sizeof(struct action_settings)) +
                   rounded(counted->asked, sizeof(struct asked_path)) +
                   rounded(counted->tests, sizeof(struct policy_test));
    uint8_t *next = calloc(1, total);
    if (next == NULL) return NULL;
    struct policy *policy = carve(&next, 1, sizeof *policy);
    uint8_t *text = carve(&next, message.length, 1);
    if (message.length > 0) memcpy(text, message.data, message.length);
    *copy = (struct bytes){text, message.length};
    *filler = (struct builder){
        .filling = true,
        .filesystem_list = carve(&next, counted->filesystems, sizeof(struct bytes)),
        .mute_list = carve(&next, counted->mutes, sizeof(struct bytes)),
        .never_denied_list = carve(&next, counted->never_denied, sizeof(struct bytes)),
        .value_list = carve(&next, counted->values, sizeof(struct bytes)),
        .subscription_list = carve(&next, counted->subscriptions, sizeof(struct subscription)),
        .verdict_list = carve(&next, counted->verdicts, sizeof(struct static_verdict)),
        .reach_list = carve(&next, counted->reach, sizeof(struct static_verdict)),
        .action_list = carve(&next, counted->actions, sizeof(struct action_settings)),
        .asked_list = carve(&next, counted->asked, sizeof(struct asked_path)),
        .test_list = carve(&next, counted->tests, sizeof(struct policy_test)),
    };
    return policy;
}

struct policy *policy_decode(struct bytes message, char *error, size_t error_size) {
    struct builder counted = {0}, filler;
    struct policy *policy = NULL;
    struct bytes copy;
    struct policy_head head = {0};
    if (!walk(&counted, message, &head)) goto refused;
    if (head.epoch == 0) {
        counted.problem = "its epoch is missing";
        goto refused;
    }
    if (head.new_mounts > NEW_MOUNTS_IGNORE) {
        counted.problem = "it has an order for new mounts that this bridge does not know";
        goto refused;
    }
    if (head.deadline_miss > DEADLINE_MISS_DENY) {
        counted.problem = "it has an order for missed deadlines that this bridge does not know";
        goto refused;
    }
    policy = allocate(&counted, message, &filler, &copy);
    if (policy == NULL) {
        counted.problem = "there is not enough memory for it";
        goto refused;
    }
    (void)walk(&filler, copy, &head);   // the same bytes were just checked
    atomic_init(&policy->references, 1);
    policy->epoch = head.epoch;
    policy->guard_local = head.guard_local;
    policy->new_mounts = head.new_mounts == 0 ? NEW_MOUNTS_REPORT : (enum new_mounts)head.new_mounts;
    policy->deadline_miss = head.deadline_miss == 0 ? DEADLINE_MISS_KILL : (enum deadline_miss)head.deadline_miss;
    policy->guarded_filesystems = filler.filesystem_list;
    policy->guarded_filesystems_count = filler.filesystems;
    policy->subscriptions = filler.subscription_list;
    policy->subscriptions_count = filler.subscriptions;
    policy->mutes = filler.mute_list;
    policy->mutes_count = filler.mutes;
    policy->static_verdicts = filler.verdict_list;
    policy->static_verdicts_count = filler.verdicts;
    policy->actions = filler.action_list;
    policy->actions_count = filler.actions;
    policy->never_denied = filler.never_denied_list;
    policy->never_denied_count = filler.never_denied;
    policy->deny_reach = filler.reach_list;
    policy->deny_reach_count = filler.reach;
    policy->asked_paths = filler.asked_list;
    policy->asked_paths_count = filler.asked;
    return policy;
refused:
    (void)snprintf(error, error_size, "the policy is refused: %s", counted.problem);
    return NULL;
}

struct policy *policy_ref(const struct policy *policy) {
    struct policy *counted = (struct policy *)(uintptr_t)policy;
    if (counted != NULL) atomic_fetch_add(&counted->references, 1);
    return counted;
}

void policy_unref(struct policy *policy) {
    if (policy != NULL && atomic_fetch_sub(&policy->references, 1) == 1) free(policy);
}
