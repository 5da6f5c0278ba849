#include <string.h>

#include "core/event_encoder.h"
#include "core/policy.h"
#include "core/wire.h"
#include "picket/v1/bridge.pb.h"
#include "test/core_check.h"

static uint8_t buffer[1 << 20];
static char error[256];

static struct bytes of(const char *text) {
    return bytes_of_text(text);
}

// One static verdict with one test.
static void put_static(struct wire_writer *writer, uint32_t tag, const char *action, enum verdict verdict,
                       const char *rule, uint32_t subject, uint32_t operator, const char *const *values) {
    size_t item = wire_begin(writer, tag);
    wire_text(writer, picket_v1_StaticVerdict_action_tag, action);
    wire_uint(writer, picket_v1_StaticVerdict_verdict_tag, verdict);
    wire_text(writer, picket_v1_StaticVerdict_rule_tag, rule);
    size_t test = wire_begin(writer, picket_v1_StaticVerdict_tests_tag);
    wire_uint(writer, picket_v1_StaticTest_subject_tag, subject);
    wire_uint(writer, picket_v1_StaticTest_operator_tag, operator);
    for (; *values != NULL; values++) wire_bytes_always(writer, picket_v1_StaticTest_values_tag, of(*values));
    wire_end(writer, test);
    wire_end(writer, item);
}

static struct wire_writer begin(uint64_t epoch) {
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof buffer);
    wire_uint(&writer, picket_v1_Policy_epoch_tag, epoch);
    return writer;
}

static struct policy *decode(const struct wire_writer *writer) {
    CHECK(!writer->overflow);
    struct policy *policy = policy_decode((struct bytes){writer->data, writer->length}, error, sizeof error);
    if (policy == NULL) fprintf(stderr, "%s\n", error);
    CHECK(policy != NULL);
    return policy;
}

static const char *rule_for(const struct policy *policy, const struct auth_subject *subject) {
    static char name[64];
    const struct static_verdict *found = policy_static_verdict(policy, subject);
    if (found == NULL) return "";
    memcpy(name, found->rule.data, found->rule.length);
    name[found->rule.length] = 0;
    return name;
}

static struct auth_subject open_of(const char *path, const char *executable) {
    return (struct auth_subject){.action = "open", .file_path = of(path), .executable = of(executable), .remaining_us = -1};
}

