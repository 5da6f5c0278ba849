#include "linux_backend.h"

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

#include "core/lock.h"
#include "linux_state.h"
#include "proc_files.h"

// Each pending question holds a descriptor, and for a question without one the kernel answers deny.
enum { DESCRIPTORS = 65536, DESCRIPTORS_LEAST = 4096 };

static struct linux_state the_state = {
    .permission_group = -1, .file_group = -1, .name_group = -1, .dev_null = -1,
    .mounts = -1,           .stop_event = -1, .agent_pidfd = -1, .actors = {.connector = -1, .wake = -1},
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
    if (pid == (uint32_t)getpid())
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

// ---- policy

// apply_lock held. Takes the reference to `now`.
static void put_in_force(struct linux_state *state, struct guard_state *now, tell_unguarded unguarded, void *context)
{
    lock(&state->guard_lock);
    struct guard_state *before = state->guard;
    state->guard = now;  // first, so that no question of a new mark meets the guard of before
    unlock(&state->guard_lock);
    actors_set_interest(&state->actors, now->notify_fork, now->notify_exit);

    guard_marks_add(state->permission_group, &now->filesystems, now->permission_mask, "authorization", unguarded,
                    context);
    guard_marks_add(state->file_group, &now->filesystems, now->file_mask, "open and close events", unguarded, context);
    guard_marks_add(state->name_group, &now->filesystems, now->name_mask, "create, rename and unlink events",
                    unguarded, context);
    guard_marks_remove(state->permission_group, &before->filesystems, before->permission_mask, &now->filesystems,
                       now->permission_mask);
    guard_marks_remove(state->file_group, &before->filesystems, before->file_mask, &now->filesystems, now->file_mask);
    guard_marks_remove(state->name_group, &before->filesystems, before->name_mask, &now->filesystems, now->name_mask);
    guard_state_unref(before);
}

static void ignore_unguarded(void *context, const char *sentence)
{
    (void)context;
    (void)sentence;  // told when the policy was applied
}

void linux_follow_mounts(struct linux_state *state)
{
    lock(&state->apply_lock);
    // NULL: memory or descriptors ran out, and the marks and names of before stay.
    struct guard_state *now = state->guard->policy ? guard_state_follow(state->guard) : NULL;
    if (now)
        put_in_force(state, now, ignore_unguarded, NULL);
    unlock(&state->apply_lock);
}

static int apply_policy(void *context, const struct policy *policy, tell_unguarded unguarded, void *tell_context,
                        char *error, size_t error_size)
{
    struct linux_state *state = context;
    lock(&state->apply_lock);
    struct guard_state *now = guard_state_build(policy, unguarded, tell_context);
    if (now) {
        if (state->connector_error[0] && (now->notify_exec || now->notify_fork || now->notify_exit))
            unguarded(tell_context, state->connector_error);
        put_in_force(state, now, unguarded, tell_context);
    } else {
        snprintf(error, error_size, "the policy is not applied: out of memory");
    }
    unlock(&state->apply_lock);
    return now ? 0 : -1;
}

// ---- answers

static void respond(void *context, uint64_t token, enum verdict verdict)
{
    struct linux_state *state = context;
    int fd = (int)token;
    struct fanotify_response response = {.fd = fd, .response = verdict == VERDICT_DENY ? FAN_DENY : FAN_ALLOW};
    // Fails only where the opener is gone meanwhile; after release() it goes to /dev/null.
    (void)!write(state->permission_group, &response, sizeof response);
    close(fd);
}

// Async-signal safe. The number of the group's descriptor is kept and now means /dev/null. A thread in poll(2) holds
// the group open by itself, so it is woken.
static void release(void *context)
{
    struct linux_state *state = context;
    int saved_errno = errno;
    if (!atomic_exchange(&state->released, true) && state->permission_group >= 0) {
        uint64_t one = 1;
        (void)!dup3(state->dev_null, state->permission_group, O_CLOEXEC);
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
    state->permission_group = open_group(FAN_CLASS_CONTENT | FAN_UNLIMITED_QUEUE, 0, error, error_size);
    if (state->permission_group < 0)
        return false;
    state->file_group = open_group(FAN_CLASS_NOTIF, 0, error, error_size);
    if (state->file_group < 0)
        return false;
    // Linux 5.17 names the file itself beside its folder, so that it can be looked at whatever its name is by then.
    state->name_group = open_group(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME, FAN_REPORT_FID | FAN_REPORT_TARGET_FID,
                                   error, error_size);
    if (state->name_group < 0)
        return false;
    state->dev_null = open("/dev/null", O_RDWR | O_CLOEXEC);
    state->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    state->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (state->dev_null >= 0 && state->stop_event >= 0 && state->mounts >= 0)
        return true;
    snprintf(error, error_size, "/dev/null and /proc can't be opened (%s): both must be mounted", strerror(errno));
    return false;
}

static bool make_memory(struct linux_state *state, char *error, size_t error_size)
{
    state->args = malloc(ARGS_MAX);
    state->environment = malloc(ENVIRONMENT_MAX);
    state->guard = guard_state_build(NULL, NULL, NULL);
    if (state->args && state->environment && state->guard && event_memory_init(&state->permission_memory, EVENT_BUFFER_SIZE * 4) &&
        event_memory_init(&state->notify_memory, NOTIFY_EVENT_MAX))
        return true;
    snprintf(error, error_size, "out of memory");
    return false;
}

static bool start_thread(pthread_t *thread, bool *started, void *(*function)(void *), struct linux_state *state,
                         char *error, size_t error_size)
{
    int failure = pthread_create(thread, NULL, function, state);
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
    if (state->permission_started)
        pthread_join(state->permission_thread, NULL);
    if (state->notify_started)
        pthread_join(state->notify_thread, NULL);
    state->permission_started = state->notify_started = false;

    linux_set_agent(state, 0);
    close_fd(&state->file_group);
    close_fd(&state->name_group);
    close_fd(&state->mounts);
    close_fd(&state->stop_event);
    close_fd(&state->dev_null);
    // The permission group's number stays /dev/null: the core may still answer what it holds.
    actors_close(&state->actors);
    guard_state_unref(state->guard);
    state->guard = NULL;
    event_memory_free(&state->permission_memory);
    event_memory_free(&state->notify_memory);
    free(state->args);
    free(state->environment);
    state->args = state->environment = NULL;
}

static int start(void *context, struct core *core, char *error, size_t error_size)
{
    struct linux_state *state = context;
    state->core = core;
    lock_init(&state->guard_lock);
    lock_init(&state->apply_lock);
    lock_init(&state->agent_lock);
    atomic_store(&state->released, false);
    atomic_store(&state->stopping, false);
    boot_load(&state->boot);
    state->actors.connector = state->actors.wake = -1;
    close_fd(&state->permission_group);  // /dev/null since a stop before
    if (!open_descriptors(state, error, error_size) || !make_memory(state, error, error_size) ||
        !actors_open(&state->actors, &state->boot, error, error_size, state->connector_error,
                     sizeof state->connector_error) ||
        !start_thread(&state->permission_thread, &state->permission_started, permission_reader, state, error,
                      error_size) ||
        !start_thread(&state->notify_thread, &state->notify_started, notify_reader, state, error, error_size)) {
        stop(state);
        return -1;
    }
    return 0;
}

static const char *const capabilities[] = {
    "auth.exec",   "auth.open",    "notify.exec",   "notify.fork",   "notify.exit", "notify.open",
    "notify.close", "notify.create", "notify.rename", "notify.unlink", NULL,
};

static struct backend the_backend = {
    .name = "linux",
    .capabilities = capabilities,
    .state = &the_state,
    .start = start,
    .apply = apply_policy,
    .respond = respond,
    .set_agent = linux_set_agent,
    .release = release,
    .stop = stop,
};

struct backend *linux_backend(void)
{
    return &the_backend;
}
