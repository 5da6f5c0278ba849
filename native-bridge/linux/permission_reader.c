// The thread that reads permission events. While it works on one, somebody's open or execve waits: it allocates
// nothing, logs nothing, opens with O_PATH outside /proc, and asks nothing that waits for a disk or for a process.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/clock.h"
#include "fanotify_event.h"
#include "linux_state.h"
#include "proc_files.h"

// The kernel opens a descriptor for each event of a read: few at a time, so that the first is not kept waiting.
enum { READ_BYTES = 1024, NICENESS = -20 };

struct question {
    struct fanotify_event *kernel;
    const struct guard_state *guard;
    bool is_exec;
    struct statx stat;
    uint8_t script[EXEC_SCRIPT_BYTES];
};

static void give_to_core(struct linux_state *state, struct question *question, const struct auth_subject *subject)
{
    struct encoded_event encoded;
    if (!event_finish(&state->permission_memory, &encoded)) {
        // Never so by its size (EVENT_BUFFER_SIZE holds every path); the core still gets its subject and answers.
        encoded = (struct encoded_event){state->permission_memory.buffer, 0, EVENT_AUTH, subject->action};
    }
    uint64_t token = (uint64_t)question->kernel->fd;
    question->kernel->fd = -1;  // respond() closes it
    core_auth(state->core, subject, &encoded, token);
}

static void describe_exec(struct linux_state *state, struct question *question)
{
    struct event_memory *memory = &state->permission_memory;
    const struct filesystem *filesystem = filesystem_set_find(
        &question->guard->filesystems, makedev(question->stat.stx_dev_major, question->stat.stx_dev_minor));
    struct exec_question stage = {
        .pid = question->kernel->pid,
        .fd = question->kernel->fd,
        .path = {memory->path.text, memory->path.length},
        .reads_never_block = filesystem && filesystem->reads_never_block,
    };
    struct exec_answer answer = actors_exec_stage(&state->actors, &stage, question->script);
    memory->event.exec_stage = answer.stage;
    memory->event.exec_script = answer.script;

    // The process that is to be: the caller's pid, start and user with the file asked about. The arguments don't exist.
    event_set_process(memory, &memory->previous, &memory->view.process, &state->boot, &question->guard->users);
    struct process_facts *process = &memory->process.facts;
    process->previous = &memory->previous.facts;
    process->args_count = 0;
    process->executable = stage.path;
    process->executable_unresolved = memory->path.unresolved;
    process->name = (struct bytes){NULL, 0};
}

static void ask(struct linux_state *state, struct question *question)
{
    struct event_memory *memory = &state->permission_memory;
    const struct fanotify_event *kernel = question->kernel;
    const char *action = question->is_exec ? "exec" : "open";
    struct auth_subject subject = {.action = action, .pid = kernel->pid, .remaining_us = -1};
    event_begin(memory, EVENT_AUTH, action, "fanotify", clock_unix_ns());

    if (linux_is_exempt(state, kernel->pid)) {
        subject.actor_exempt = true;
        memset(&memory->process.facts, 0, sizeof memory->process.facts);
        memory->process.facts.pid = kernel->pid;
        memory->event.process = &memory->process.facts;
        give_to_core(state, question, &subject);
        return;
    }
    bool has_stat =
        statx(kernel->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_OF_EVENTS, &question->stat) == 0;
    if (!has_stat)
        memset(&question->stat, 0, sizeof question->stat);
    canonical_path_of(&question->guard->filesystems, kernel->fd, &question->stat, &memory->path);
    actors_look(&state->actors, kernel->pid, kernel->pidfd, !question->is_exec, &memory->view);
    event_set_actor(memory, &state->boot, &question->guard->users);
    event_set_file(memory, &memory->path, has_stat ? &question->stat : NULL, &question->guard->users);
    memory->process.facts.working_directory =
        (struct bytes){memory->directory, proc_read_cwd(kernel->pid, memory->directory, sizeof memory->directory)};
    if (question->is_exec)
        describe_exec(state, question);

    subject.file_path = (struct bytes){memory->path.text, memory->path.length};
    subject.file_path_unresolved = memory->path.unresolved;
    subject.executable = memory->view.process.executable;
    subject.executable_unresolved = memory->view.process.executable_unresolved;
    // Whose user is not known is not taken for root, who alone is spared when too many ask.
    subject.uid = memory->view.process.user_known ? memory->view.process.uid : UINT32_MAX;
    subject.target_never_denied = never_denied_has(
        &question->guard->never_denied, makedev(question->stat.stx_dev_major, question->stat.stx_dev_minor),
        question->stat.stx_ino);
    give_to_core(state, question, &subject);
}

static void read_questions(struct linux_state *state)
{
    uint8_t buffer[READ_BYTES] __attribute__((aligned(8)));
    ssize_t length = read(state->permission_group, buffer, sizeof buffer);
    if (length <= 0)
        return;
    struct guard_state *guard = linux_guard(state);
    size_t offset = 0;
    struct fanotify_event event;
    while (fanotify_event_next(buffer, (size_t)length, &offset, &event)) {
        if (event.mask & FAN_Q_OVERFLOW) {
            core_loss(state->core, "kernel_overflow", EVENT_AUTH, "", 0);
        } else if (event.fd >= 0) {
            static struct question question;  // one thread only
            question.kernel = &event;
            question.guard = guard;
            question.is_exec = event.mask & FAN_OPEN_EXEC_PERM;
            ask(state, &question);
        }
        fanotify_event_close(&event);
    }
    guard_state_unref(guard);
}

void *permission_reader(void *argument)
{
    struct linux_state *state = argument;
    // Of this thread alone; a kernel that refuses leaves it as fast as the others.
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
    struct pollfd waiting[2] = {{.fd = state->permission_group, .events = POLLIN},
                                {.fd = state->stop_event, .events = POLLIN}};
    while (!atomic_load(&state->released)) {
        if (poll(waiting, 2, -1) < 0 && errno != EINTR)
            break;
        if (waiting[1].revents)
            break;
        if (waiting[0].revents)
            read_questions(state);
    }
    return NULL;
}
