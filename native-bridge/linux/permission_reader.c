// The threads that read permission events. While one works on an event, somebody's open or execve waits: it
// allocates nothing, logs nothing, opens with O_PATH outside /proc, and asks nothing that waits for a disk or for a process.
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "account.h"
#include "content_hash.h"
#include "core/clock.h"
#include "core/vigil.h"
#include "fanotify_event.h"
#include "kept_pidfds.h"
#include "linux_state.h"
#include "proc_files.h"
#include "urgent.h"

// EVENT_BYTES: the least that an event takes, which is what each takes that brings a pidfd and nothing else.
enum { EVENT_BYTES = 32, READ_BYTES = 512 * EVENT_BYTES };

struct question {
    struct linux_state *state;
    struct permission_lane *lane;
    struct fanotify_event *kernel;
    struct kept_pidfds pidfds;
    const struct guard_state *guard;
    uint64_t read_ns;
    bool is_exec, has_stat, is_exempt;
    struct statx stat;
    struct exec_answer stage;       // of an exec
    lease_id lease;                 // under which the content was looked at; 0: none
    uint8_t script[EXEC_SCRIPT_BYTES];
};

static const char *action_of(const struct question *question)
{
    return question->is_exec ? "exec" : "open";
}

static uint64_t device_of(const struct question *question)
{
    return makedev(question->stat.stx_dev_major, question->stat.stx_dev_minor);
}

// ---- the event, where somebody is to read it

// What rules want to know of contents: at once where it is known, else computed if one really needs it.
static void look_at_hashes(struct question *question)
{
    struct linux_state *state = question->state;
    struct event_memory *memory = &question->lane->memory;
    uint32_t wanted = policy_hashes(question->guard->policy, EVENT_AUTH, action_of(question));
    memory->file_hash.state = memory->process_hash.state = HASH_UNSPECIFIED;
    if (question->is_exec ? wanted != 0 : wanted & HASH_OF_FILE) {
        const struct filesystem *filesystem = filesystem_set_find(&question->guard->filesystems, device_of(question));
        bool is_hashed = filesystem && filesystem->is_hashed;
        content_hash_look(&state->leases, &question->stat, is_hashed, &memory->file_hash);
        core_hashed(state->core, &memory->file_hash);
    }
    if (question->is_exec) {
        memory->process_hash = memory->file_hash;
    } else if (wanted & HASH_OF_PROCESS) {
        content_hash_look_at_program(&state->leases, question->kernel->pid, &memory->process_hash);
        core_hashed(state->core, &memory->process_hash);
    }
}

static void gather(void *context)
{
    struct question *question = context;
    struct event_memory *memory = &question->lane->memory;
    memory->directory_length = 0;
    if (question->is_exempt)
        return;
    memory->directory_length = proc_read_cwd(question->kernel->pid, memory->directory, sizeof memory->directory);
    container_path_of_opened(question->state->mount_watch.own_namespace, question->kernel->pid, &memory->path,
                             &memory->container_path);
    look_at_hashes(question);
}

// The process that is to be: the caller's pid, start and user with the file asked about. The arguments don't exist.
static void describe_exec(struct question *question)
{
    struct event_memory *memory = &question->lane->memory;
    memory->event.exec_stage = question->stage.stage;
    memory->event.exec_script = question->stage.script;
    event_set_process(memory, &memory->previous, &memory->view.process, &question->state->boot, &question->guard->users);
    struct process_facts *process = &memory->process.facts;
    process->previous = &memory->previous.facts;
    process->args_count = 0;
    process->executable = (struct bytes){memory->path.text, memory->path.length};
    process->executable_unresolved = memory->path.unresolved;
    process->name = (struct bytes){NULL, 0};
}

static void describe_exempt(struct question *question)
{
    struct event_memory *memory = &question->lane->memory;
    memset(&memory->process.facts, 0, sizeof memory->process.facts);
    memory->process.facts.pid = question->kernel->pid;
    memory->event.process = &memory->process.facts;
}

static void describe(struct question *question)
{
    struct event_memory *memory = &question->lane->memory;
    const struct user_names *users = &question->guard->users;
    event_set_actor(memory, &question->state->boot, users);
    event_set_file(memory, &memory->path, question->has_stat ? &question->stat : NULL, users);
    memory->file.container_path = (struct bytes){memory->container_path.text, memory->container_path.length};
    memory->process.facts.working_directory = (struct bytes){memory->directory, memory->directory_length};
    if (question->is_exec)
        describe_exec(question);
    memory->file.hash = &memory->file_hash;
    memory->process.facts.hash = &memory->process_hash;
}

