// The kernel drops news of processes: that is a loss on record, and who acts afterwards is told as who it is, though the
// table never heard of its fork, its exec or the end of the pid's owner before. Needs root: without it says so and exits
// with 77.
#include <sys/socket.h>

#include "core/lock.h"
#include "linux/linux_state.h"
#include "linux_harness.h"

enum { STORM = 600 };

static struct linux_state *state;

// While the table is locked nobody takes news, and socket and ring have little room.
static void begin_overflow(void)
{
    int bytes = 2048;
    CHECK(setsockopt(state->actors.news.connector, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) == 0, "%s",
          strerror(errno));
    lock(&state->actors.lock);
    for (int i = 0; i < STORM; i++)
        wait_child(start_child((const char *const[]){self, "--exit", "0", NULL}));
}

static void end_overflow(void)
{
    int bytes = 16 << 20;
    (void)setsockopt(state->actors.news.connector, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    unlock(&state->actors.lock);
}

// A child of the test's that executes another program when told, and opens the file when told again.
static pid_t start_told(int *socket)
{
    int pair[2];
    pid_t pid = -1;
    char script[700];
    snprintf(script, sizeof script, "echo r; read x; exec %s --open-when-told %s", path_in(root, "program"),
             path_in(guarded, "denied"));
    const char *const arguments[] = {"/bin/sh", "-c", script, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "%s", strerror(errno));
    posix_spawn_file_actions_adddup2(&actions, pair[1], 0);
    posix_spawn_file_actions_adddup2(&actions, pair[1], 1);
    CHECK(posix_spawn(&pid, "/bin/sh", &actions, NULL, (char *const *)(uintptr_t)arguments, environ) == 0, "spawn");
    posix_spawn_file_actions_destroy(&actions);
    close(pair[1]);
    char ready[2];
    CHECK(read(pair[0], ready, 2) == 2, "the shell is ready");
    *socket = pair[0];
    return pid;
}

static bool is_running(pid_t pid, const char *program)
{
    char path[64], link[512];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t length = readlink(path, link, sizeof link - 1);
    link[length > 0 ? length : 0] = 0;
    return strcmp(link, program) == 0;
}

static void who_acts_after_an_overflow_is_told_as_it_is(void)
{
    int socket;
    size_t from = records_so_far();
    struct record before, after;
    pid_t pid = start_told(&socket);
    if (!expect(&from, (struct wanted){EVENT_NOTIFY, "exec", NULL, (uint32_t)pid}, &before))
        return;
    begin_overflow();
    CHECK(write(socket, "\n", 1) == 1, "%s", strerror(errno));
    for (int i = 0; i < 100000 && !is_running(pid, path_in(root, "program")); i++)
        sched_yield();
    uint32_t count = state->actors.table.count, capacity = state->actors.table.capacity;
    end_overflow();
    CHECK(count <= capacity, "%u entries of %u", count, capacity);
    from = records_so_far();
    CHECK(write(socket, "\n", 1) == 1 && wait_child(pid) == EPERM, "its open is judged");
    if (expect(&from, (struct wanted){EVENT_AUTH, "open", NULL, (uint32_t)pid}, &after)) {
        CHECK(strcmp(after.process.executable, path_in(root, "program")) == 0, "executable %s", after.process.executable);
        CHECK(strcmp(after.process.entity_id, before.process.entity_id) == 0, "one entity id: %s, %s",
              before.process.entity_id, after.process.entity_id);
        CHECK(strcmp(after.parent.executable, self) == 0 && !after.process.unresolved, "parent %s",
              after.parent.executable);
        CHECK(after.process.args_count == 0 || strcmp(after.process.args[1], "--open-when-told") == 0, "argument %s",
              after.process.args[1]);
    }
    close(socket);
    // A thread of its own tells of it, maybe after all else.
    bool told = false;
    for (int i = 0; i < 20000 && !told; i++) {
        pthread_mutex_lock(&record_lock);
        told = losses > 0;
        pthread_mutex_unlock(&record_lock);
        usleep(1000);
    }
    CHECK(told, "the loss is on record");
}

static void overflow_with(enum process_events events)
{
    char error[256] = "";
    linux_process_events(events);
    CHECK(backend->start(backend->state, NULL, error, sizeof error) == 0, "%s", error);
    if (failures == 0 && apply((const char *const[]){guarded, NULL}, true, true)) {
        who_acts_after_an_overflow_is_told_as_it_is();
        apply((const char *const[]){NULL}, false, false);
    }
    backend->stop(backend->state);
    losses = 0;     // nothing tells any more, and what was told was meant
}

int main(int argc, char **argv)
{
    if (argc > 1)
        _exit(child(argc, argv));
    int code = begin_test("linux_overflow_test");
    if (code != 0)
        return code;
    backend = linux_backend();
    state = backend->state;
    process_program_ring_bytes = 64 * 1024;
    CHECK(mount("picket", guarded, "tmpfs", 0, "size=4m") == 0, "%s", strerror(errno));
    write_file(path_in(guarded, "denied"), "x", 0644);
    CHECK(RUN("/bin/cp", self, path_in(root, "program")) == 0, "a copy of this program");
    overflow_with(PROCESS_EVENTS_AUTO);
    overflow_with(PROCESS_EVENTS_PROC);
    unlink(path_in(root, "program"));
    return end_test("linux_overflow_test");
}
