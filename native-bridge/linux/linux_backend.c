// The Linux backend: fanotify for permission and file events, eBPF or the proc connector for processes. Here: who is never asked,
// how the kernel is answered, start and stop. core/backend.h says what its functions promise.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "account.h"
#include "content_hash.h"
#include "core/backends.h"
#include "core/lock.h"
#include "core/log.h"
#include "core/thread.h"
#include "fd_links.h"
#include "guarding.h"
#include "linux_state.h"
#include "proc_files.h"

// Each pending question holds a descriptor, and for a question without one the kernel answers deny.
// Questions that wait for their turn hold two each, and take a quarter of all at most; leases take an eighth.
enum {
    DESCRIPTORS = 65536,
    DESCRIPTORS_LEAST = 4096,
    DESCRIPTORS_A_TURN = 8 * PERMISSION_LANES,
    DESCRIPTORS_A_LEASE = 8,
};

static struct linux_state the_state = {
    .lanes = {{.group = -1, .seat = VIGIL_PERMISSIONS}, {.group = -1, .seat = VIGIL_STACKED}},
    .file_group = -1, .name_group = -1, .dev_null = -1, .stop_event = -1, .agent_pidfd = -1,
    .mount_events = {.group = -1}, .program = {.ring = {.fd = -1}},
    .actors = {.news = {.connector = -1}, .wake = -1}, .mount_watch = {.mountinfo = -1, .wake = -1},
    .memory = {.control = -1},
};

struct guard_state *linux_guard(struct linux_state *state)
{
    lock(&state->guard_lock);
    struct guard_state *guard = guard_state_ref(state->guard);
    unlock(&state->guard_lock);
    return guard;
}

// ---- who is never asked

bool linux_is_exempt(struct linux_state *state, uint32_t pid)
{
    if (pid == state->own_pid)
        return true;
    if (pid == 1)
        return state->boot.is_first_pid_namespace;
    lock(&state->agent_lock);
    // While the process behind the descriptor is there, its pid can't be another's.
    bool exempt = pid != 0 && pid == state->agent_pid && pidfd_is_alive(state->agent_pidfd);
    unlock(&state->agent_lock);
    return exempt;
}

static void linux_set_agent(void *context, uint32_t pid)
{
    struct linux_state *state = context;
    int pidfd = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    lock(&state->agent_lock);
    int old = state->agent_pidfd;
    state->agent_pidfd = pidfd;
    state->agent_pid = pidfd >= 0 ? pid : 0;
    unlock(&state->agent_lock);
    if (old >= 0)
        close(old);
}

// ---- answers

enum { TOKEN_LANE = 32, TOKEN_EXEC = 33, TOKEN_LEASE = 64 - LEASE_ID_BITS };
_Static_assert(PERMISSION_LANES == 2 && TOKEN_EXEC < TOKEN_LEASE, "all of a question has its bits in a token");

uint64_t linux_token(const struct question_token *token)
{
    return (uint32_t)token->fd | (uint64_t)token->lane << TOKEN_LANE | (uint64_t)token->is_exec << TOKEN_EXEC |
           (uint64_t)token->lease << TOKEN_LEASE;
}

struct question_token linux_question(uint64_t token)
{
    return (struct question_token){.fd = (int)(token & UINT32_MAX), .lane = token >> TOKEN_LANE & 1,
                                   .is_exec = token >> TOKEN_EXEC & 1, .lease = (lease_id)(token >> TOKEN_LEASE)};
}

static void remember(void *context, uint64_t token, uint64_t epoch)
{
    struct linux_state *state = context;
    struct question_token question = linux_question(token);
    if (question.lease != 0)
        ignore_marks_add(&state->ignore_marks, &state->leases, question.lease,
                         question.is_exec ? FAN_OPEN_EXEC_PERM : FAN_OPEN_PERM, epoch);
}

