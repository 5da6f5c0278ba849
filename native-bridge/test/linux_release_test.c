// When a bridge ends, killed or by its own hand, the kernel lets go and no open hangs; and what a bridge without
// privilege says. On a tmpfs of its own. Needs root: without it says so and exits with 77.
#include "linux_harness.h"

// A second process that guards and never answers. It says on its stdout when the mark is set.
static int holder(void)
{
    alarm(200);
    backend = linux_backend();
    char error[256];
    if (backend->start(backend->state, NULL, error, sizeof error) != 0 ||
        !apply((const char *const[]){guarded, NULL}, true, false))
        return 1;
    size_t from = 0;
    struct record record;
    for (int i = 1; write(1, "r", 1) == 1; i++) {
        if (!wait_for_record(&from, is_wanted, &(struct wanted){EVENT_AUTH, "open", path_in(guarded, "held"), 0},
                             &record))
            return 1;
        if (getenv("PICKET_TEST_ABORT"))
            backend->release(backend->state);
    }
    return 0;
}

static void let_go_at_the_end(bool killed)
{
    CHECK(mount("picket", guarded, "tmpfs", 0, "size=4m") == 0, "%s", strerror(errno));
    write_file(path_in(guarded, "held"), "held", 0644);
    int told[2];
    CHECK(pipe2(told, O_CLOEXEC) == 0, "%s", strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, told[1], 1);
    if (killed)
        unsetenv("PICKET_TEST_ABORT");
    else
        setenv("PICKET_TEST_ABORT", "1", 1);
    const char *const arguments[] = {self, "--hold", guarded, NULL};
    pid_t bridge = -1;
    CHECK(posix_spawn(&bridge, self, &actions, NULL, (char *const *)(uintptr_t)arguments, environ) == 0, "spawn");
    posix_spawn_file_actions_destroy(&actions);
    close(told[1]);
    char byte;
    CHECK(read(told[0], &byte, 1) == 1, "the holder guards");
    const char *const opener[] = {self, "--open", path_in(guarded, "held"), NULL};
    pid_t pid = start_child(opener);
    CHECK(read(told[0], &byte, 1) == 1, "the holder was asked");
    if (killed)
        kill(bridge, SIGKILL);
    CHECK(wait_child(pid) == 0, "the opener goes on");
    kill(bridge, SIGKILL);
    wait_child(bridge);
    close(told[0]);
    CHECK(umount2(guarded, 0) == 0, "%s", strerror(errno));
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--hold") == 0) {
        snprintf(guarded, sizeof guarded, "%s", argv[2]);
        return holder();
    }
    if (argc > 1)
        _exit(child(argc, argv));
    int code = begin_test("linux_release_test");
    if (code != 0)
        return code;
    CHECK(RUN(self, "--start-unprivileged") == 0, "without privilege it says what is missing");
    let_go_at_the_end(true);
    let_go_at_the_end(false);
    return end_test("linux_release_test");
}