static struct encoded_event encode(void *context)
{
    struct question *question = context;
    struct event_memory *memory = &question->lane->memory;
    struct encoded_event encoded;
    event_begin(memory, EVENT_AUTH, action_of(question), "fanotify", question->read_ns);
    if (question->is_exempt)
        describe_exempt(question);
    else
        describe(question);
    if (event_finish(memory, &encoded))
        return encoded;
    // Never so by its size (EVENT_BUFFER_SIZE holds every path); the core still gets its subject and answers.
    return (struct encoded_event){memory->buffer, 0, EVENT_AUTH, action_of(question)};
}

// ---- the question

static void give_to_core(struct question *question, const struct auth_subject *subject)
{
    struct linux_state *state = question->state;
    const struct auth_event event = {question, gather, encode};
    uint64_t token = linux_token(&(struct question_token){
        question->kernel->fd, (size_t)(question->lane - state->lanes), question->is_exec, question->lease});
    question->kernel->fd = -1;  // respond() closes it
    core_auth(state->core, subject, &event, token);
}

static void learn_stage(struct question *question)
{
    struct linux_state *state = question->state;
    const struct canonical_path *path = &question->lane->memory.path;
    const struct filesystem *filesystem = filesystem_set_find(&question->guard->filesystems, device_of(question));
    struct exec_question stage = {
        .pid = question->kernel->pid,
        .fd = question->kernel->fd,
        .path = {path->text, path->length},
        .reads_never_block = filesystem && filesystem->reads_never_block,
    };
    question->stage = (struct exec_answer){EXEC_STAGE_PROGRAM, {NULL, 0}};
    // To look into a file of an overlay may open one of a layer, under a lock that the other reader may wait for.
    if (question->lane == &state->lanes[LANE_PLAIN])
        question->stage = actors_exec_stage(&state->actors, &stage, question->script);
}

static bool look_at_file(struct question *question)
{
    return statx(question->kernel->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_OF_EVENTS, &question->stat) == 0;
}

// Where the kernel may keep the answer: what is then told of the content must be what the lease holds.
static bool hold_content(struct question *question)
{
    const struct statx *file = &question->stat;
    const struct filesystem *filesystem = filesystem_set_find(&question->guard->filesystems, device_of(question));
    if (!S_ISREG(file->stx_mode) || file->stx_nlink == 0 || !filesystem || !filesystem_takes_leases(filesystem, file))
        return true;
    question->lease = leases_take(&question->state->leases, question->kernel->fd, device_of(question), file->stx_ino);
    return question->lease == 0 || look_at_file(question);
}

static void ask(struct question *question)
{
    struct linux_state *state = question->state;
    struct event_memory *memory = &question->lane->memory;
    const struct fanotify_event *kernel = question->kernel;
    struct auth_subject subject = {.action = action_of(question), .pid = kernel->pid, .read_us = kernel->read_us,
                                   .remaining_us = -1};
    question->read_ns = clock_unix_ns();
    question->lease = 0;
    question->has_stat = look_at_file(question);
    if (!question->has_stat)
        memset(&question->stat, 0, sizeof question->stat);
    if (question->is_exec && question->has_stat)
        asked_execs_note(&state->asked_execs, kernel->pid, device_of(question), question->stat.stx_ino,
                         clock_monotonic_us());
    question->is_exempt = linux_is_exempt(state, kernel->pid);
    if (question->is_exempt) {
        subject.actor_exempt = true;
        give_to_core(question, &subject);
        return;
    }
    bool is_cacheable = question->guard->cacheable_mask & (question->is_exec ? FAN_OPEN_EXEC_PERM : FAN_OPEN_PERM);
    if (question->has_stat && is_cacheable && question->lane == &state->lanes[LANE_PLAIN])
        question->has_stat = hold_content(question);
    canonical_path_of(&question->guard->filesystems, kernel->pid, kernel->fd, &question->stat, &memory->path);
    actors_look(&state->actors, kernel->pid, kernel->pidfd, !question->is_exec, &memory->view);
    subject.file_path = (struct bytes){memory->path.text, memory->path.length};
    subject.file_path_unresolved = memory->path.unresolved;
    subject.executable = memory->view.process.executable;
    subject.executable_unresolved = memory->view.process.executable_unresolved;
    other_names_prefer(question->guard->other_names, question->guard->policy, &question->stat, &subject, &memory->path);
    if (question->is_exec)
        learn_stage(question);


    // Whose user is not known is not taken for root, who alone is spared when too many ask.
    const struct process_view *actor = &memory->view.process;
    subject.uid = actor->user_known ? account_user(actor->real_uid, actor->uid) : UINT32_MAX;
    subject.account = account_of(kernel->pid, kernel->pidfd, subject.uid);
    subject.target_never_denied =
        never_denied_has(&question->guard->never_denied, device_of(question), question->stat.stx_ino);
    give_to_core(question, &subject);
}