static void respond(void *context, uint64_t token, enum verdict verdict)
{
    struct linux_state *state = context;
    struct question_token question = linux_question(token);
    struct fanotify_response response = {.fd = question.fd, .response = verdict == VERDICT_DENY ? FAN_DENY : FAN_ALLOW};
    // Fails only where the opener is gone meanwhile; after release() it goes to /dev/null.
    if (write(state->lanes[question.lane].group, &response, sizeof response) < 0)
        core_unheard(state->core);
    close(question.fd);
}

// Async-signal safe. The numbers of the groups' descriptors are kept and now mean /dev/null. A thread in poll(2) holds
// its group open by itself, so it is woken.
static void release(void *context)
{
    struct linux_state *state = context;
    int saved_errno = errno;
    if (!atomic_exchange(&state->released, true) && state->lanes[LANE_PLAIN].group >= 0) {
        uint64_t one = 1;
        for (size_t i = 0; i < PERMISSION_LANES; i++)
            if (state->lanes[i].group >= 0)
                (void)!dup3(state->dev_null, state->lanes[i].group, O_CLOEXEC);
        (void)!write(state->stop_event, &one, sizeof one);
    }
    errno = saved_errno;
}

// ---- start and stop

static int init_group(uint32_t flags)
{
    // O_NOATIME: to look into a file must not change it.
    return fanotify_init(flags | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_PIDFD,
                         O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME);
}

// @param helpful flags that a kernel may lack, and does without
static int open_group(uint32_t flags, uint32_t helpful, char *error, size_t error_size)
{
    int group = init_group(flags | helpful);
    if (group < 0 && errno == EINVAL && helpful)
        group = init_group(flags);
    if (group >= 0)
        return group;
    if (errno == EPERM)
        snprintf(error, error_size, "CAP_SYS_ADMIN is missing, without which fanotify refuses to watch filesystems: "
                 "start picket-bridge as root (in a container: --cap-add SYS_ADMIN), or use --backend replay");
    else if (errno == ENOSYS || errno == EINVAL)
        snprintf(error, error_size, "this kernel's fanotify is too old or switched off (%s): Linux 5.15 with "
                 "CONFIG_FANOTIFY_ACCESS_PERMISSIONS is needed", strerror(errno));
    else
        snprintf(error, error_size, "fanotify can't be opened: %s", strerror(errno));
    return -1;
}

// As far as this user may: the hard limit is raised with CAP_SYS_RESOURCE only.
static bool raise_descriptor_limit(char *error, size_t error_size)
{
    struct rlimit limit = {0, 0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= DESCRIPTORS)
        return true;
    struct rlimit wanted = {DESCRIPTORS, limit.rlim_max < DESCRIPTORS ? DESCRIPTORS : limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &wanted) == 0)
        return true;
    wanted.rlim_cur = wanted.rlim_max = limit.rlim_max;
    if (limit.rlim_max >= DESCRIPTORS_LEAST && setrlimit(RLIMIT_NOFILE, &wanted) == 0)
        return true;
    snprintf(error, error_size, "only %llu files may be open at once, and each open or exec that waits for an answer "
             "needs one: allow %d (ulimit -n, or LimitNOFILE of the service)", (unsigned long long)limit.rlim_max,
             DESCRIPTORS_LEAST);
    return false;
}

static bool open_descriptors(struct linux_state *state, char *error, size_t error_size)
{
    if (!raise_descriptor_limit(error, error_size))
        return false;
    for (size_t i = 0; i < PERMISSION_LANES; i++) {
        state->lanes[i].state = state;
        state->lanes[i].group = open_group(FAN_CLASS_CONTENT | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS, 0, error, error_size);
        if (state->lanes[i].group < 0)
            return false;
    }
    state->file_group = open_group(FAN_CLASS_NOTIF, 0, error, error_size);
    if (state->file_group < 0)
        return false;
    // Linux 5.17 names the file itself beside its folder, so that it can be looked at whatever its name is by then.
    state->name_group = open_group(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME, FAN_REPORT_FID | FAN_REPORT_TARGET_FID,
                                   error, error_size);
    if (state->name_group < 0)
        return false;
    mount_events_open(&state->mount_events);
    state->dev_null = open("/dev/null", O_RDWR | O_CLOEXEC);
    state->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (state->dev_null >= 0 && state->stop_event >= 0 && fd_links_open() && mount_watch_open(&state->mount_watch))
        return true;
    snprintf(error, error_size, "/dev/null and /proc can't be opened (%s): both must be mounted", strerror(errno));
    return false;
}

