// A filesystem that a process serves (FUSE): the kernel opens a file again for whoever watches, so a server that does not
// answer would hold up the one thread that reads all questions; nor is it ever waited for by the one that looks at mounts.
// Needs root: without it says so and exits with 77.
#include "linux_fuse_server.h"

static void hung_server_holds_nobody_else_up(pid_t server, const char *other)
{
    unguarded_count = 0;
    if (!apply((const char *const[]){guarded, other, NULL}, true, false))
        return;
    CHECK(unguarded_count == 1, "%u", unguarded_count);
    const char *const opener[] = {self, "--open", path_in(guarded, "slow"), NULL};
    pid_t waits = start_child(opener);
    CHECK(RUN(self, "--open", path_in(other, "free")) == 0, "an open elsewhere is answered");
    CHECK(RUN(self, "--open", path_in(other, "denied")) == EPERM, "and denied");
    kill(server, SIGKILL);
    CHECK(wait_child(waits) != 0, "an open whose server has gone fails");
    apply((const char *const[]){NULL}, false, false);
}

// In a namespace of its own: a server that answers no more, a tmpfs behind it and one beside it.
static int hide_behind_hung_server(const char *folder)
{
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return 200;
    pid_t server = mount_served(path_in(folder, "served"), FUSE_OPEN);
    if (server < 0 || mount("picket", path_in(folder, "served/folder"), "tmpfs", 0, "size=4m"))
        return 201;
    int status;
    if (kill(server, SIGSTOP) || waitpid(server, &status, WUNTRACED) != server)
        return 202;
    if (mount("picket", path_in(folder, "beside"), "tmpfs", 0, "size=4m"))
        return 203;
    pause();
    return 0;
}

// A number: the pid of the server that the namespace's process has started.
static pid_t child_of(pid_t parent)
{
    char path[64], text[32] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!read(fd, text, sizeof text - 1);
        close(fd);
    }
    return (pid_t)atoi(text);
}

static void mounts_behind_a_hung_server_hold_nobody_up(const char *other)
{
    CHECK(linux_guard_only_below(root), "%s", root);
    char folder[96];
    snprintf(folder, sizeof folder, "%s/namespace", root);
    mkdir(folder, 0755);
    mkdir(path_in(folder, "served"), 0755);
    mkdir(path_in(folder, "beside"), 0755);
    apply_new_mounts = NEW_MOUNTS_GUARD;
    apply((const char *const[]){other, NULL}, true, false);
    size_t from = records_so_far(), again = from, once_more = from;
    struct record record;
    const char *const hiding[] = {self, "--hide-behind-hung-server", folder, NULL};
    pid_t pid = start_child(hiding);
    if (expect(&from, (struct wanted){EVENT_PICKET, "mount", path_in(folder, "beside"), 0}, &record))
        CHECK(record.mount_guarded, "what lies beside the server is guarded");
    if (expect(&again, (struct wanted){EVENT_PICKET, "mount", path_in(folder, "served"), 0}, &record))
        CHECK(!record.mount_guarded, "what it serves is not");
    if (expect(&once_more, (struct wanted){EVENT_PICKET, "mount", path_in(folder, "served/folder"), 0}, &record))
        CHECK(!record.mount_guarded, "nor what only it could lead to");
    CHECK(RUN(self, "--open", path_in(other, "denied")) == EPERM, "questions are answered");
    apply((const char *const[]){NULL}, false, false);
    pid_t server = child_of(pid);
    kill(pid, SIGKILL);
    if (server > 0)
        kill(server, SIGKILL);
    wait_child(pid);
    rmdir(path_in(folder, "served"));
    rmdir(path_in(folder, "beside"));
    rmdir(folder);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--hide-behind-hung-server") == 0)
        return hide_behind_hung_server(argv[2]);
    if (argc > 1)
        _exit(child(argc, argv));
    int code = begin_test("linux_fuse_test");
    if (code != 0)
        return code;
    const char *other = strdup(path_in(root, "other"));
    mkdir(other, 0755);
    CHECK(mount("picket", other, "tmpfs", 0, "size=4m") == 0, "%s", strerror(errno));
    write_file(path_in(other, "free"), "free", 0644);
    write_file(path_in(other, "denied"), "denied", 0644);
    pid_t server = mount_served(guarded, FUSE_OPEN);   // before the backend: nothing forks while its groups are open
    if (server < 0) {
        fprintf(stderr, "  left out: this kernel has no FUSE\n");
    } else {
        backend = linux_backend();
        char error[256] = "";
        CHECK(backend->start(backend->state, NULL, error, sizeof error) == 0, "%s", error);
        if (failures == 0) {
            hung_server_holds_nobody_else_up(server, other);
            mounts_behind_a_hung_server_hold_nobody_up(other);
        }
        kill(server, SIGKILL);
        wait_child(server);
        backend->stop(backend->state);
    }
    umount2(other, MNT_DETACH);
    rmdir(other);
    return end_test("linux_fuse_test");
}
