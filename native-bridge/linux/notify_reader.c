// The thread for what happened and nobody waits for: programs that started and ended, files opened, closed, created, changed,
// renamed, removed, filesystems mounted and unmounted. What must be slow (arguments lie in a process's own memory) is done here.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/picket_event.h"
#include "core/vigil.h"
#include "fanotify_event.h"
#include "linux_state.h"
#include "proc_files.h"
#include "told_program.h"
#include "urgent.h"

enum { READ_BYTES = 16384, CHANGES_A_TURN = 256 };

// With an alert (or NULL), which no mute holds back: a path is easily chosen.
static void give_to_core(struct linux_state *state, const struct guard_state *guard, const struct picket_alert *alert)
{
    struct event_memory *memory = &state->notify_memory;
    if (!alert && policy_mutes(guard->policy, memory->process.facts.executable))
        return;
    struct encoded_event encoded;
    bool is_whole = event_finish(memory, &encoded);
    if (is_whole && alert)
        is_whole = event_append_alert(alert, memory->buffer, memory->buffer_size, &encoded);
    if (is_whole)
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
    return kind == PROC_FORKED ? guard->notify_fork : kind == PROC_EXITED ? guard->notify_exit : false;
}

// Arguments that nobody's event carries but a later one may, of a process that is asked about now.
static void read_args(struct linux_state *state, const struct args_wanted *wanted)
{
    struct memory_answer answer;
    memory_reader_ask(&state->memory, wanted->pid, wanted->user_known ? wanted->uid : UINT32_MAX, MEMORY_ARGS);
    if (memory_reader_wait(&state->memory, &answer) == MEMORY_READ && answer.found)
        (void)actors_keep_args(&state->actors, wanted, answer.start_ticks, answer.args);
}

static void read_wanted_args(struct linux_state *state)
{
    uint64_t wakes;
    struct args_wanted wanted;
    (void)!read(state->actors.wake, &wakes, sizeof wakes);
    actors_read_wanted_containers(&state->actors);
    while (actors_next_wanted(&state->actors, &wanted))
        read_args(state, &wanted);
}

// Once after the start: of all that ran before.
static void read_all_args(struct linux_state *state)
{
    struct args_wanted wanted;
    for (uint32_t at = 0; !atomic_load(&state->stopping) && actors_read_next_container(&state->actors, &at);)
        ;
    for (uint32_t at = 0; !atomic_load(&state->stopping) && actors_next_without_args(&state->actors, &at, &wanted);)
        read_args(state, &wanted);
}

// For the event, or to find out whether anybody was asked about it.
static bool is_program_wanted(const struct guard_state *guard)
{
    return guard->notify_exec || guard->permission_mask & FAN_OPEN_EXEC_PERM;
}

// What a program that was just executed is made of, as far as it is known.
struct program_image {
    struct bytes args, environment, directory;
    bool has_stat, has_identity;
    struct statx stat;              // as it is, for the event
    struct statx identity;          // device and inode alone, of a process that may still be looked at
};

// What was not told is read of the process.
static unsigned missing_parts(const struct guard_state *guard, uint32_t told)
{
    return (told & RECORD_HAS_ARGS ? 0 : MEMORY_ARGS) | (is_program_wanted(guard) ? MEMORY_PROGRAM : 0) |
           (guard->exec_environment && !(told & RECORD_HAS_ENVIRONMENT) ? MEMORY_ENVIRONMENT : 0);
}

static struct statx identity_of(const struct process_record *record)
{
    struct statx identity = {.stx_ino = record->inode, .stx_dev_major = (uint32_t)(record->device >> 20),
                             .stx_dev_minor = (uint32_t)(record->device & 0xfffff)};
    return identity;
}