static void matching(void) {
    struct wire_writer writer = begin(1);
    static const char *const equal[] = {"/etc/shadow", "/b", "/etc/shadow2", "", NULL}, *const prefix[] = {"/secret/", NULL},
                       *const suffix[] = {".key", ".pem", NULL}, *const shells[] = {"/bin/sh", NULL};
    put_static(&writer, picket_v1_Policy_static_verdicts_tag, "open", VERDICT_ALLOW, "allow-b", 1, 1, (const char *const[]){"/b", NULL});
    put_static(&writer, picket_v1_Policy_static_verdicts_tag, "open", VERDICT_DENY, "equal", 1, 1, equal);
    put_static(&writer, picket_v1_Policy_static_verdicts_tag, "open", VERDICT_DENY, "prefix", 1, 2, prefix);
    put_static(&writer, picket_v1_Policy_static_verdicts_tag, "open", VERDICT_DENY, "suffix", 1, 3, suffix);
    put_static(&writer, picket_v1_Policy_static_verdicts_tag, "open", VERDICT_DENY, "actor", 3, 1, shells);
    put_static(&writer, picket_v1_Policy_static_verdicts_tag, "exec", VERDICT_DENY, "caller", 2, 1, shells);
    put_static(&writer, picket_v1_Policy_static_verdicts_tag, "exec", VERDICT_DENY, "image", 3, 2, prefix);
    struct policy *policy = decode(&writer);
    static const struct { const char *path, *executable, *rule; } cases[] = {
        {"/etc/shadow", "/x", "equal"}, {"/etc/shadow2", "/x", "equal"}, {"/etc/shadow3", "/x", ""}, {"", "/x", "equal"},
        {"/b", "/x", "allow-b"}, {"/secret/", "/x", "prefix"}, {"/secret", "/x", ""}, {"/secret/a/b", "/x", "prefix"},
        {"/x.key", "/x", "suffix"}, {".pem", "/x", "suffix"}, {"/key", "/x", ""}, {"/free", "/bin/sh", "actor"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct auth_subject subject = open_of(cases[i].path, cases[i].executable);
        if (strcmp(rule_for(policy, &subject), cases[i].rule) != 0) {
            fprintf(stderr, "open %s by %s: '%s'\n", cases[i].path, cases[i].executable, rule_for(policy, &subject));
            exit(1);
        }
    }
    struct auth_subject exec = {.action = "exec", .file_path = of("/secret/tool"), .executable = of("/bin/bash")};
    CHECK(strcmp(rule_for(policy, &exec), "image") == 0);
    exec.executable = of("/bin/sh");
    CHECK(strcmp(rule_for(policy, &exec), "caller") == 0);
    policy_unref(policy);
    holds("the first static verdict whose tests hold answers: equal, prefix, suffix; file, actor, caller");
}

static void unresolved(void) {
    static const char *const secret[] = {"/secret/", NULL}, *const shells[] = {"/bin/sh", NULL};
    struct wire_writer writer = begin(1);
    put_static(&writer, picket_v1_Policy_static_verdicts_tag, "open", VERDICT_ALLOW, "allow", 1, 2, secret);
    put_static(&writer, picket_v1_Policy_static_verdicts_tag, "open", VERDICT_DENY, "deny", 1, 2, secret);
    put_static(&writer, picket_v1_Policy_static_verdicts_tag, "open", VERDICT_DENY, "actor", 3, 1, shells);
    struct policy *policy = decode(&writer);
    struct auth_subject subject = open_of("/anything", "/x");
    CHECK(strcmp(rule_for(policy, &subject), "") == 0);
    subject.file_path_unresolved = true;
    CHECK(strcmp(rule_for(policy, &subject), "deny") == 0);
    subject.file_path_unresolved = false;
    subject.executable_unresolved = true;
    CHECK(strcmp(rule_for(policy, &subject), "actor") == 0);
    policy_unref(policy);
    holds("what is unresolved may hold: enough for a deny, not for an allow");
}

static void settings(void) {
    struct wire_writer writer = begin(7);
    size_t mark = wire_begin(&writer, picket_v1_Policy_actions_tag);
    wire_text(&writer, picket_v1_ActionSettings_action_tag, "open");
    wire_uint(&writer, picket_v1_ActionSettings_default_verdict_tag, VERDICT_DENY);
    wire_uint(&writer, picket_v1_ActionSettings_max_wait_us_tag, 1234);
    wire_end(&writer, mark);
    mark = wire_begin(&writer, picket_v1_Policy_subscriptions_tag);
    wire_uint(&writer, picket_v1_Subscription_kind_tag, EVENT_AUTH);
    wire_text(&writer, picket_v1_Subscription_action_tag, "open");
    wire_end(&writer, mark);
    mark = wire_begin(&writer, picket_v1_Policy_mutes_tag);
    wire_text(&writer, picket_v1_Mute_executable_prefix_tag, "/usr/lib/");
    wire_end(&writer, mark);
    wire_text(&writer, picket_v1_Policy_never_denied_tag, "/lib/ld.so");
    wire_bool(&writer, picket_v1_Policy_guard_local_tag, true);
    wire_uint(&writer, picket_v1_Policy_new_mounts_tag, NEW_MOUNTS_IGNORE);
    static const char *const data[] = {"/data/", NULL};
    put_static(&writer, picket_v1_Policy_deny_reach_tag, "open", 0, "", 1, 2, data);
    struct policy *policy = decode(&writer);
    CHECK_EQUAL(policy->epoch, 7);
    CHECK(policy->guard_local && policy->new_mounts == NEW_MOUNTS_IGNORE);
    CHECK_EQUAL(policy_action_settings(policy, "open").max_wait_us, 1234);
    CHECK_EQUAL(policy_action_settings(policy, "open").default_verdict, VERDICT_DENY);
    CHECK_EQUAL(policy_action_settings(policy, "exec").max_wait_us, 500000);
    CHECK_EQUAL(policy_action_settings(NULL, "open").max_wait_us, 100000);
    CHECK_EQUAL(policy_action_settings(NULL, "open").default_verdict, VERDICT_ALLOW);
    CHECK(policy_subscribes(policy, EVENT_AUTH, "open") && !policy_subscribes(policy, EVENT_NOTIFY, "open"));
    CHECK(!policy_subscribes(NULL, EVENT_AUTH, "open"));
    CHECK(policy_mutes(policy, of("/usr/lib/x")) && !policy_mutes(policy, of("/usr/bin/x")));
    CHECK(bytes_equal_text(policy->never_denied[0], "/lib/ld.so"));
    struct auth_subject subject = open_of("/data/1", "/x");
    CHECK(policy_deny_could_reach(policy, &subject));
    subject.file_path = of("/home/1");
    CHECK(!policy_deny_could_reach(policy, &subject));
    subject.file_path_unresolved = true;
    CHECK(policy_deny_could_reach(policy, &subject));
    subject.action = "exec";
    CHECK(policy_deny_could_reach(policy, &subject));
    policy_unref(policy);
    holds("settings, subscriptions, mutes and the reach of deny rules are read; defaults where they are silent");
}

static void refused(void) {
    struct wire_writer writer = begin(0);
    CHECK(policy_decode((struct bytes){buffer, writer.length}, error, sizeof error) == NULL);
    CHECK(strstr(error, "epoch") != NULL);
    static const char *const any[] = {"x", NULL};
    writer = begin(1);
    wire_uint(&writer, picket_v1_Policy_new_mounts_tag, 4);
    CHECK(policy_decode((struct bytes){buffer, writer.length}, error, sizeof error) == NULL);
    CHECK(strstr(error, "new mounts") != NULL);
    writer = begin(1);
    struct policy *silent = decode(&writer);
    CHECK(!silent->guard_local && silent->new_mounts == NEW_MOUNTS_REPORT);
    CHECK_EQUAL(silent->deadline_miss, DEADLINE_MISS_KILL);
    writer = begin(1);
    wire_uint(&writer, picket_v1_Policy_deadline_miss_tag, 4);
    CHECK(policy_decode((struct bytes){buffer, writer.length}, error, sizeof error) == NULL);
    CHECK(strstr(error, "missed deadlines") != NULL);
    writer = begin(1);
    wire_uint(&writer, picket_v1_Policy_deadline_miss_tag, DEADLINE_MISS_DENY);
    struct policy *strict = decode(&writer);
    CHECK_EQUAL(strict->deadline_miss, DEADLINE_MISS_DENY);
    policy_unref(strict);
    policy_unref(silent);
    writer = begin(1);
    put_static(&writer, picket_v1_Policy_static_verdicts_tag, "open", VERDICT_DENY, "r", 9, 1, any);
    CHECK(policy_decode((struct bytes){buffer, writer.length}, error, sizeof error) == NULL);
    CHECK(strstr(error, "subject") != NULL);
    writer = begin(1);
    put_static(&writer, picket_v1_Policy_static_verdicts_tag, "open", VERDICT_DENY, "r\xff", 1, 1, any);
    CHECK(policy_decode((struct bytes){buffer, writer.length}, error, sizeof error) == NULL);
    writer = begin(1);
    for (int i = 0; i <= POLICY_MAX_ITEMS; i++) wire_bytes_always(&writer, picket_v1_Policy_never_denied_tag, of("/x"));
    CHECK(policy_decode((struct bytes){buffer, writer.length}, error, sizeof error) == NULL);
    CHECK(strstr(error, "too many") != NULL);
    holds("a policy that is out of bounds or not understood is refused whole, with the reason");
}

// Equality over many values gives what a plain search gives.
static void many_values(void) {
    static char names[500][24];
    const char *values[501];
    for (int i = 0; i < 500; i++) {
        (void)snprintf(names[i], sizeof names[i], "/v/%" PRIu64, random_below(2000));
        values[i] = names[i];
    }
    values[500] = NULL;
    struct wire_writer writer = begin(1);
    put_static(&writer, picket_v1_Policy_static_verdicts_tag, "open", VERDICT_DENY, "many", 1, 1, values);
    struct policy *policy = decode(&writer);
    for (int i = 0; i < 3000; i++) {
        char path[24];
        bool expected = false;
        (void)snprintf(path, sizeof path, "/v/%d", i);
        for (int k = 0; k < 500; k++) expected = expected || strcmp(path, names[k]) == 0;
        struct auth_subject subject = open_of(path, "/x");
        CHECK_EQUAL(policy_static_verdict(policy, &subject) != NULL, expected);
    }
    policy_unref(policy);
    holds("many values are searched as a few would be");
}

// How a policy says that an action is asked about and no deny rule reaches it.
static void no_reach(void) {
    static const char *const none[] = {NULL};
    struct wire_writer writer = begin(1);
    put_static(&writer, picket_v1_Policy_deny_reach_tag, "open", 0, "", 1, 1, none);
    struct policy *policy = decode(&writer);
    struct auth_subject subject = open_of("/data/1", "/x");
    CHECK(!policy_deny_could_reach(policy, &subject));
    subject.file_path = of("");
    CHECK(!policy_deny_could_reach(policy, &subject));
    subject.file_path_unresolved = true;
    CHECK(!policy_deny_could_reach(policy, &subject));
    policy_unref(policy);
    holds("a test without values never holds, not even where its subject is unresolved");
}

static void put_asked(struct wire_writer *writer, const char *action, const char *path, bool is_prefix) {
    size_t item = wire_begin(writer, picket_v1_Policy_asked_paths_tag);
    wire_text(writer, picket_v1_AskedPath_action_tag, action);
    wire_text(writer, picket_v1_AskedPath_path_tag, path);
    wire_bool(writer, picket_v1_AskedPath_is_prefix_tag, is_prefix);
    wire_end(writer, item);
}

static void asked_paths(void) {
    struct wire_writer writer = begin(1);
    put_asked(&writer, "open", "/srv/a/secret", false);
    put_asked(&writer, "open", "/var/lib", true);
    struct policy *policy = decode(&writer);
    static const struct { const char *folder; bool is_asked; } cases[] = {
        {"/", true}, {"/srv", true}, {"/srv/a", true}, {"/srv/a/secret", true}, {"/srv/b", false}, {"/sr", false},
        {"/srv/a/secret/x", false}, {"/var", true}, {"/var/lib", true}, {"/var/lib/x", true}, {"/var/library", true},
        {"/var/log", false}, {"/va", false}, {"/home", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (policy_asks_below(policy, "open", of(cases[i].folder)) != cases[i].is_asked) {
            fprintf(stderr, "below %s: not so\n", cases[i].folder);
            exit(1);
        }
    CHECK(policy_asks_below(policy, "exec", of("/home")));
    policy_unref(policy);
    writer = begin(1);
    put_asked(&writer, "open", "", true);
    CHECK(policy_decode((struct bytes){buffer, writer.length}, error, sizeof error) == NULL);
    CHECK(strstr(error, "asked path") != NULL);
    holds("where asked paths lie is told by the mount point; an action without any is asked about everywhere");
}

// A path of one to five parts, each one of three letters.
static void random_path(char out[16]) {
    size_t length = 0;
    for (uint64_t parts = 1 + random_below(5); parts > 0; parts--) {
        out[length++] = '/';
        out[length++] = (char)('a' + random_below(3));
    }
    out[length] = 0;
}

// Whatever file lies below a mount point and is meant by an asked path, its filesystem is asked about.
static void asked_paths_miss_nothing(void) {
    int meant = 0;
    for (int i = 0; i < 20000; i++) {
        char folder[16], path[16], asked[16];
        random_path(path);
        random_path(asked);
        (void)snprintf(folder, sizeof folder, "%s", path);
        size_t slashes = strlen(folder) / 2, kept = random_below(slashes);
        folder[kept == 0 ? 1 : kept * 2] = 0;       // "/", or some of the folders that the file lies in
        bool is_prefix = random_below(2) == 0;
        if (is_prefix) asked[1 + random_below(strlen(asked))] = 0;
        bool is_meant = is_prefix ? strncmp(path, asked, strlen(asked)) == 0 : strcmp(path, asked) == 0;
        if (!is_meant) continue;
        meant++;
        struct wire_writer writer = begin(1);
        put_asked(&writer, "open", asked, is_prefix);
        struct policy *policy = decode(&writer);
        if (!policy_asks_below(policy, "open", of(folder))) {
            fprintf(stderr, "%s below %s is meant by %s\n", path, folder, asked);
            exit(1);
        }
        policy_unref(policy);
    }
    CHECK(meant > 1000);
    holds("no file that an asked path means lies where nothing is asked");
}

int main(void) {
    matching();
    unresolved();
    settings();
    no_reach();
    refused();
    many_values();
    asked_paths();
    asked_paths_miss_nothing();
    return 0;
}