static void answer_question(struct question *question, struct fanotify_event *event)
{
    struct guard_state *guard = linux_guard(question->state);
    question->kernel = event;
    question->guard = guard;
    question->is_exec = event->mask & FAN_OPEN_EXEC_PERM;
    ask(question);
    kept_pidfds_take(&question->pidfds, event);
    fanotify_event_close(event);
    guard_state_unref(guard);
}

static void queue_event(const struct question *question, struct fanotify_event *event)
{
    uint64_t account = account_glance(event->pid, event->pidfd);
    uint32_t waiting = question_queue_put(&question->lane->questions, event, account);
    // Told before its turn comes: under a flood that may take longer than the budgets of the first.
    if (waiting > question->state->account_bound)
        core_crowd(question->state->core, account);
}

// `alone`: nobody else waits, so there is nobody to take turns with.
static void take_event(struct question *question, struct fanotify_event *event, bool alone)
{
    vigil_beat(question->lane->seat);
    if (event->mask & FAN_Q_OVERFLOW)
        core_loss(question->state->core, "kernel_overflow", EVENT_AUTH, "", 0);
    if (event->fd < 0)
        fanotify_event_close(event);
    else if (alone || linux_is_exempt(question->state, event->pid))
        answer_question(question, event);
    else
        queue_event(question, event);
}

// All that the kernel has, while there is room: who came last may be the next in turn. Never more than there is room
// for, since each event brings two descriptors, and the kernel denies what it finds no descriptor for.
static void take_questions(struct question *question, uint8_t buffer[READ_BYTES])
{
    const struct question_queue *queue = &question->lane->questions;
    for (;;) {
        size_t bytes = (size_t)question_queue_room(queue) * EVENT_BYTES;
        if (bytes > READ_BYTES)
            bytes = READ_BYTES;
        ssize_t length = bytes > 0 ? read(question->lane->group, buffer, bytes) : 0;
        if (length <= 0)
            return;
        bool alone = length < 2 * EVENT_BYTES && queue->count == 0;
        size_t offset = 0;
        struct fanotify_event event;
        int64_t read_us = clock_monotonic_us();
        while (fanotify_event_next(buffer, (size_t)length, &offset, &event)) {
            event.read_us = read_us;
            take_event(question, &event, alone);
        }
        if ((size_t)length + EVENT_BYTES <= bytes)
            return;
    }
}

void *permission_reader(void *argument)
{
    struct permission_lane *lane = argument;
    struct linux_state *state = lane->state;
    struct question question = {.state = state, .lane = lane};
    uint8_t buffer[READ_BYTES] __attribute__((aligned(8)));
    kept_pidfds_init(&question.pidfds);
    urgent_thread(URGENT_TO_ANSWER);
    struct pollfd waiting[2] = {{.fd = lane->group, .events = POLLIN},
                                {.fd = state->stop_event, .events = POLLIN}};
    struct fanotify_event event;
    vigil_sit(lane->seat);
    while (!atomic_load(&state->released)) {
        vigil_beat(lane->seat);
        // Where it fails the questions are read all the same: a reader that ended would hold up everybody.
        if (lane->questions.count == 0)
            (void)poll(waiting, 2, VIGIL_TURN_MS);
        take_questions(&question, buffer);
        if (question_queue_take(&lane->questions, &event))
            answer_question(&question, &event);
    }
    kept_pidfds_close(&question.pidfds);
    vigil_leave(lane->seat);
    return NULL;
}