static rlim_t descriptors(void)
{
    struct rlimit limit = {DESCRIPTORS_LEAST, 0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur < DESCRIPTORS ? limit.rlim_cur : DESCRIPTORS;
}

// Whatever more may be open at once, a flood gets no further ahead.
static int make_questions(struct permission_lane *lane)
{
    return question_queue_init(&lane->questions, (uint32_t)(descriptors() / DESCRIPTORS_A_TURN));
}

static bool make_memory(struct linux_state *state, char *error, size_t error_size)
{
    state->guard = guard_state_build(NULL, NULL, NULL, NULL);
    bool made = state->guard && event_memory_init(&state->notify_memory, NOTIFY_EVENT_MAX);
    for (size_t i = 0; i < PERMISSION_LANES; i++)
        made = made && make_questions(&state->lanes[i]) == 0 &&
               event_memory_init(&state->lanes[i].memory, EVENT_BUFFER_SIZE * 4);
    if (made)
        return true;
    snprintf(error, error_size, "out of memory");
    return false;
}

static bool start_leases(struct linux_state *state, char *error, size_t error_size)
{
    ignore_marks_init(&state->ignore_marks, state->lanes[LANE_PLAIN].group);
    return leases_start(&state->leases, (uint32_t)(descriptors() / DESCRIPTORS_A_LEASE), LEASE_IDLE_US,
                        ignore_marks_take_back, &state->ignore_marks, error, error_size);
}

static bool start_thread(pthread_t *thread, bool *started, const char *name, void *(*function)(void *),
                         void *argument, char *error, size_t error_size)
{
    int failure = thread_start(thread, name, function, argument);
    *started = failure == 0;
    if (failure)
        snprintf(error, error_size, "a thread can't be started: %s", strerror(failure));
    return *started;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void stop(void *context)
{
    struct linux_state *state = context;
    release(state);
    atomic_store(&state->stopping, true);
    uint64_t one = 1;
    if (state->stop_event >= 0)
        (void)!write(state->stop_event, &one, sizeof one);
    for (size_t i = 0; i < PERMISSION_LANES; i++) {
        if (state->lanes[i].is_started)
            pthread_join(state->lanes[i].thread, NULL);
        state->lanes[i].is_started = false;
    }
    if (state->notify_started)
        pthread_join(state->notify_thread, NULL);
    if (state->mount_started)
        pthread_join(state->mount_thread, NULL);
    state->notify_started = state->mount_started = false;

    linux_set_agent(state, 0);
    close_fd(&state->file_group);
    close_fd(&state->name_group);
    mount_events_close(&state->mount_events);
    mount_watch_close(&state->mount_watch);
    close_fd(&state->stop_event);
    close_fd(&state->dev_null);
    // The permission groups' numbers stay /dev/null: the core may still answer what it holds.
    actors_close(&state->actors);
    guard_state_unref(state->guard);
    state->guard = NULL;
    inventory_free(state->inventory);
    state->inventory = NULL;
    memset(&state->news, 0, sizeof state->news);
    for (size_t i = 0; i < PERMISSION_LANES; i++) {
        question_queue_free(&state->lanes[i].questions);
        event_memory_free(&state->lanes[i].memory);
    }
    event_memory_free(&state->notify_memory);
    leases_stop(&state->leases);
    memory_reader_stop(&state->memory);
    process_program_close(&state->program);
    state->is_prepared = false;
}

void linux_process_events(enum process_events wanted)
{
    the_state.process_events = wanted;
}

// Before memory is locked, for its loader needs much for a moment; after the fork, which must have nothing of it.
static void load_program(struct linux_state *state)
{
    state->program_error[0] = 0;
    if (state->process_events == PROCESS_EVENTS_PROC)
        snprintf(state->program_error, sizeof state->program_error, "--process-events proc");
    else
        (void)process_program_open(&state->program, state->program_error, sizeof state->program_error);
}

static void tell_who_tells(const struct linux_state *state)
{
    if (state->program.ring.fd >= 0)
        log_line(LOG_LEVEL_INFO, "processes are told by an eBPF program", NULL);
    else
        log_line(LOG_LEVEL_INFO, "processes are told by the proc connector", "reason=\"%s\"", state->program_error);
}

// Before the groups are opened: what is forked later would hold them open.
static void prepare(void *context)
{
    struct linux_state *state = context;
    if (state->is_prepared)
        return;
    state->memory_error[0] = 0;
    (void)memory_reader_start(&state->memory, state->memory_error, sizeof state->memory_error);
    load_program(state);
    state->is_prepared = true;
}

static int start(void *context, struct core *core, char *error, size_t error_size)
{
    struct linux_state *state = context;
    state->core = core;
    state->own_pid = (uint32_t)getpid();
    lock_init(&state->guard_lock);
    lock_init(&state->apply_lock);
    lock_init(&state->agent_lock);
    asked_execs_init(&state->asked_execs);
    atomic_store(&state->released, false);
    atomic_store(&state->stopping, false);
    boot_load(&state->boot);
    account_init();
    state->account_bound = core_account_bound(core);
    state->actors.news.connector = state->actors.wake = -1;
    for (size_t i = 0; i < PERMISSION_LANES; i++)
        close_fd(&state->lanes[i].group);  // /dev/null since a stop before
    prepare(state);
    if (state->process_events == PROCESS_EVENTS_EBPF && state->program.ring.fd < 0) {
        snprintf(error, error_size, "--process-events ebpf: %s", state->program_error);
        stop(state);
        return -1;
    }
    if (!open_descriptors(state, error, error_size) || !make_memory(state, error, error_size) ||
        !start_leases(state, error, error_size) ||
        !actors_open(&state->actors, &state->boot, state->program.ring.fd >= 0 ? &state->program.ring : NULL, error,
                     error_size, state->connector_error, sizeof state->connector_error) ||
        !start_thread(&state->notify_thread, &state->notify_started, "picket-notify", notify_reader, state, error,
                      error_size) ||
        !start_thread(&state->mount_thread, &state->mount_started, "picket-mounts", mount_watcher, state, error,
                      error_size)) {
        stop(state);
        return -1;
    }
    for (size_t i = 0; i < PERMISSION_LANES; i++) {
        struct permission_lane *lane = &state->lanes[i];
        if (!start_thread(&lane->thread, &lane->is_started, "picket-auth", permission_reader, lane, error, error_size)) {
            stop(state);
            return -1;
        }
    }
    tell_who_tells(state);
    return 0;
}

static const char *const capabilities[] = {
    "auth.exec",   "auth.open",    "notify.exec",   "notify.fork",   "notify.exit", "notify.open",
    "notify.close", "notify.create", "notify.attrib", "notify.rename", "notify.unlink",
    "notify.mount", "notify.unmount", NULL,
};

static struct backend the_backend = {
    .name = "linux",
    .capabilities = capabilities,
    .state = &the_state,
    .prepare = prepare,
    .start = start,
    .apply = guarding_apply,
    .describe = guarding_describe,
    .respond = respond,
    .remember = remember,
    .ask = guarding_ask,
    .hash_open = content_hash_open,
    .hash = content_hash_answer,
    .set_agent = linux_set_agent,
    .release = release,
    .stop = stop,
};

struct backend *linux_backend(void)
{
    return &the_backend;
}
