// Mounts that come and go, told by the real kernel, and, as before Linux 6.15, by looking at the list of mounts.
#include <sys/mount.h>

#include "linux_harness.h"
#include "linux/mount_events.h"

static void subscribe(bool wanted)
{
    static struct subscription all[] = {
        {.kind = EVENT_NOTIFY, .action = {(const uint8_t *)"mount", 5}},
        {.kind = EVENT_NOTIFY, .action = {(const uint8_t *)"unmount", 7}},
    };
    static struct policy policies[8];
    static unsigned turn;
    struct policy *policy = &policies[turn++ % 8];
    memset(policy, 0, sizeof *policy);
    atomic_init(&policy->references, 1);
    policy->new_mounts = NEW_MOUNTS_IGNORE;
    policy->subscriptions = all;
    policy->subscriptions_count = wanted ? 2 : 0;
    char error[256] = "";
    CHECK(backend->apply(backend->state, policy, count_unguarded, NULL, error, sizeof error) == 0, "%s", error);
}

static size_t records_of(const char *action)
{
    size_t count = 0;
    pthread_mutex_lock(&record_lock);
    for (size_t i = 0; i < records_count; i++)
        count += strcmp(records[i].action, action) == 0 && strcmp(records[i].path, guarded) == 0;
    pthread_mutex_unlock(&record_lock);
    return count;
}

static void come_and_go(bool is_told_by_kernel)
{
    uint32_t actor = is_told_by_kernel ? (uint32_t)getpid() : 0;
    size_t from = records_so_far(), mounts = records_of("mount"), unmounts = records_of("unmount");
    struct record found;
    for (size_t i = 1; i <= 3; i++) {
        CHECK(mount("picket", guarded, "tmpfs", 0, NULL) == 0, "%s", strerror(errno));
        if (expect(&from, (struct wanted){EVENT_NOTIFY, "mount", guarded, actor}, &found))
            CHECK(found.process.pid == actor && !found.path_unresolved, "pid %u", found.process.pid);
        CHECK(umount2(guarded, 0) == 0, "nothing is held: %s", strerror(errno));
        (void)expect(&from, (struct wanted){EVENT_NOTIFY, "unmount", guarded, actor}, &found);
        CHECK(records_of("mount") == mounts + i && records_of("unmount") == unmounts + i, "each once");
    }
}

static void without_a_rule(void)
{
    subscribe(false);
    size_t before = records_so_far(), from = before;
    CHECK(mount("picket", guarded, "tmpfs", 0, NULL) == 0, "%s", strerror(errno));
    CHECK(umount2(guarded, 0) == 0, "%s", strerror(errno));
    subscribe(true);
    CHECK(mount("picket", guarded, "tmpfs", 0, NULL) == 0, "%s", strerror(errno));
    struct record found;
    (void)expect(&from, (struct wanted){EVENT_NOTIFY, "mount", guarded, 0}, &found);
    CHECK(umount2(guarded, 0) == 0, "%s", strerror(errno));
    (void)expect(&from, (struct wanted){EVENT_NOTIFY, "unmount", guarded, 0}, &found);
}

static void test_by(bool is_told_by_kernel)
{
    mount_events_absent = !is_told_by_kernel;
    char error[256] = "";
    CHECK(backend->start(backend->state, NULL, error, sizeof error) == 0, "%s", error);
    if (failures > 0)
        return;
    subscribe(true);
    come_and_go(is_told_by_kernel);
    size_t mounts = records_of("mount");
    without_a_rule();
    CHECK(records_of("mount") == mounts + 1, "what nobody asked for is not told");
    backend->stop(backend->state);
    fprintf(stderr, "  mounts and unmounts are told once each, %s\n", is_told_by_kernel ? "by the kernel" : "by the list");
}

static bool has_kernel_events(void)
{
    struct mount_events events;
    mount_events_open(&events);
    bool has = events.group >= 0;
    mount_events_close(&events);
    return has;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        _exit(child(argc, argv));
    int code = begin_test("linux_mount_events_test");
    if (code != 0)
        return code;
    backend = linux_backend();
    if (has_kernel_events())
        test_by(true);
    test_by(false);
    return end_test("linux_mount_events_test");
}
