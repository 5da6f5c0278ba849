// How events are held against a policy. Pure: no state, no I/O.
#include <stdlib.h>
#include <string.h>

#include "core/policy.h"
#include "core/wire.h"

static const struct subscription *subscription_to(const struct policy *policy, uint32_t kind, const char *action) {
    for (size_t i = 0; policy != NULL && i < policy->subscriptions_count; i++) {
        const struct subscription *subscription = &policy->subscriptions[i];
        if (subscription->kind == kind && bytes_equal_text(subscription->action, action)) return subscription;
    }
    return NULL;
}

bool policy_subscribes(const struct policy *policy, uint32_t kind, const char *action) {
    return subscription_to(policy, kind, action) != NULL;
}

bool policy_wants_environment(const struct policy *policy, uint32_t kind, const char *action) {
    const struct subscription *subscription = subscription_to(policy, kind, action);
    return subscription != NULL && subscription->environment;
}

uint32_t policy_hashes(const struct policy *policy, uint32_t kind, const char *action) {
    const struct subscription *subscription = subscription_to(policy, kind, action);
    return subscription == NULL ? 0 : subscription->hashes;
}

static bool has_prefix(struct bytes text, struct bytes prefix) {
    return prefix.length <= text.length &&
           (prefix.length == 0 || memcmp(text.data, prefix.data, prefix.length) == 0);
}

static bool has_suffix(struct bytes text, struct bytes suffix) {
    return suffix.length <= text.length &&
           (suffix.length == 0 || memcmp(text.data + text.length - suffix.length, suffix.data, suffix.length) == 0);
}

bool policy_mutes(const struct policy *policy, struct bytes executable) {
    if (policy == NULL) return false;
    for (size_t i = 0; i < policy->mutes_count; i++)
        if (policy->mutes[i].length > 0 && has_prefix(executable, policy->mutes[i])) return true;
    return false;
}

// Sorted as policy.c sorts: by length, then bytes.
static bool is_among(struct bytes text, const struct bytes *values, size_t count) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct bytes *value = &values[middle];
        int order = value->length != text.length ? (value->length < text.length ? -1 : 1)
                    : text.length == 0           ? 0
                                                 : memcmp(value->data, text.data, text.length);
        if (order == 0) return true;
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return false;
}

static bool any_value_holds(const struct policy_test *test, struct bytes text) {
    if (test->operator == OPERATOR_EQUAL) return is_among(text, test->values, test->values_count);
    for (size_t i = 0; i < test->values_count; i++) {
        if (test->operator == OPERATOR_PREFIX ? has_prefix(text, test->values[i]) : has_suffix(text, test->values[i]))
            return true;
    }
    return false;
}

// `unresolved`: what the test gives where its subject is not known.
static bool test_holds(const struct policy_test *test, const struct auth_subject *subject, bool unresolved) {
    if (test->subject == SUBJECT_FILE_PATH) {
        if (subject->file_path_unresolved) return unresolved && test->values_count > 0;
        return any_value_holds(test, subject->file_path);
    }
    // The acting image: for exec that is the image that calls exec, so the image asked about is the file. A test on
    // what the event does not offer never holds.
    bool is_exec = strcmp(subject->action, "exec") == 0;
    if (is_exec != (test->subject == SUBJECT_PREVIOUS_EXECUTABLE)) {
        if (!is_exec) return false;
        if (subject->file_path_unresolved) return unresolved && test->values_count > 0;
        return any_value_holds(test, subject->file_path);
    }
    if (subject->executable_unresolved) return unresolved && test->values_count > 0;
    return any_value_holds(test, subject->executable);
}

static bool all_tests_hold(const struct static_verdict *item, const struct auth_subject *subject, bool unresolved) {
    for (size_t i = 0; i < item->tests_count; i++)
        if (!test_holds(&item->tests[i], subject, unresolved)) return false;
    return true;
}

const struct static_verdict *policy_static_verdict(const struct policy *policy, const struct auth_subject *subject) {
    if (policy == NULL) return NULL;
    for (size_t i = 0; i < policy->static_verdicts_count; i++) {
        const struct static_verdict *item = &policy->static_verdicts[i];
        if (bytes_equal_text(item->action, subject->action) &&
            all_tests_hold(item, subject, item->verdict == VERDICT_DENY))
            return item;
    }
    return NULL;
}

bool policy_deny_could_reach(const struct policy *policy, const struct auth_subject *subject) {
    if (policy == NULL) return false;
    bool any_for_action = false;
    for (size_t i = 0; i < policy->deny_reach_count; i++) {
        const struct static_verdict *item = &policy->deny_reach[i];
        if (!bytes_equal_text(item->action, subject->action)) continue;
        if (all_tests_hold(item, subject, true)) return true;
        any_for_action = true;
    }
    return !any_for_action;
}

// Does text begin with the folder and a slash, or is it the mount point itself, which may be a file's?
static bool is_at_or_below(struct bytes text, struct bytes folder) {
    if (folder.length == 1) return text.length > 0 && text.data[0] == '/';     // the root
    return has_prefix(text, folder) && (text.length == folder.length || text.data[folder.length] == '/');
}

// Does the folder with a slash behind it begin with the text?
static bool begins_folder(struct bytes text, struct bytes folder) {
    bool has_slash = text.length == folder.length + 1 && text.data[folder.length] == '/';
    return has_prefix(folder, text) || (has_slash && has_prefix(text, folder));
}

bool policy_asks_below(const struct policy *policy, const char *action, struct bytes folder) {
    bool any_for_action = false;
    for (size_t i = 0; i < policy->asked_paths_count; i++) {
        const struct asked_path *item = &policy->asked_paths[i];
        if (!bytes_equal_text(item->action, action)) continue;
        if (is_at_or_below(item->path, folder) || (item->is_prefix && begins_folder(item->path, folder))) return true;
        any_for_action = true;
    }
    return !any_for_action;
}

struct action_settings policy_action_settings(const struct policy *policy, const char *action) {
    uint32_t wait = strcmp(action, "exec") == 0 ? POLICY_DEFAULT_WAIT_EXEC_US : POLICY_DEFAULT_WAIT_US;
    struct action_settings settings = {bytes_of_text(action), VERDICT_ALLOW, wait, false};
    if (policy == NULL) return settings;
    for (size_t i = 0; i < policy->actions_count; i++) {
        if (!bytes_equal_text(policy->actions[i].action, action)) continue;
        settings.default_verdict = policy->actions[i].default_verdict;
        if (policy->actions[i].max_wait_us > 0) settings.max_wait_us = policy->actions[i].max_wait_us;
        settings.cacheable = policy->actions[i].cacheable;
        break;
    }
    return settings;
}
