// The thread for all that nobody waits for: programs that start and end, files opened, closed, created, renamed,
// removed, and mounts that change. What must be slow (arguments lie in a process's own memory) is done here.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/clock.h"
#include "fanotify_event.h"
#include "linux_state.h"
#include "proc_files.h"

enum { READ_BYTES = 16384, CHANGES_A_TURN = 256, NICENESS = -19 };

static void give_to_core(struct linux_state *state, const struct guard_state *guard)
{
    struct event_memory *memory = &state->notify_memory;
    if (policy_mutes(guard->policy, memory->process.facts.executable))
        return;
    struct encoded_event encoded;
    if (event_finish(memory, &encoded))
        core_notify(state->core, &encoded);
    else
        core_loss(state->core, "malformed", EVENT_NOTIFY, memory->event.action, 1);
}

// ---- processes

static const char *action_of(enum proc_change_kind kind)
{
    return kind == PROC_FORKED ? "fork" : kind == PROC_EXECUTED ? "exec" : "exit";
}

static bool is_wanted(const struct guard_state *guard, enum proc_change_kind kind)
{
    return kind == PROC_FORKED     ? guard->notify_fork
           : kind == PROC_EXECUTED ? guard->notify_exec
           : kind == PROC_EXITED   ? guard->notify_exit
                                   : false;
}

// What is read of a process that has a new image, and holds only if it still has it once all is read.
struct image_reading {
    size_t args_length;             // 0: the image is not the one any more
    size_t environment_length;
    bool has_stat;
    struct statx stat;              // of the program
};

static void read_image(struct linux_state *state, const struct guard_state *guard, const struct actor_change *change,
                       struct image_reading *reading)
{
    memset(reading, 0, sizeof *reading);
    if (guard->exec_environment)
        reading->environment_length = proc_read_env(change->process.pid, state->environment, ENVIRONMENT_MAX);
    if (guard->notify_exec) {
        char program[32];
        snprintf(program, sizeof program, "/proc/%u/exe", change->process.pid);
        reading->has_stat = statx(AT_FDCWD, program, AT_STATX_DONT_SYNC, STATX_OF_EVENTS, &reading->stat) == 0;
    }
    actors_read_args(&state->actors, change, state->args, ARGS_MAX, &reading->args_length);
}

static void set_program(struct linux_state *state, const struct guard_state *guard,
                        const struct image_reading *reading)
{
    struct event_memory *memory = &state->notify_memory;
    struct canonical_path *path = &memory->path;
    struct bytes executable = memory->process.facts.executable;
    path->unresolved = memory->process.facts.executable_unresolved;
    path->length = executable.length < sizeof path->text ? executable.length : sizeof path->text;
    if (path->length > 0)
        memcpy(path->text, executable.data, path->length);
    event_set_file(memory, path, reading->has_stat && reading->args_length > 0 ? &reading->stat : NULL, &guard->users);
}

static void tell_change(struct linux_state *state, const struct guard_state *guard, const struct actor_change *change,
                        const struct image_reading *reading)
{
    struct event_memory *memory = &state->notify_memory;
    event_begin(memory, EVENT_NOTIFY, action_of(change->kind), "proc-connector", change->created_ns);
    actors_view_change(&state->actors, change, &memory->view, &memory->previous_view);
    struct process_facts *process = &memory->process.facts;
    bool is_image_read = change->kind == PROC_EXECUTED && reading->args_length > 0;
    if (is_image_read)  // whole, where the table keeps a part
        memory->view.process.args = (struct bytes){state->args, reading->args_length};
    event_set_actor(memory, &state->boot, &guard->users);
    if (is_image_read)
        event_set_environment(memory, (struct bytes){state->environment, reading->environment_length});
    if (change->kind == PROC_EXECUTED)
        set_program(state, guard, reading);
    if (change->kind == PROC_EXECUTED && change->previous != PROCESS_NONE) {
        event_set_process(memory, &memory->previous, &memory->previous_view, &state->boot, &guard->users);
        process->previous = &memory->previous.facts;
    }
    if (change->kind == PROC_EXITED) {
        process->has_exit_code = true;
        process->exit_code = change->exit_code;
    } else if (change->process.start_ticks == proc_read_start(change->process.pid)) {
        process->working_directory = (struct bytes){
            memory->directory, proc_read_cwd(change->process.pid, memory->directory, sizeof memory->directory)};
    }
    memory->event.outcome = "success";
    give_to_core(state, guard);
}

static void read_changes(struct linux_state *state, const struct guard_state *guard)
{
    struct actor_change change;
    for (int i = 0; i < CHANGES_A_TURN && actors_next_change(&state->actors, &change); i++) {
        struct image_reading reading;
        if (change.kind == PROC_EXECUTED)
            read_image(state, guard, &change, &reading);
        if (is_wanted(guard, change.kind))
            tell_change(state, guard, &change, &reading);
        actors_finish(&state->actors, &change);
    }
    struct actor_losses losses = actors_take_losses(&state->actors);
    if (losses.overflows > 0)
        core_loss(state->core, "kernel_overflow", EVENT_NOTIFY, "", 0);
    if (losses.changes_dropped > 0)
        core_loss(state->core, "queue_full", EVENT_NOTIFY, "", losses.changes_dropped);
}

// ---- files

