// What the backend's tests on the real kernel share: checks, the scratch folder, policies, records that are waited for.
#ifndef PICKET_TEST_LINUX_HARNESS_H
#define PICKET_TEST_LINUX_HARNESS_H

// Each test uses a part of it.
#pragma GCC diagnostic ignored "-Wunused-function"

#include <inttypes.h>
#include <sys/stat.h>

#include "linux_children.h"
#include "linux_fake_core.h"

enum { SKIPPED = 77, WHOLE_TEST_SECONDS = 300, ENOUGH_TRIES = 100 };

static char self[512], root[64], guarded[96];
static unsigned failures;

#define CHECK(condition, ...)                                               \
    do {                                                                    \
        if (!(condition)) {                                                 \
            failures++;                                                     \
            fprintf(stderr, "  %s:%d: not so: %s: ", __FILE__, __LINE__, #condition); \
            fprintf(stderr, __VA_ARGS__);                                   \
            fputc('\n', stderr);                                            \
        }                                                                   \
    } while (0)

// ---- policies

static unsigned unguarded_count;

static void count_unguarded(void *context, const char *sentence)
{
    (void)context;
    if (strncmp(sentence, "guard.filesystems does not name", 31) == 0)
        return;  // the machine's own
    unguarded_count++;
    fprintf(stderr, "  unguarded: %s\n", sentence);
}

static enum new_mounts apply_new_mounts = NEW_MOUNTS_IGNORE;

static bool apply(const char *const *filesystems, bool auth, bool notify)
{
    static struct subscription all[] = {
        {EVENT_AUTH, {(const uint8_t *)"exec", 4}, false, 0},     {EVENT_AUTH, {(const uint8_t *)"open", 4}, false, 0},
        {EVENT_NOTIFY, {(const uint8_t *)"exec", 4}, true, 0},    {EVENT_NOTIFY, {(const uint8_t *)"fork", 4}, false, 0},
        {EVENT_NOTIFY, {(const uint8_t *)"exit", 4}, false, 0},   {EVENT_NOTIFY, {(const uint8_t *)"close", 5}, false, 0},
        {EVENT_NOTIFY, {(const uint8_t *)"create", 6}, false, 0}, {EVENT_NOTIFY, {(const uint8_t *)"rename", 6}, false, 0},
        {EVENT_NOTIFY, {(const uint8_t *)"unlink", 6}, false, 0}, {EVENT_NOTIFY, {(const uint8_t *)"open", 4}, false, 0},
    };
    static struct bytes paths[8];
    static struct policy policies[16];
    static unsigned turn;
    struct policy *policy = &policies[turn++ % 16];
    size_t count = 0;
    for (; filesystems[count]; count++)
        paths[count] = bytes_of_text(filesystems[count]);
    atomic_init(&policy->references, 1);
    policy->guarded_filesystems = paths;
    policy->guarded_filesystems_count = count;
    policy->new_mounts = apply_new_mounts;
    policy->subscriptions = auth ? all : all + 2;
    policy->subscriptions_count = (auth ? 2 : 0) + (notify ? 8 : 0);
    char error[256] = "";
    int result = backend->apply(backend->state, policy, count_unguarded, NULL, error, sizeof error);
    CHECK(result == 0, "%s", error);
    return result == 0;
}

// ---- what is looked for

struct wanted {
    uint32_t kind;
    const char *action;
    const char *path;   // the file's, NULL: any
    uint32_t pid;       // 0: any
};

static bool is_wanted(const struct record *record, const void *context)
{
    const struct wanted *wanted = context;
    return record->kind == wanted->kind && strcmp(record->action, wanted->action) == 0 &&
           (!wanted->path || strcmp(record->path, wanted->path) == 0) &&
           (wanted->pid == 0 || record->process.pid == wanted->pid);
}

static bool expect(size_t *from, struct wanted wanted, struct record *found)
{
    bool came = wait_for_record(from, is_wanted, &wanted, found);
    CHECK(came, "no %s event of %s, pid %u", wanted.action, wanted.path ? wanted.path : "any file", wanted.pid);
    return came;
}

// A process that stays, and what is told of its exec: again, where its arguments were read too late to be told.
static pid_t start_sleeper(size_t *from, const char *const arguments[], struct record *found)
{
    for (int tries = 0;; tries++) {
        *from = records_so_far();
        pid_t pid = start_child(arguments);
        bool came = expect(from, (struct wanted){EVENT_NOTIFY, "exec", NULL, (uint32_t)pid}, found);
        if (!came || found->process.args_count > 0 || tries == ENOUGH_TRIES)
            return pid;
        kill(pid, SIGKILL);
        wait_child(pid);
    }
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    size_t length = strlen(text);
    CHECK(fd >= 0 && write(fd, text, length) == (ssize_t)length, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

// Finds out who this program is and makes the scratch folder. 0, or the test's exit code.
static int begin_test(const char *name)
{
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = 0;
    if (geteuid() != 0) {
        fprintf(stderr, "%s: skipped: fanotify needs root; run it as root\n", name);
        return SKIPPED;
    }
    alarm(WHOLE_TEST_SECONDS);
    snprintf(root, sizeof root, "/tmp/picket-backend-XXXXXX");
    if (!mkdtemp(root))
        return 1;
    chmod(root, 0755);
    snprintf(guarded, sizeof guarded, "%s/guarded", root);
    mkdir(guarded, 0755);
    return 0;
}

static int end_test(const char *name)
{
    CHECK(losses == 0, "%u losses", losses);
    umount2(guarded, MNT_DETACH);
    rmdir(guarded);
    rmdir(root);
    fprintf(stderr, "%s: %u failures\n", name, failures);
    return failures ? 1 : 0;
}

#endif