// It holds only if the process still has that image once all is read.
static void read_image(struct linux_state *state, const struct guard_state *guard, const struct actor_change *change,
                       unsigned parts, struct program_image *image)
{
    struct args_wanted wanted;
    struct memory_answer answer;
    actors_args_of_change(&state->actors, change, &wanted);
    memory_reader_ask(&state->memory, wanted.pid, wanted.user_known ? wanted.uid : UINT32_MAX, parts);
    actors_learn_change(&state->actors, change);  // meanwhile
    enum memory_outcome outcome = memory_reader_wait(&state->memory, &answer);
    bool is_it = answer.found && (parts & MEMORY_ARGS
                                      ? actors_keep_args(&state->actors, &wanted, answer.start_ticks, answer.args) &&
                                            answer.args.length > 0
                                      : actors_run_still(&state->actors, &wanted, answer.start_ticks));
    if (is_it && parts & MEMORY_ARGS)
        image->args = answer.args;
    if (is_it && parts & MEMORY_ENVIRONMENT)
        image->environment = answer.environment;
    image->has_stat = image->has_identity = is_it && answer.has_stat;
    image->stat = image->identity = answer.stat;
    // Whoever is to read is late on a busy machine, or kept from it by a process of the same user.
    if (outcome != MEMORY_READ && change->is_told && change->record.device != 0) {
        image->has_identity = true;
        image->identity = identity_of(&change->record);
    }
    // Of a process that has ended there is nothing to be read: news when it was told, for then it was too much to tell.
    bool is_unread = outcome != MEMORY_READ || (change->is_told && !is_it);
    if (is_unread && parts & MEMORY_ARGS && guard->notify_exec)
        core_loss(state->core, "arguments_unread", EVENT_NOTIFY, "exec", 1);
}

static void find_told_program(struct linux_state *state, const struct actor_change *change, struct program_image *image)
{
    struct canonical_path *path = &state->told_path;
    struct statx stat;
    told_program_find(&state->told.record, path, &stat);
    actors_learn_told(&state->actors, change, (struct bytes){path->text, path->length}, !path->unresolved);
    if (path->unresolved || image->has_stat)
        return;
    image->has_stat = true;  // of a file of the same name and inode
    image->stat = stat;
}

static void learn_image(struct linux_state *state, const struct guard_state *guard, const struct actor_change *change,
                        struct program_image *image)
{
    *image = (struct program_image){.has_stat = false};
    uint32_t told = actors_told(&state->actors, change, &state->told) ? state->told.record.has : 0;
    unsigned parts = missing_parts(guard, told);
    if (parts != 0)
        read_image(state, guard, change, parts, image);
    else
        actors_learn_change(&state->actors, change);
    if (!change->is_told)
        return;
    struct record_texts texts = process_record_texts(&state->told.record);
    if (told & RECORD_HAS_ARGS)
        image->args = (struct bytes){texts.args.data, texts.args.length};
    if (told & RECORD_HAS_ENVIRONMENT)
        image->environment = (struct bytes){texts.environment.data, texts.environment.length};
    image->directory = (struct bytes){texts.directory.data, texts.directory.length};
    if (told & RECORD_HAS_PROGRAM && !actors_know_program(&state->actors, change))
        find_told_program(state, change, image);
}

static void set_program(struct linux_state *state, const struct guard_state *guard, const struct statx *stat)
{
    struct event_memory *memory = &state->notify_memory;
    struct canonical_path *path = &memory->path;
    struct bytes executable = memory->process.facts.executable;
    path->unresolved = memory->process.facts.executable_unresolved;
    path->length = executable.length < sizeof path->text ? executable.length : sizeof path->text;
    if (path->length > 0)
        memcpy(path->text, executable.data, path->length);
    event_set_file(memory, path, stat, &guard->users);
}

// @param image the new one of PROC_EXECUTED, or NULL
static void tell_change(struct linux_state *state, const struct guard_state *guard, const struct actor_change *change,
                        const struct program_image *image, const struct picket_alert *alert)
{
    struct event_memory *memory = &state->notify_memory;
    event_begin(memory, EVENT_NOTIFY, action_of(change->kind), state->actors.news.ring ? "ebpf" : "proc-connector",
                change->created_ns);
    actors_view_change(&state->actors, change, &memory->view, &memory->previous_view);
    struct process_facts *process = &memory->process.facts;
    if (image && image->args.length > 0)  // whole, where the table keeps a part
        memory->view.process.args = image->args;
    event_set_actor(memory, &state->boot, &guard->users);
    if (image && image->environment.length > 0)
        event_set_environment(memory, image->environment);
    if (change->kind == PROC_EXECUTED)
        set_program(state, guard, image && image->has_stat ? &image->stat : NULL);
    if (change->kind == PROC_EXECUTED && change->previous != PROCESS_NONE) {
        event_set_process(memory, &memory->previous, &memory->previous_view, &state->boot, &guard->users);
        process->previous = &memory->previous.facts;
    }
    if (change->kind == PROC_EXITED) {
        process->has_exit_code = true;
        process->exit_code = change->exit_code;
    } else if (image && image->directory.length > 0) {
        process->working_directory = image->directory;
    } else {
        size_t length = proc_read_cwd(change->pid, memory->directory, sizeof memory->directory);
        if (memory->view.process.start_ticks == proc_read_start(change->pid))  // else it is the pid's next owner's
            process->working_directory = (struct bytes){memory->directory, length};
    }
    memory->event.outcome = "success";
    give_to_core(state, guard, alert);
}