static void begin_file_event(struct linux_state *state, const struct guard_state *guard, const char *action,
                             const struct fanotify_event *event)
{
    struct event_memory *memory = &state->notify_memory;
    event_begin(memory, EVENT_NOTIFY, action, "fanotify", clock_unix_ns());
    memory->event.outcome = "success";
    actors_look(&state->actors, event->pid, event->pidfd, false, &memory->view);
    event_set_actor(memory, &state->boot, &guard->users);
    size_t length = proc_read_cwd(event->pid, memory->directory, sizeof memory->directory);
    if (pidfd_is_alive(event->pidfd))  // else the folder may be that of the pid's next owner
        memory->process.facts.working_directory = (struct bytes){memory->directory, length};
}

static void tell_file(struct linux_state *state, const struct guard_state *guard, const char *action,
                      const struct fanotify_event *event)
{
    struct event_memory *memory = &state->notify_memory;
    struct statx stat;
    bool has_stat = statx(event->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_OF_EVENTS, &stat) == 0;
    if (!has_stat)
        memset(&stat, 0, sizeof stat);
    begin_file_event(state, guard, action, event);
    canonical_path_of(&guard->filesystems, event->fd, &stat, &memory->path);
    event_set_file(memory, &memory->path, has_stat ? &stat : NULL, &guard->users);
    give_to_core(state, guard);
}

static bool path_of_name(const struct guard_state *guard, const struct fanotify_name *name,
                         struct canonical_path *path)
{
    const struct filesystem *filesystem = filesystem_set_find_fsid(&guard->filesystems, name->fsid);
    if (!name->present || !filesystem)
        return false;
    canonical_path_by_handle(filesystem, name->handle, name->name, path);
    return true;
}

// Of the file itself, as it is when the event is read; a removed one has none.
static bool stat_of_name(const struct guard_state *guard, const struct fanotify_name *file, struct statx *stat)
{
    const struct filesystem *filesystem = filesystem_set_find_fsid(&guard->filesystems, file->fsid);
    return file->present && filesystem && stat_by_handle(filesystem, file->handle, stat);
}

static void tell_name(struct linux_state *state, const struct guard_state *guard, const char *action,
                      const struct fanotify_event *event)
{
    struct event_memory *memory = &state->notify_memory;
    if (!path_of_name(guard, &event->name, &memory->path))
        return;
    begin_file_event(state, guard, action, event);
    struct statx stat;
    event_set_file(memory, &memory->path, stat_of_name(guard, &event->file, &stat) ? &stat : NULL, &guard->users);
    if (path_of_name(guard, &event->new_name, &memory->target))
        memory->file.target_path = (struct bytes){memory->target.text, memory->target.length};
    give_to_core(state, guard);
}

// The kernel may merge what one process did to one file into one event: each part is told.
static void tell_event(struct linux_state *state, const struct guard_state *guard, const struct fanotify_event *event)
{
    if (event->mask & FAN_Q_OVERFLOW) {
        core_loss(state->core, "kernel_overflow", EVENT_NOTIFY, "", 0);
        return;
    }
    if (event->pid == (uint32_t)getpid())
        return;
    if (event->fd >= 0 && event->mask & FAN_OPEN)
        tell_file(state, guard, "open", event);
    if (event->fd >= 0 && event->mask & FAN_CLOSE_WRITE)
        tell_file(state, guard, "close", event);
    if (event->mask & FAN_CREATE)
        tell_name(state, guard, "create", event);
    if (event->mask & FAN_RENAME)
        tell_name(state, guard, "rename", event);
    if (event->mask & FAN_DELETE)
        tell_name(state, guard, "unlink", event);
}

static void read_group(struct linux_state *state, const struct guard_state *guard, int group)
{
    uint8_t buffer[READ_BYTES] __attribute__((aligned(8)));
    ssize_t length = read(group, buffer, sizeof buffer);
    size_t offset = 0;
    struct fanotify_event event;
    while (length > 0 && fanotify_event_next(buffer, (size_t)length, &offset, &event)) {
        tell_event(state, guard, &event);
        fanotify_event_close(&event);
    }
}

void *notify_reader(void *argument)
{
    struct linux_state *state = argument;
    // A program that ends at once is known only if it is looked at before; the permission reader goes first still.
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
    actors_read_all_args(&state->actors, state->args, ARGS_MAX);
    struct pollfd waiting[] = {
        {.fd = state->stop_event, .events = POLLIN},      {.fd = state->actors.wake, .events = POLLIN},
        {.fd = state->actors.connector, .events = POLLIN}, {.fd = state->file_group, .events = POLLIN},
        {.fd = state->name_group, .events = POLLIN},       {.fd = state->mounts, .events = POLLPRI},
    };
    while (!atomic_load(&state->stopping)) {
        if (poll(waiting, sizeof waiting / sizeof *waiting, -1) < 0 && errno != EINTR)
            break;
        if (waiting[0].revents)
            break;
        struct guard_state *guard = linux_guard(state);
        if (waiting[1].revents)
            actors_serve_wanted(&state->actors, state->args, ARGS_MAX);
        read_changes(state, guard);
        if (waiting[3].revents)
            read_group(state, guard, state->file_group);
        if (waiting[4].revents)
            read_group(state, guard, state->name_group);
        guard_state_unref(guard);
        if (waiting[5].revents)
            linux_follow_mounts(state);  // they may change what a guarded path means and how its files are called
    }
    return NULL;
}
