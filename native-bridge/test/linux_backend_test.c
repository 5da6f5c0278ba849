// The Linux backend on the real kernel, with a core that answers by file name. Guards only filesystems that it mounts
// itself. Needs root: without it says so and exits with 77.
#include "linux_harness.h"

static char other[96], bound[96];

static void copy_program(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    char buffer[65536];
    ssize_t length;
    while (in >= 0 && (length = read(in, buffer, sizeof buffer)) > 0)
        if (write(out, buffer, (size_t)length) != length)
            break;
    close(in);
    close(out);
}

// ---- the tests

static void denied_open_and_its_neighbour(void)
{
    struct record record;
    bool came;
    int tries = 0;
    do {  // whose arguments are read too late is asked about without them
        size_t from = records_so_far();
        CHECK(RUN(self, "--open", path_in(guarded, "denied.txt")) == EPERM, "a denied open gets EPERM");
        CHECK(RUN(self, "--open", path_in(guarded, "plain.txt")) == 0, "its neighbour opens");
        came = expect(&from, (struct wanted){EVENT_AUTH, "open", path_in(guarded, "denied.txt"), 0}, &record);
    } while (came && record.process.args_count == 0 && ++tries < ENOUGH_TRIES);
    if (came) {
        CHECK(strcmp(record.process.executable, self) == 0, "executable %s", record.process.executable);
        CHECK(record.process.args_count == 3 && strcmp(record.process.args[1], "--open") == 0, "%zu args, %s",
              record.process.args_count, record.process.args[1]);
        CHECK(record.process.has_user && record.process.uid == 0 && strcmp(record.process.user, "root") == 0, "user %s",
              record.process.user);
        CHECK(record.parent.pid == (uint32_t)getpid() && strcmp(record.parent.executable, self) == 0, "parent %u %s",
              record.parent.pid, record.parent.executable);
        char here[512];
        CHECK(strcmp(record.process.cwd, getcwd(here, sizeof here)) == 0, "cwd %s", record.process.cwd);
        CHECK(record.process.entity_id[0] && record.process.start_ns > 0, "entity id and start are there");
        CHECK(record.size == 5 && record.links == 1 && record.inode != 0 && !record.path_unresolved, "stat of the file");
    }
}

static void user_of_the_actor(void)
{
    size_t from = records_so_far();
    struct record record;
    CHECK(RUN(self, "--as-user", "4321", path_in(guarded, "plain.txt")) == 0, "opens as another user");
    if (expect(&from, (struct wanted){EVENT_AUTH, "open", path_in(guarded, "plain.txt"), 0}, &record)) {
        CHECK(record.process.has_user && record.process.uid == 4321, "uid %u", record.process.uid);
        CHECK(strcmp(record.process.cwd, "/") == 0, "cwd %s", record.process.cwd);
    }
}

static void denied_exec_and_its_neighbour(void)
{
    size_t from = records_so_far();
    struct record record;
    CHECK(RUN(path_in(guarded, "denied-program"), "--exit", "3") == -EPERM, "a denied exec fails with EPERM");
    CHECK(RUN(path_in(guarded, "program"), "--exit", "3") == 3, "its neighbour runs");
    if (expect(&from, (struct wanted){EVENT_AUTH, "exec", path_in(guarded, "program"), 0}, &record)) {
        CHECK(record.stage == EXEC_STAGE_PROGRAM, "stage %u", record.stage);
        CHECK(strcmp(record.process.executable, path_in(guarded, "program")) == 0, "process.executable is the new image");
        CHECK(record.has_previous && strcmp(record.previous.executable, self) == 0, "previous %s",
              record.previous.executable);
        CHECK(record.process.args_count == 0, "no arguments exist yet");
        CHECK(record.parent.pid == (uint32_t)getpid(), "parent %u", record.parent.pid);
    }
}