// Tells of an exec, and that nobody was asked about it if that is news.
static void tell_exec(struct linux_state *state, const struct guard_state *guard, const struct actor_change *change,
                      const struct program_image *image)
{
    const struct statx *program = image->has_identity ? &image->identity : NULL;
    int64_t when_us = (int64_t)(change->when_ns / 1000);
    const struct told_exec exec = {
        .pid = change->pid, .created_ns = change->created_ns, .monotonic_us = when_us,
        .was_remembered = program && ignore_marks_covered(&state->ignore_marks, &state->leases, program,
                                                          FAN_OPEN_EXEC_PERM, when_us),
        .program = program,
    };
    // Switched off, nobody is asked, and that is no news.
    const char *reason = atomic_load(&state->silent) ? NULL : unasked_reason(&state->asked_execs, guard, &exec);
    char message[256];
    snprintf(message, sizeof message, "A program runs that nobody was asked about: %s.", reason ? reason : "");
    const struct picket_alert alert = {"picket-unasked", "high", message};
    if (reason || guard->notify_exec)
        tell_change(state, guard, change, image, reason ? &alert : NULL);
}

// A program that the kernel could not run, for it ran there already, has told nothing, and the ring says nothing of it.
static void look_for_misses(struct linux_state *state)
{
    int64_t now_us = clock_monotonic_us();
    if (now_us < state->misses_looked_us + VIGIL_TURN_MS * 1000)
        return;
    state->misses_looked_us = now_us;
    uint64_t misses = process_program_misses(&state->program);
    if (misses > 0)
        actors_lose(&state->actors, misses);
}

static void read_changes(struct linux_state *state, const struct guard_state *guard)
{
    struct actor_change change;
    for (int i = 0; i < CHANGES_A_TURN && actors_next_change(&state->actors, &change); i++) {
        vigil_beat(VIGIL_NOTIFICATIONS);
        if (change.kind == PROC_EXECUTED || is_wanted(guard, change.kind))
            actors_read_container(&state->actors, change.pid);
        if (change.kind == PROC_EXECUTED) {
            struct program_image image;
            mount_watch_look_at(&state->mount_watch, change.pid);
            learn_image(state, guard, &change, &image);
            tell_exec(state, guard, &change, &image);
        } else {
            actors_learn_change(&state->actors, &change);
            if (is_wanted(guard, change.kind))
                tell_change(state, guard, &change, NULL, NULL);
        }
        actors_finish(&state->actors, &change);
    }
    struct container_counts containers = actors_container_counts(&state->actors);
    core_containers(state->core, &containers);
    struct actor_losses losses = actors_take_losses(&state->actors);
    if (losses.overflows > 0)
        core_loss(state->core, "kernel_overflow", EVENT_NOTIFY, "", 0);
    if (losses.changes_lost > 0)
        core_loss(state->core, "kernel_overflow", EVENT_NOTIFY, "", losses.changes_lost);
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
    if (memory->view.process.container.lookup == CONTAINER_PENDING) {
        actors_read_container(&state->actors, event->pid);
        actors_look(&state->actors, event->pid, event->pidfd, false, &memory->view);
    }
    event_set_actor(memory, &state->boot, &guard->users);
    size_t length = proc_read_cwd(event->pid, memory->directory, sizeof memory->directory);
    if (pidfd_is_alive(event->pidfd))  // else the folder may be that of the pid's next owner
        memory->process.facts.working_directory = (struct bytes){memory->directory, length};
}

// Only while the process is there: its pid's next owner may live elsewhere.
static void set_container_path(struct event_memory *memory, const struct fanotify_event *event)
{
    if (pidfd_is_alive(event->pidfd))
        memory->file.container_path = (struct bytes){memory->container_path.text, memory->container_path.length};
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
    canonical_path_of(&guard->filesystems, event->pid, event->fd, &stat, &memory->path);
    event_set_file(memory, &memory->path, has_stat ? &stat : NULL, &guard->users);
    container_path_of_opened(state->mount_watch.own_namespace, event->pid, &memory->path, &memory->container_path);
    set_container_path(memory, event);
    give_to_core(state, guard, NULL);
}

