// In which container a process is, by what its cgroup file says: names as runtimes give them, and any other text.
#include <stdlib.h>
#include <string.h>

#include "core_check.h"
#include "linux/cgroups.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static bool is(struct bytes text, const char *expected)
{
    return text.length == strlen(expected) && memcmp(text.data, expected, text.length) == 0;
}

static void expect(const char *file, const char *path, const char *id, const char *runtime)
{
    struct cgroup_parsed parsed;
    CHECK(cgroup_parse(file, strlen(file), &parsed));
    if (!is(parsed.path, path) || !is(parsed.container_id, id) || strcmp(parsed.runtime, runtime) != 0)
        fprintf(stderr, "%s: %.*s, %.*s, %s\n", file, (int)parsed.path.length, (const char *)parsed.path.data,
                (int)parsed.container_id.length, (const char *)parsed.container_id.data, parsed.runtime);
    CHECK(is(parsed.path, path));
    CHECK(is(parsed.container_id, id));
    CHECK(strcmp(parsed.runtime, runtime) == 0);
}

static void expect_one(const char *path, const char *id, const char *runtime)
{
    char file[1200];
    snprintf(file, sizeof file, "0::%s\n", path);
    expect(file, path, id, runtime);
}

static void runtimes(void)
{
    expect_one("/system.slice/docker-" ID ".scope", ID, "docker");
    expect_one("/docker/" ID, ID, "docker");
    expect_one("/docker/" ID "/init.scope", ID, "docker");
    expect_one("/kubepods/burstable/pod2d1f3d6c-8c9a-4f62-9f5e-0f4b5b7f6a11/" ID, ID, "");
    expect_one("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod2d1f3d6c_8c9a.slice/cri-containerd-" ID
               ".scope", ID, "containerd");
    expect_one("/system.slice/containerd.service/kubepods-burstable-pod2d1f.slice:cri-containerd:" ID, ID, "containerd");
    expect_one("/kubepods.slice/kubepods-pod2d1f.slice/crio-" ID ".scope", ID, "cri-o");
    expect_one("/machine.slice/libpod-" ID ".scope/container", ID, "podman");
    expect_one("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope", ID, "podman");
    expect_one("/system.slice/nerdctl-" ID ".scope", ID, "containerd");
    expect_one("/ecs/2d1f3d6c8c9a4f629f5e0f4b5b7f6a11/" ID, ID, "");
    expect_one("/lxc/web-1", "web-1", "lxc");
    expect_one("/lxc.payload.web-1/system.slice/ssh.service", "web-1", "lxc");
    expect_one("/docker/" ID "/docker/" OTHER, OTHER, "docker");
    holds("containers are known by the names that runtimes give to cgroups, the innermost first");
}

static void none(void)
{
    expect_one("/", "", "");
    expect_one("/user.slice/user-1000.slice/session-1.scope", "", "");
    expect_one("/machine.slice/libpod-conmon-" ID ".scope", "", "");     // who looks after one is in none
    expect_one("/kubepods.slice/kubepods-pod2d1f.slice/crio-conmon-" ID ".scope", "", "");
    expect_one("/lxc.monitor.web-1", "", "");
    expect_one("/system.slice/build-" "ABCDEF6789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" ".scope", "", "");
    expect_one("/system.slice/x" ID, "", "");
    holds("what is named otherwise is in no container");
}

static void several(void)
{
    expect("9:name=systemd:/system.slice/cron.service\n4:memory:/\n0::/\n", "/system.slice/cron.service", "", "");
    expect("9:name=systemd:/\n4:memory:/group\n0::/\n", "/group", "", "");
    expect("9:name=systemd:/a\n4:memory:/b\n0::/c\n", "/c", "", "");
    expect("12:cpu,cpuacct:/x\n4:memory:/docker/" ID "\n0::/system.slice/a.service\n", "/docker/" ID, ID, "docker");
    expect("0::/../../docker/" ID " (deleted)\n", "/../../docker/" ID, ID, "docker");
    holds("of several hierarchies the one counts that says most");
}

static void other_texts(void)
{
    struct cgroup_parsed parsed;
    CHECK(!cgroup_parse("", 0, &parsed));
    CHECK(!cgroup_parse("0:\n", 3, &parsed));
    CHECK(!cgroup_parse("no file of this kind", 20, &parsed));
    char longer[CGROUP_PATH_BYTES + 64] = "0::/";
    memset(longer + 4, 'x', sizeof longer - 5);
    CHECK(!cgroup_parse(longer, sizeof longer - 1, &parsed));
    static const char letters[] = "0:/-.\n" ID;
    for (int i = 0; i < 200000; i++) {
        size_t length = (size_t)(rand() % 200);
        char *text = malloc(length + 1);  // its end is watched by the sanitizer
        for (size_t j = 0; j < length; j++)
            text[j] = letters[(size_t)rand() % (sizeof letters - 1)];
        if (cgroup_parse(text, length, &parsed))
            CHECK(parsed.path.length <= length && parsed.container_id.length <= parsed.path.length);
        free(text);
    }
    holds("any text is read within its bounds");
}

static void kept(void)
{
    static struct cgroups cgroups;
    char path[64];
    struct cgroup_parsed parsed = {.runtime = ""};
    struct cgroup_ref first = {0};
    CHECK_EQUAL(cgroups_tell(&cgroups, first).lookup, CONTAINER_PENDING);
    for (int i = 0; i < CGROUPS_MAX; i++) {
        parsed.path = (struct bytes){(const uint8_t *)path, (size_t)snprintf(path, sizeof path, "/lxc/c%d", i)};
        parsed.container_id = (struct bytes){parsed.path.data + 5, parsed.path.length - 5};
        struct cgroup_ref reference = cgroups_keep(&cgroups, &parsed), again = cgroups_keep(&cgroups, &parsed);
        CHECK(reference.place == again.place && reference.turn == again.turn);
        first = i == 0 ? reference : first;
    }
    CHECK(is(cgroups_tell(&cgroups, first).id, "c0"));
    CHECK_EQUAL(cgroups_tell(&cgroups, first).lookup, CONTAINER_FOUND);
    parsed.path = (struct bytes){(const uint8_t *)"/one/more", 9};
    parsed.container_id = (struct bytes){parsed.path.data, 0};
    CHECK_EQUAL(cgroups_tell(&cgroups, cgroups_keep(&cgroups, &parsed)).lookup, CONTAINER_NONE);
    CHECK_EQUAL(cgroups_tell(&cgroups, first).lookup, CONTAINER_PENDING);
    CHECK_EQUAL(cgroups_tell(&cgroups, cgroups_failed()).lookup, CONTAINER_FAILED);
    holds("each cgroup is kept once, and one that had to make room is as not read");
}

int main(void)
{
    runtimes();
    none();
    several();
    other_texts();
    kept();
    return 0;
}