static void script_asks_in_stages(void)
{
    size_t from = records_so_far();
    struct record record;
    CHECK(RUN(path_in(guarded, "script"), "x") == 7, "the script runs");
    if (expect(&from, (struct wanted){EVENT_AUTH, "exec", path_in(guarded, "script"), 0}, &record))
        CHECK(record.stage == EXEC_STAGE_PROGRAM, "the script is the program, not %u", record.stage);
    if (expect(&from, (struct wanted){EVENT_AUTH, "exec", path_in(guarded, "shell"), 0}, &record)) {
        CHECK(record.stage == EXEC_STAGE_INTERPRETER, "the shell is the interpreter, not %u", record.stage);
        CHECK(strcmp(record.script, path_in(guarded, "script")) == 0, "script %s", record.script);
    }
    from = records_so_far();
    CHECK(RUN(path_in(guarded, "shell"), "-c", "exit 8") == 8, "the shell runs by itself");
    if (expect(&from, (struct wanted){EVENT_AUTH, "exec", path_in(guarded, "shell"), 0}, &record))
        CHECK(record.stage == EXEC_STAGE_PROGRAM, "run by itself it is a program, not %u", record.stage);
}

static void one_path_by_every_mount(void)
{
    struct record record;
    size_t from = records_so_far();
    CHECK(RUN(self, "--open", path_in(bound, "denied.txt")) == EPERM, "denied through a bind mount");
    if (expect(&from, (struct wanted){EVENT_AUTH, "open", NULL, 0}, &record))
        CHECK(strcmp(record.path, path_in(guarded, "folder/denied.txt")) == 0 && !record.path_unresolved, "path %s",
              record.path);
    from = records_so_far();
    CHECK(RUN(self, "--open-in-namespace", path_in(guarded, "folder"), other, "denied.txt") == EPERM,
          "denied in another mount namespace");
    if (expect(&from, (struct wanted){EVENT_AUTH, "open", NULL, 0}, &record))
        CHECK(strcmp(record.path, path_in(guarded, "folder/denied.txt")) == 0 && !record.path_unresolved, "path %s",
              record.path);
}

static void deleted_file_is_unresolved(void)
{
    struct record record;
    size_t from = records_so_far();
    write_file(path_in(guarded, "gone"), "gone", 0644);
    CHECK(RUN(self, "--open-deleted", path_in(guarded, "gone")) == 0, "a deleted file opens through /proc");
    if (expect(&from, (struct wanted){EVENT_AUTH, "open", path_in(guarded, "gone"), 0}, &record) &&
        expect(&from, (struct wanted){EVENT_AUTH, "open", path_in(guarded, "gone"), 0}, &record))
        CHECK(record.path_unresolved, "its second open is unresolved");
    from = records_so_far();
    CHECK(RUN(self, "--open", path_in(guarded, "x (deleted)")) == 0, "a name may end like that");
    if (expect(&from, (struct wanted){EVENT_AUTH, "open", path_in(guarded, "x (deleted)"), 0}, &record))
        CHECK(!record.path_unresolved, "and is resolved");
}

static void name_without_utf8(void)
{
    struct record record;
    size_t from = records_so_far();
    CHECK(RUN(self, "--open", path_in(guarded, "\xff\xfe\x80")) == 0, "opens");
    expect(&from, (struct wanted){EVENT_AUTH, "open", path_in(guarded, "\xff\xfe\x80"), 0}, &record);
}