// One that is guarded, or whose names are an overlay's that is.
static const struct filesystem *filesystem_of_name(const struct guard_state *guard, const struct fanotify_name *name)
{
    const struct filesystem *filesystem =
        name->present ? filesystem_set_find_fsid(&guard->filesystems, name->fsid) : NULL;
    return filesystem || !name->present ? filesystem : filesystem_set_find_fsid(&guard->overlays.layers, name->fsid);
}

// False: the name is of a folder that nobody guards.
static bool path_of_name(const struct guard_state *guard, const struct fanotify_name *name,
                         struct canonical_path *path, enum overlay_place *place)
{
    const struct filesystem *filesystem = filesystem_of_name(guard, name);
    if (!filesystem)
        return false;
    canonical_path_by_handle(filesystem, name->handle, name->name, path);
    *place = overlay_names_translate(&guard->overlays, name->fsid, path);
    return *place != OVERLAY_ELSEWHERE || filesystem_set_find_fsid(&guard->filesystems, name->fsid);
}

// Of the file itself, as it is when the event is read. A folder that is acted on itself is told by its own handle alone,
// under the name ".".
static bool stat_of_event(const struct guard_state *guard, const struct fanotify_event *event, struct statx *stat)
{
    const struct fanotify_name *file = event->file.present ? &event->file : &event->name;
    const struct filesystem *filesystem = filesystem_of_name(guard, file);
    return filesystem && (!file->name || strcmp(file->name, ".") == 0) &&
           stat_by_handle(filesystem, file->handle, stat);
}

static enum overlay_arrival arrival_of_name(const struct guard_state *guard, const struct fanotify_name *file)
{
    const struct filesystem *filesystem = filesystem_of_name(guard, file);
    return filesystem ? overlay_arrival_of(filesystem, file->handle) : OVERLAY_CREATED;
}

static void tell_name(struct linux_state *state, const struct guard_state *guard, const char *action,
                      const struct fanotify_event *event)
{
    struct event_memory *memory = &state->notify_memory;
    enum overlay_place place, new_place = OVERLAY_ELSEWHERE;
    if (!path_of_name(guard, &event->name, &memory->path, &place))
        return;
    bool is_whiteout = false, is_renamed = path_of_name(guard, &event->new_name, &memory->target, &new_place);
    if (is_renamed && place == OVERLAY_WORK && new_place == OVERLAY_UPPER) {
        // An overlay makes a file ready in its work folder and then moves it to where it is to be.
        memory->path = memory->target;
        is_whiteout = arrival_of_name(guard, &event->file) == OVERLAY_WHITEOUT;
        action = is_whiteout ? "unlink" : "create";
        place = OVERLAY_UPPER;
        is_renamed = false;
    }
    if (place == OVERLAY_WORK || (is_renamed && new_place == OVERLAY_WORK))
        return;
    // Of an overlay's files the overlay's own mark tells.
    if (place == OVERLAY_UPPER && strcmp(action, "close") == 0)
        return;
    // A file of the layer below that is opened for writing appears above; whoever looks at the overlay sees nothing new.
    if (place == OVERLAY_UPPER && strcmp(action, "create") == 0 &&
        arrival_of_name(guard, &event->file) == OVERLAY_COPIED_UP)
        return;
    begin_file_event(state, guard, action, event);
    struct statx stat;
    bool is_removed = is_whiteout || strcmp(action, "unlink") == 0;
    bool has_stat = !is_removed && stat_of_event(guard, event, &stat);
    // What is acted on through a descriptor comes with the last name that it had, which may be another file's by now.
    bool is_by_descriptor = strcmp(action, "attrib") == 0 || strcmp(action, "close") == 0;
    bool is_gone = event->file.present && (!has_stat || stat.stx_nlink == 0);
    memory->path.unresolved = memory->path.unresolved || (is_by_descriptor && is_gone);
    event_set_file(memory, &memory->path, has_stat ? &stat : NULL, &guard->users);
    container_path_of_named(&guard->filesystems, state->mount_watch.own_namespace, event->pid, &memory->path,
                            &memory->container_path);
    set_container_path(memory, event);
    if (is_renamed)
        memory->file.target_path = (struct bytes){memory->target.text, memory->target.length};
    give_to_core(state, guard, NULL);
}

// ---- mounts

struct mount_teller {
    struct linux_state *state;
    const struct guard_state *guard;
    const struct fanotify_event *event;
};

