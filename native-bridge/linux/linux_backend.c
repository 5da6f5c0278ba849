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

#include "account.h"
#include "core/lock.h"
#include "core/thread.h"
#include "linux_state.h"
#include "proc_files.h"

// Each pending question holds a descriptor, and for a question without one the kernel answers deny.
// Questions that wait for their turn hold two each, and take a quarter of all at most.
enum { DESCRIPTORS = 65536, DESCRIPTORS_LEAST = 4096, DESCRIPTORS_A_TURN = 8 * PERMISSION_LANES };

static struct linux_state the_state = {
    .lanes = {{.group = -1, .seat = VIGIL_PERMISSIONS}, {.group = -1, .seat = VIGIL_STACKED}},
    .file_group = -1, .name_group = -1, .dev_null = -1, .stop_event = -1, .agent_pidfd = -1,
    .actors = {.connector = -1, .wake = -1}, .mount_watch = {.mountinfo = -1, .wake = -1}, .memory = {.control = -1},
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

// What each group is to be marked for by a guard. While silent, nobody is to be asked: no permission mark may be made.
static struct mark_order order_of(const struct linux_state *state, size_t number, const struct guard_state *guard)
{
    uint64_t questions = atomic_load(&state->silent) ? 0 : guard->permission_mask;
    switch (number) {
    case LANE_PLAIN:
        return (struct mark_order){state->lanes[LANE_PLAIN].group, questions, true, false, false, "authorization"};
    case LANE_STACKED:
        return (struct mark_order){state->lanes[LANE_STACKED].group, questions, false, true, false, "authorization"};
    case PERMISSION_LANES:
        return (struct mark_order){state->file_group, guard->file_mask, true, true, false, "open and close events"};
    default:
        return (struct mark_order){state->name_group, guard->name_mask, true, false, true,
                                   "create, rename and unlink events"};
    }
}

enum { MARK_ORDERS = PERMISSION_LANES + 2 };

static void flush_permission_marks(struct linux_state *state)
{
    // Needs neither lock nor list. Fails only before start(), when there is no group and no mark.
    for (size_t i = 0; i < PERMISSION_LANES; i++)
        (void)fanotify_mark(state->lanes[i].group, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0, AT_FDCWD, NULL);
}

// apply_lock held.
static void add_marks(struct linux_state *state, size_t orders, struct guard_state *guard, tell_unguarded unguarded,
                      void *context)
{
    for (size_t i = 0; i < orders; i++) {
        struct mark_order order = order_of(state, i, guard);
        guard_marks_add(&order, guard, unguarded, context);
    }
    // Silenced meanwhile, without the lock: either that flush came later than these marks, or this one does.
    if (atomic_load(&state->silent))
        flush_permission_marks(state);
}

// apply_lock held. Takes the reference to `now`.
static void put_in_force(struct linux_state *state, struct guard_state *now, tell_unguarded unguarded, void *context)
{
    guard_marks_carry_over(now, state->guard);
    lock(&state->guard_lock);
    struct guard_state *before = state->guard;
    state->guard = now;  // first, so that no question of a new mark meets the guard of before
    unlock(&state->guard_lock);
    actors_set_interest(&state->actors, now->notify_fork, now->notify_exit);

    add_marks(state, MARK_ORDERS, now, unguarded, context);
    for (size_t i = 0; i < MARK_ORDERS; i++) {
        struct mark_order order_before = order_of(state, i, before), order_now = order_of(state, i, now);
        guard_marks_remove(&order_before, before, &order_now, now);
    }
    filesystem_set_is_marked(&now->filesystems);
    filesystem_set_is_marked(&now->overlays.layers);
    guard_state_unref(before);
}

static void ignore_unguarded(void *context, const char *sentence)
{
    (void)context;
    (void)sentence;  // told when the policy was applied, or in the event of the mount
}

// apply_lock held. False: out of memory, and all is as before.
static bool read_inventory(struct linux_state *state)
{
    struct mount_inventory *now = inventory_read(state->mount_watch.mountinfo, &state->mount_watch.namespaces);
    if (!now)
        return false;
    inventory_free(state->inventory);
    state->inventory = now;
    mount_news_take(&state->news, now);
    return true;
}

// The policy in force on the mounts that are there now. apply_lock held. False: there is none, or memory or descriptors ran
// out, and the marks and names of before stay.
static bool follow(struct linux_state *state, tell_unguarded unguarded, void *context)
{
    struct guard_state *now = read_inventory(state) && state->guard->policy
                                  ? guard_state_follow(state->guard, state->inventory) : NULL;
    if (!now)
        return false;
    put_in_force(state, now, unguarded, context);
    mount_news_tell(&state->news, state->inventory, now, state->core);
    return true;
}

void linux_follow_mounts(struct linux_state *state)
{
    lock(&state->apply_lock);
    (void)follow(state, ignore_unguarded, NULL);
    unlock(&state->apply_lock);
}

static void tell_cut(const struct linux_state *state, tell_unguarded unguarded, void *context)
{
    if (state->inventory->is_cut)
        unguarded(context, "there are more mounts or mount namespaces than the bridge follows: what is mounted beyond them is "
                           "neither guarded nor told");
}

// In one sentence, for there may be many: what a deny rule might have to do with and nobody named.
static void tell_not_named(const struct linux_state *state, tell_unguarded unguarded, void *context)
{
    char sentence[1024] = "guard.filesystems does not name the filesystems of";
    size_t length = strlen(sentence), told = 0, left = 0;
    for (size_t i = 0; i < state->inventory->count; i++) {
        const struct found_filesystem *found = &state->inventory->items[i];
        if (found->pid != 0 || !guard_is_worth_a_word(found) || guard_is_wanted(state->guard->policy, found) ||
            found->refusal || guard_limit_refusal(found) || !mount_unguarded_reason(found, state->inventory, state->guard))
            continue;
        size_t more = strlen(found->mount->point) + 2;
        if (length + more + 40 < sizeof sentence) {
            length += (size_t)snprintf(sentence + length, sizeof sentence - length, "%s%s", told++ ? ", " : " ",
                                       found->mount->point);
        } else {
            left++;
        }
    }
    if (left > 0)
        snprintf(sentence + length, sizeof sentence - length, " and %zu others", left);
    if (told > 0)
        unguarded(context, sentence);
}

static int apply_policy(void *context, const struct policy *policy, tell_unguarded unguarded, void *tell_context,
                        char *error, size_t error_size)
{
    struct linux_state *state = context;
    lock(&state->apply_lock);
    struct guard_state *now = read_inventory(state)
                                  ? guard_state_build(policy, state->inventory, unguarded, tell_context) : NULL;
    if (now) {
        if (state->connector_error[0] && (now->notify_exec || now->notify_fork || now->notify_exit ||
                                          now->permission_mask & FAN_OPEN_EXEC_PERM))
            unguarded(tell_context, state->connector_error);
        if (state->memory_error[0] && now->notify_exec)
            unguarded(tell_context, state->memory_error);
        put_in_force(state, now, unguarded, tell_context);
        if (now->permission_mask != 0) {
            tell_not_named(state, unguarded, tell_context);
            tell_cut(state, unguarded, tell_context);
        }
        mount_news_tell(&state->news, state->inventory, now, state->core);
        state->news.has_begun = true;
    } else {
        snprintf(error, error_size, "the policy is not applied: out of memory");
    }
    unlock(&state->apply_lock);
    return now ? 0 : -1;
}

// To fall silent waits for nobody: whoever holds the lock may hang on a filesystem.
static void ask(void *context, bool wanted, tell_unguarded unguarded, void *tell_context)
{
    struct linux_state *state = context;
    atomic_store(&state->silent, !wanted);
    if (!wanted) {
        flush_permission_marks(state);
    } else if (state->lanes[LANE_PLAIN].is_started) {
        lock(&state->apply_lock);
        guard_marks_begin_anew(state->guard);
        // What nobody named was closed when it was marked, and is to be opened again.
        if (!follow(state, unguarded, tell_context))
            add_marks(state, PERMISSION_LANES, state->guard, unguarded, tell_context);
        unlock(&state->apply_lock);
    }
}

// What is guarded now, filesystem by filesystem, and what is not and why.
static void describe(void *context, tell_unguarded guarded, tell_unguarded unguarded, void *tell_context)
{
    struct linux_state *state = context;
    char sentence[700];
    lock(&state->apply_lock);
    bool asks = state->inventory && state->guard->permission_mask != 0;
    for (size_t i = 0; asks && i < state->inventory->count; i++) {
        const struct found_filesystem *found = &state->inventory->items[i];
        if (!guard_is_worth_a_word(found))
            continue;
        const char *reason = mount_unguarded_reason(found, state->inventory, state->guard);
        if (reason) {
            guard_sentence(found, reason, sentence, sizeof sentence);
            unguarded(tell_context, sentence);
        } else {
            snprintf(sentence, sizeof sentence, "%.600s (%s)", found->mount->point, found->mount->type);
            guarded(tell_context, sentence);
        }
    }
    if (asks)
        tell_cut(state, unguarded, tell_context);
    unlock(&state->apply_lock);
}

// ---- answers

uint64_t linux_token(size_t lane, int fd)
{
    return (uint64_t)lane << 32 | (uint32_t)fd;
}

static void respond(void *context, uint64_t token, enum verdict verdict)
{
    struct linux_state *state = context;
    int fd = (int)(token & UINT32_MAX), group = state->lanes[token >> 32].group;
    struct fanotify_response response = {.fd = fd, .response = verdict == VERDICT_DENY ? FAN_DENY : FAN_ALLOW};
    // Fails only where the opener is gone meanwhile; after release() it goes to /dev/null.
    (void)!write(group, &response, sizeof response);
    close(fd);
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
        state->lanes[i].group = open_group(FAN_CLASS_CONTENT | FAN_UNLIMITED_QUEUE, 0, error, error_size);
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
    state->dev_null = open("/dev/null", O_RDWR | O_CLOEXEC);
    state->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (state->dev_null >= 0 && state->stop_event >= 0 && mount_watch_open(&state->mount_watch))
        return true;
    snprintf(error, error_size, "/dev/null and /proc can't be opened (%s): both must be mounted", strerror(errno));
    return false;
}

// Whatever more may be open at once, a flood gets no further ahead.
static int make_questions(struct permission_lane *lane)
{
    struct rlimit limit = {DESCRIPTORS_LEAST, 0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t descriptors = limit.rlim_cur < DESCRIPTORS ? limit.rlim_cur : DESCRIPTORS;
    return question_queue_init(&lane->questions, (uint32_t)(descriptors / DESCRIPTORS_A_TURN));
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
    memory_reader_stop(&state->memory);
    state->is_prepared = false;
}

// Before the groups are opened: what is forked later would hold them open.
static void prepare(void *context)
{
    struct linux_state *state = context;
    if (state->is_prepared)
        return;
    state->memory_error[0] = 0;
    (void)memory_reader_start(&state->memory, state->memory_error, sizeof state->memory_error);
    state->is_prepared = true;
}

static int start(void *context, struct core *core, char *error, size_t error_size)
{
    struct linux_state *state = context;
    state->core = core;
    lock_init(&state->guard_lock);
    lock_init(&state->apply_lock);
    lock_init(&state->agent_lock);
    asked_execs_init(&state->asked_execs);
    atomic_store(&state->released, false);
    atomic_store(&state->stopping, false);
    boot_load(&state->boot);
    account_init();
    state->account_bound = core_account_bound(core);
    state->actors.connector = state->actors.wake = -1;
    for (size_t i = 0; i < PERMISSION_LANES; i++)
        close_fd(&state->lanes[i].group);  // /dev/null since a stop before
    prepare(state);
    if (!open_descriptors(state, error, error_size) || !make_memory(state, error, error_size) ||
        !actors_open(&state->actors, &state->boot, error, error_size, state->connector_error,
                     sizeof state->connector_error) ||
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
    .prepare = prepare,
    .start = start,
    .apply = apply_policy,
    .describe = describe,
    .respond = respond,
    .ask = ask,
    .set_agent = linux_set_agent,
    .release = release,
    .stop = stop,
};

struct backend *linux_backend(void)
{
    return &the_backend;
}