static void processes_are_told(void)
{
    struct record record;
    size_t from = records_so_far();
    const char *const arguments[] = {self, "--exit", "5", "\xff", NULL};
    pid_t pid = start_child(arguments);
    CHECK(wait_child(pid) == 5, "the child runs");
    if (expect(&from, (struct wanted){EVENT_NOTIFY, "fork", NULL, (uint32_t)pid}, &record))
        CHECK(record.parent.pid == (uint32_t)getpid() && strcmp(record.process.executable, self) == 0, "fork of %s by %u",
              record.process.executable, record.parent.pid);
    char entity_id[64] = "";
    if (expect(&from, (struct wanted){EVENT_NOTIFY, "exec", NULL, (uint32_t)pid}, &record)) {
        CHECK(strcmp(record.process.executable, self) == 0, "exec of %s", record.process.executable);
        CHECK(record.has_previous && strcmp(record.previous.executable, self) == 0, "previous %s",
              record.previous.executable);
        snprintf(entity_id, sizeof entity_id, "%s", record.process.entity_id);
    }
    if (expect(&from, (struct wanted){EVENT_NOTIFY, "exit", NULL, (uint32_t)pid}, &record)) {
        CHECK(record.process.exit_code == 5, "exit code %d", record.process.exit_code);
        CHECK(entity_id[0] && strcmp(record.process.entity_id, entity_id) == 0, "one entity id: %s, %s", entity_id,
              record.process.entity_id);
    }
    const char *const sleeper[] = {self, "--wait", "\xff", NULL};
    pid = start_sleeper(&from, sleeper, &record);
    if (record.process.pid == (uint32_t)pid) {
        CHECK(record.process.args_count == 3 && strcmp(record.process.args[1], "--wait") == 0 &&
              strcmp(record.process.args[2], "\xff") == 0, "%zu args", record.process.args_count);
        char here[512];
        CHECK(strcmp(record.process.cwd, getcwd(here, sizeof here)) == 0, "cwd %s", record.process.cwd);
        size_t variables = 0;
        while (environ[variables])
            variables++;
        CHECK(record.process.variables_count == variables, "%zu variables of %zu", record.process.variables_count,
              variables);
        struct stat program;
        CHECK(strcmp(record.path, self) == 0 && stat(self, &program) == 0 && record.inode == program.st_ino,
              "the file is the program: %s, %" PRIu64, record.path, record.inode);
    }
    kill(pid, SIGKILL);
    wait_child(pid);
    if (expect(&from, (struct wanted){EVENT_NOTIFY, "exit", NULL, (uint32_t)pid}, &record))
        CHECK(record.process.exit_code == 128 + SIGKILL, "exit code %d", record.process.exit_code);
}

static void files_are_told(void)
{
    struct record record;
    size_t from = records_so_far();
    CHECK(RUN("/bin/sh", "-c", "cd \"$1\"; echo a >new; mv new named; rm named", "sh", guarded) == 0, "the shell works");
    expect(&from, (struct wanted){EVENT_NOTIFY, "create", path_in(guarded, "new"), 0}, &record);
    if (expect(&from, (struct wanted){EVENT_NOTIFY, "rename", path_in(guarded, "new"), 0}, &record))
        CHECK(strcmp(record.target, path_in(guarded, "named")) == 0, "renamed to %s", record.target);
    expect(&from, (struct wanted){EVENT_NOTIFY, "unlink", path_in(guarded, "named"), 0}, &record);
    from = records_so_far();
    CHECK(RUN("/bin/sh", "-c", "echo a >\"$1\"", "sh", path_in(guarded, "written")) == 0, "the shell writes");
    struct stat written;
    CHECK(stat(path_in(guarded, "written"), &written) == 0, "%s", strerror(errno));
    size_t of_files = from;  // names and files have a group each: which is read first nobody says
    if (expect(&from, (struct wanted){EVENT_NOTIFY, "create", path_in(guarded, "written"), 0}, &record))
        CHECK(record.inode == written.st_ino && record.links == 1, "created inode %" PRIu64, record.inode);
    expect(&of_files, (struct wanted){EVENT_NOTIFY, "close", path_in(guarded, "written"), 0}, &record);
    CHECK(rename(path_in(guarded, "written"), path_in(guarded, "moved")) == 0, "%s", strerror(errno));
    CHECK(RUN("/bin/mv", path_in(guarded, "moved"), path_in(guarded, "moved again")) == 0, "mv works");
    if (expect(&from, (struct wanted){EVENT_NOTIFY, "rename", path_in(guarded, "moved"), 0}, &record))
        CHECK(record.inode == written.st_ino && record.size == 2, "renamed inode %" PRIu64, record.inode);
}