static void tell_mount(void *context, const struct mount_told *mount)
{
    const struct mount_teller *teller = context;
    struct event_memory *memory = &teller->state->notify_memory;
    if (!(mount->is_mounted ? teller->guard->notify_mount : teller->guard->notify_unmount))
        return;
    begin_file_event(teller->state, teller->guard, mount->is_mounted ? "mount" : "unmount", teller->event);
    // Nothing of it is looked at: the server of a filesystem may not answer.
    struct canonical_path *path = &memory->path;
    path->unresolved = mount->point.length == 0 || mount->point.length > sizeof path->text;
    path->length = path->unresolved ? 0 : mount->point.length;
    if (path->length > 0)
        memcpy(path->text, mount->point.data, path->length);
    event_set_file(memory, path, NULL, &teller->guard->users);
    const struct statfs_facts statfs = {mount->point, mount->source, mount->type};
    memory->event.statfs = &statfs;
    give_to_core(teller->state, teller->guard, NULL);
}

static void tell_mounts(struct linux_state *state, const struct guard_state *guard, const struct fanotify_event *event)
{
    struct mount_teller teller = {state, guard, event};
    mount_events_take(&state->mount_events, event, tell_mount, &teller);
}

// The kernel may merge what one process did to one file under one name into one event. Each part is told, in the order of a
// file's life, for which of them came first is not to be known.
static void tell_event(struct linux_state *state, const struct guard_state *guard, const struct fanotify_event *event)
{
    if (event->mask & FAN_Q_OVERFLOW) {
        core_loss(state->core, "kernel_overflow", EVENT_NOTIFY, "", 0);
        mount_events_lost(&state->mount_events);
        return;
    }
    if (event->mount_id != 0)
        tell_mounts(state, guard, event);
    if (event->pid == (uint32_t)getpid())
        return;
    if (event->fd >= 0 && event->mask & FAN_OPEN)
        tell_file(state, guard, "open", event);
    if (event->fd >= 0 && event->mask & FAN_CLOSE_WRITE)
        tell_file(state, guard, "close", event);
    if (event->mask & FAN_CREATE)
        tell_name(state, guard, "create", event);
    if (event->mask & FAN_ATTRIB)
        tell_name(state, guard, "attrib", event);
    if (event->fd < 0 && event->mask & FAN_CLOSE_WRITE)
        tell_name(state, guard, "close", event);
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
        vigil_beat(VIGIL_NOTIFICATIONS);
        tell_event(state, guard, &event);
        fanotify_event_close(&event);
    }
}

void *notify_reader(void *argument)
{
    struct linux_state *state = argument;
    urgent_thread(URGENT_TO_TELL);
    vigil_sit(VIGIL_NOTIFICATIONS);
    read_all_args(state);
    enum { STOP, WAKE, CONNECTOR, RING, FILES, NAMES, MOUNTS };
    struct pollfd waiting[] = {
        [STOP] = {.fd = state->stop_event, .events = POLLIN},
        [WAKE] = {.fd = state->actors.wake, .events = POLLIN},
        [CONNECTOR] = {.fd = state->actors.news.connector, .events = POLLIN},
        [RING] = {.fd = state->program.ring.fd, .events = POLLIN},
        [FILES] = {.fd = state->file_group, .events = POLLIN},
        [NAMES] = {.fd = state->name_group, .events = POLLIN},
        [MOUNTS] = {.fd = state->mount_events.group, .events = POLLIN},
    };
    while (!atomic_load(&state->stopping)) {
        int wait_ms = actors_wait_ms(&state->actors);
        if (wait_ms < 0 || wait_ms > VIGIL_TURN_MS)
            wait_ms = VIGIL_TURN_MS;
        vigil_beat(VIGIL_NOTIFICATIONS);
        // Where it fails, processes are told all the same, and the rest once it works again.
        if (poll(waiting, sizeof waiting / sizeof *waiting, wait_ms) < 0 && errno != EINTR)
            (void)poll(waiting, 1, wait_ms);
        if (waiting[STOP].revents)
            break;
        struct guard_state *guard = linux_guard(state);
        if (waiting[WAKE].revents)
            read_wanted_args(state);
        look_for_misses(state);
        read_changes(state, guard);
        if (waiting[FILES].revents)
            read_group(state, guard, state->file_group);
        if (waiting[NAMES].revents)
            read_group(state, guard, state->name_group);
        if (waiting[MOUNTS].revents)
            read_group(state, guard, state->mount_events.group);
        guard_state_unref(guard);
    }
    vigil_leave(VIGIL_NOTIFICATIONS);
    return NULL;
}