static void own_opens_are_exempt(void)
{
    struct record record;
    size_t from = records_so_far();
    int fd = open(path_in(guarded, "denied.txt"), O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0, "the bridge's own open passes: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    if (expect(&from, (struct wanted){EVENT_AUTH, "open", NULL, (uint32_t)getpid()}, &record))
        CHECK(record.exempt, "as exempt");
    from = records_so_far();
    CHECK(RUN(path_in(guarded, "lib/ld-linux-denied.so.2"), "--exit", "0") == 0, "root's loader is never denied");
}

static void the_agent_is_exempt_while_it_is_connected(void)
{
    for (int connected = 1; connected >= 0; connected--) {
        int order[2];
        CHECK(pipe2(order, O_CLOEXEC) == 0, "%s", strerror(errno));
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, order[0], 0);
        const char *const arguments[] = {self, "--open-when-told", path_in(guarded, "denied.txt"), NULL};
        pid_t pid = -1;
        CHECK(posix_spawn(&pid, self, &actions, NULL, (char *const *)(uintptr_t)arguments, environ) == 0, "spawn");
        posix_spawn_file_actions_destroy(&actions);
        close(order[0]);
        backend->set_agent(backend->state, connected ? (uint32_t)pid : 0);
        close(order[1]);
        CHECK(wait_child(pid) == (connected ? 0 : EPERM), "connected: %d", connected);
    }
}

static void marks_follow_the_policy(void)
{
    apply((const char *const[]){NULL}, true, false);
    CHECK(RUN(self, "--open", path_in(guarded, "denied.txt")) == 0, "not guarded, not asked");
    apply((const char *const[]){guarded, NULL}, false, false);
    CHECK(RUN(self, "--open", path_in(guarded, "denied.txt")) == 0, "not subscribed, not asked");
    unsigned before = unguarded_count;
    apply((const char *const[]){"/proc/self", "/does/not/exist", guarded, NULL}, true, true);
    CHECK(unguarded_count == before + 2, "what can't be guarded is told, once each");
    CHECK(RUN(self, "--open", path_in(guarded, "denied.txt")) == EPERM, "guarded again");
}

// The canonical mount goes and the same filesystem stays elsewhere: its files are called by the mount that is left,
// meanwhile unresolved; and what lies below the mount that went is not guarded in its stead.
static void paths_follow_the_mounts(void)
{
    struct record record;
    bool followed = false, wrong = false;
    CHECK(mount(guarded, other, NULL, MS_BIND, NULL) == 0 && umount2(guarded, MNT_DETACH) == 0, "%s", strerror(errno));
    for (int tries = 0; tries < 500 && !followed; tries++) {
        size_t from = records_so_far();
        CHECK(RUN(self, "--open", path_in(other, "plain.txt")) == 0, "opens");
        if (!expect(&from, (struct wanted){EVENT_AUTH, "open", NULL, 0}, &record))
            break;
        followed = strcmp(record.path, path_in(other, "plain.txt")) == 0 && !record.path_unresolved;
        wrong = wrong || (!followed && !record.path_unresolved);
    }
    CHECK(followed && !wrong, "path %s, unresolved %d", record.path, record.path_unresolved);
    write_file(path_in(guarded, "denied-below"), "x", 0644);
    CHECK(RUN(self, "--open", path_in(guarded, "denied-below")) == 0, "the filesystem below is not guarded");
    CHECK(unlink(path_in(guarded, "denied-below")) == 0, "%s", strerror(errno));
    CHECK(mount(other, guarded, NULL, MS_BIND, NULL) == 0 && umount2(other, MNT_DETACH) == 0, "%s", strerror(errno));
}

static void guard_on(const char *type)
{
    fprintf(stderr, "on %s\n", type);
    write_file(path_in(guarded, "denied.txt"), "secre", 0644);
    write_file(path_in(guarded, "plain.txt"), "plain", 0644);
    write_file(path_in(guarded, "x (deleted)"), "x", 0644);
    write_file(path_in(guarded, "\xff\xfe\x80"), "x", 0644);
    mkdir(path_in(guarded, "folder"), 0755);
    mkdir(path_in(guarded, "lib"), 0755);
    write_file(path_in(guarded, "folder/denied.txt"), "secre", 0644);
    copy_program(self, path_in(guarded, "program"));
    copy_program(self, path_in(guarded, "denied-program"));
    copy_program(self, path_in(guarded, "lib/ld-linux-denied.so.2"));
    copy_program("/bin/sh", path_in(guarded, "shell"));
    // By a link, as /bin/sh is one.
    CHECK(symlink("shell", path_in(guarded, "linked-sh")) == 0, "%s", strerror(errno));
    char script[700];
    snprintf(script, sizeof script, "#!%s -e\nexit 7\n", path_in(guarded, "linked-sh"));
    write_file(path_in(guarded, "script"), script, 0755);
    // A link whose time of access must be written (relatime) can't be followed from the cache alone.
    struct timespec times[2] = {{.tv_sec = time(NULL) + 3600}, {.tv_nsec = UTIME_OMIT}};
    CHECK(utimensat(AT_FDCWD, path_in(guarded, "linked-sh"), times, AT_SYMLINK_NOFOLLOW) == 0, "%s", strerror(errno));
    CHECK(mount(path_in(guarded, "folder"), bound, NULL, MS_BIND, NULL) == 0, "%s", strerror(errno));

    if (apply((const char *const[]){guarded, NULL}, true, true)) {
        denied_open_and_its_neighbour();
        user_of_the_actor();
        denied_exec_and_its_neighbour();
        script_asks_in_stages();
        one_path_by_every_mount();
        deleted_file_is_unresolved();
        name_without_utf8();
        processes_are_told();
        files_are_told();
        own_opens_are_exempt();
        the_agent_is_exempt_while_it_is_connected();
        marks_follow_the_policy();
        paths_follow_the_mounts();
    }
    apply((const char *const[]){NULL}, false, false);
    CHECK(umount2(bound, 0) == 0, "%s", strerror(errno));
    CHECK(umount2(guarded, 0) == 0, "nothing is held once the policy is gone: %s", strerror(errno));
}

static bool mount_ext4(void)
{
    char command[512];
    snprintf(command, sizeof command,
             "truncate -s 64M %s/image && PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -F %s/image && mount -o loop %s/image %s", root,
             root, root, guarded);
    return system(command) == 0;
}

static bool mount_tmpfs(void)
{
    return mount("picket", guarded, "tmpfs", 0, "size=64m") == 0;
}

static void guard_with(enum process_events events, bool (*mount_it)(void), const char *filesystem)
{
    char error[256] = "";
    backend = linux_backend();
    linux_process_events(events);
    CHECK(backend->start(backend->state, NULL, error, sizeof error) == 0, "%s", error);
    if (failures > 0)
        return;
    if (mount_it())
        guard_on(filesystem);
    else
        fprintf(stderr, "  %s was left out: mkfs.ext4 or loop devices are missing\n", filesystem);
    backend->stop(backend->state);
    backend->stop(backend->state);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        _exit(child(argc, argv));
    int code = begin_test("linux_backend_test");
    if (code != 0)
        return code;
    snprintf(other, sizeof other, "%s/other", root);
    snprintf(bound, sizeof bound, "%s/bound", root);
    mkdir(other, 0755);
    mkdir(bound, 0755);

    guard_with(PROCESS_EVENTS_AUTO, mount_tmpfs, "tmpfs");
    guard_with(PROCESS_EVENTS_PROC, mount_ext4, "ext4");
    umount2(bound, MNT_DETACH);
    unlink(path_in(root, "image"));
    rmdir(other);
    rmdir(bound);
    return end_test("linux_backend_test");
}
