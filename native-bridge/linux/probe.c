// Tries the kernel's features, one function each, on a tmpfs in a mount namespace of its own.
#include "linux/probe.h"
#include "linux/mount_events.h"
#include "linux/proc_connector.h"
#include "linux/process_program.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// Newer than the headers of some distributions; numbers from the kernel's uapi.
#ifndef FAN_REPORT_PIDFD
#define FAN_REPORT_PIDFD 0x00000080
#endif
#ifndef FAN_REPORT_DFID_NAME
#define FAN_REPORT_DFID_NAME 0x00000c00
#endif
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U
#endif

#define PROBE_SECONDS 8
#define STEP_MS 2000
#define FILE_NAME "file"

// The opener's results: errno of the open and of the execve.
struct opener {
    pid_t pid;
    int go;             // a byte starts the next step
    int result;         // an int for each step
};

struct prober {
    FILE *out;
    char folder[64];
    char file[96];
    bool failed;
};

static void report(struct prober *prober, const char *name, const char *state, const char *sentence)
{
    if (strcmp(state, "fail") == 0)
        prober->failed = true;
    fprintf(prober->out, "%s %s %s\n", name, state, sentence);
}

static void report_errno(struct prober *prober, const char *name, const char *state, const char *call)
{
    char sentence[160];
    snprintf(sentence, sizeof sentence, "%s: %s", call, strerror(errno));
    report(prober, name, state, sentence);
}

// Runs in a process of its own and holds no descriptor of the group: it can never keep itself waiting.
static _Noreturn void opener_main(const char *file, int go, int result)
{
    char byte;
    int error = 0;
    if (read(go, &byte, 1) != 1)
        _exit(1);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        error = errno;
    if (write(result, &error, sizeof error) != sizeof error || read(go, &byte, 1) != 1)
        _exit(1);
    char *const none[] = { NULL };
    execve(file, none, none);
    error = errno;
    _exit(write(result, &error, sizeof error) == sizeof error ? 0 : 1);
}

static bool opener_start(struct opener *opener, const char *file)
{
    int go[2], result[2];
    if (pipe2(go, O_CLOEXEC) != 0)
        return false;
    if (pipe2(result, O_CLOEXEC) != 0) {
        close(go[0]);
        close(go[1]);
        return false;
    }
    opener->pid = fork();
    if (opener->pid == 0) {
        close(go[1]);
        close(result[0]);
        opener_main(file, go[0], result[1]);
    }
    close(go[0]);
    close(result[1]);
    opener->go = go[1];
    opener->result = result[0];
    return opener->pid > 0;
}

static void opener_stop(struct opener *opener)
{
    close(opener->go);
    close(opener->result);
    if (opener->pid <= 0)
        return;
    kill(opener->pid, SIGKILL);
    waitpid(opener->pid, NULL, 0);
}

// Denies everything that the group is asked until the opener has told its errno. Adds up the masks that were seen.
// -1: the opener told nothing within the time.
static int deny_until_told(int group, struct opener *opener, uint64_t *seen, bool *has_pidfd)
{
    _Alignas(struct fanotify_event_metadata) char buffer[4096];
    for (;;) {
        struct pollfd fds[2] = { { .fd = group, .events = POLLIN }, { .fd = opener->result, .events = POLLIN } };
        if (poll(fds, 2, STEP_MS) <= 0)
            return -1;
        if ((fds[0].revents & POLLIN) != 0) {
            ssize_t length = read(group, buffer, sizeof buffer);
            const struct fanotify_event_metadata *event = (const void *)buffer;
            for (; FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) {
                *seen |= event->mask;
                *has_pidfd = *has_pidfd || event->event_len > event->metadata_len;
                struct fanotify_response response = { .fd = event->fd, .response = FAN_DENY };
                if (write(group, &response, sizeof response) != (ssize_t)sizeof response)
                    return -1;
                close(event->fd);
            }
        }
        int error;
        if ((fds[1].revents & POLLIN) != 0)
            return read(opener->result, &error, sizeof error) == (ssize_t)sizeof error ? error : -1;
        if ((fds[1].revents & POLLHUP) != 0)
            return -1;
    }
}

static int permission_group(bool *with_pidfd)
{
    unsigned flags = FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE;
    unsigned event_flags = O_RDONLY | O_LARGEFILE | O_CLOEXEC;
    int group = fanotify_init(flags | FAN_REPORT_PIDFD, event_flags);
    *with_pidfd = group >= 0;
    return group >= 0 || errno != EINVAL ? group : fanotify_init(flags, event_flags);
}

static void probe_permission_events(struct prober *prober)
{
    struct opener opener = { .pid = -1, .go = -1, .result = -1 };
    bool with_pidfd = false, has_pidfd = false;
    uint64_t seen = 0;
    int group = -1;
    if (!opener_start(&opener, prober->file)) {
        report_errno(prober, "permission-events", "fail", "fork");
        goto out;
    }
    group = permission_group(&with_pidfd);
    if (group < 0) {
        report_errno(prober, "permission-events", "fail", "fanotify_init");
        goto out;
    }
    if (fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM, AT_FDCWD,
                      prober->folder) != 0) {
        report_errno(prober, "permission-events", "fail", "fanotify_mark on a filesystem");
        goto out;
    }
    int error = write(opener.go, "o", 1) == 1 ? deny_until_told(group, &opener, &seen, &has_pidfd) : -1;
    if (error == EPERM)
        report(prober, "permission-events", "ok", "an open on a private tmpfs was denied and got EPERM");
    else
        report(prober, "permission-events", "fail", "an open on a private tmpfs was denied and did not get EPERM");
    seen = 0;
    error = write(opener.go, "x", 1) == 1 ? deny_until_told(group, &opener, &seen, &has_pidfd) : -1;
    if (error == EPERM && (seen & FAN_OPEN_EXEC_PERM) != 0)
        report(prober, "exec-events", "ok", "an execve there was denied and got EPERM");
    else
        report(prober, "exec-events", "fail", "an execve there was denied and did not get EPERM");
    if (with_pidfd && has_pidfd)
        report(prober, "pidfd", "ok", "events name their process by pidfd");
    else
        report(prober, "pidfd", "fail", "events name their process by pid only, which may have been used again");
out:
    if (group >= 0)
        close(group);   // lets the kernel go before anything else
    opener_stop(&opener);
}

static void probe_change_events(struct prober *prober)
{
    char path[128];
    snprintf(path, sizeof path, "%s/created", prober->folder);
    int group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME, O_RDONLY);
    if (group < 0 ||
        fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_CREATE, AT_FDCWD, prober->folder) != 0) {
        report_errno(prober, "change-events", "warn", "events of created and renamed names");
        goto out;
    }
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    struct pollfd ready = { .fd = group, .events = POLLIN };
    if (poll(&ready, 1, STEP_MS) == 1)
        report(prober, "change-events", "ok", "a created name was told");
    else
        report(prober, "change-events", "warn", "a created name was not told");
out:
    if (group >= 0)
        close(group);
}

static void probe_handles(struct prober *prober)
{
    struct {
        struct file_handle handle;
        unsigned char bytes[128];
    } space = { .handle = { .handle_bytes = 128 } };
    int mount_id, mount = open(prober->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
    if (mount < 0 || name_to_handle_at(AT_FDCWD, prober->file, &space.handle, &mount_id, 0) != 0) {
        report_errno(prober, "handles", "fail", "name_to_handle_at");
        goto out;
    }
    fd = open_by_handle_at(mount, &space.handle, O_PATH | O_CLOEXEC);
    if (fd >= 0)
        report(prober, "handles", "ok", "a file was found again by its handle");
    else
        report_errno(prober, "handles", "fail", "open_by_handle_at");
out:
    if (fd >= 0)
        close(fd);
    if (mount >= 0)
        close(mount);
}

static void probe_mount_ids(struct prober *prober)
{
    struct statx status;
    if (statx(AT_FDCWD, prober->file, 0, STATX_MNT_ID_UNIQUE, &status) == 0 &&
        (status.stx_mask & STATX_MNT_ID_UNIQUE) != 0)
        report(prober, "mount-ids", "ok", "mounts have ids that are never used again");
    else
        report(prober, "mount-ids", "warn", "mounts have no ids that are never used again");
}

static void probe_leases(struct prober *prober)
{
    int fd = open(prober->file, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
        report(prober, "leases", "ok", "a read lease was granted");
    else
        report_errno(prober, "leases", "warn", "F_SETLEASE");
    if (fd >= 0)
        close(fd);
}

static bool connector_listen(int fd, enum proc_cn_mcast_op operation)
{
    struct {
        struct nlmsghdr header;
        struct cn_msg message;
        enum proc_cn_mcast_op operation;
    } __attribute__((packed)) request = {
        .header = { .nlmsg_len = sizeof request, .nlmsg_type = NLMSG_DONE },
        .message = { .id = { .idx = CN_IDX_PROC, .val = CN_VAL_PROC }, .len = sizeof(enum proc_cn_mcast_op) },
        .operation = operation,
    };
    return send(fd, &request, sizeof request, 0) == (ssize_t)sizeof request;
}

static void probe_proc_connector(struct prober *prober)
{
    if (!proc_connector_pids_are_ours()) {
        report(prober, "proc-connector", "warn", "this is not the machine's own pid namespace, whose pids it tells");
        return;
    }
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
    int fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        !connector_listen(fd, PROC_CN_MCAST_LISTEN)) {
        report_errno(prober, "proc-connector", "warn", "the proc connector");
        goto out;
    }
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    if (child > 0)
        waitpid(child, NULL, 0);
    struct pollfd ready = { .fd = fd, .events = POLLIN };
    if (poll(&ready, 1, STEP_MS) == 1)
        report(prober, "proc-connector", "ok", "a process's fork and exit were told");
    else
        report(prober, "proc-connector", "warn", "it tells nothing (another network or pid namespace?)");
    connector_listen(fd, PROC_CN_MCAST_IGNORE);
out:
    if (fd >= 0)
        close(fd);
}

static bool tells_of(struct process_ring *ring, uint32_t pid)
{
    struct pollfd ready = { .fd = ring->fd, .events = POLLIN };
    while (poll(&ready, 1, STEP_MS) == 1) {
        const struct process_record *record = NULL;
        uint64_t lost;
        enum ring_read_result result;
        while ((result = process_ring_read(ring, &record, &lost)) != RING_EMPTY)
            if (result == RING_RECORD && record->kind == RECORD_FORKED && record->pid == pid)
                return true;
    }
    return false;
}

// The pid is one of this namespace: elsewhere a program is not even loaded.
static void probe_process_events(struct prober *prober)
{
    struct process_program program;
    char error[256] = "", sentence[400];
    bool opened = process_program_open(&program, error, sizeof error);
    pid_t child = opened ? fork() : -1;
    if (child == 0)
        _exit(0);
    if (child > 0)
        waitpid(child, NULL, 0);
    if (child > 0 && !tells_of(&program.ring, (uint32_t)child))
        snprintf(error, sizeof error, "the eBPF program tells nothing");
    snprintf(sentence, sizeof sentence, "by the proc connector: %s", error);
    if (error[0] == 0)
        report(prober, "process-events", "ok", "by an eBPF program, with the arguments of what ends at once");
    else
        report(prober, "process-events", "warn", sentence);
    process_program_close(&program);
}

// The tmpfs is private to this process: it goes with it, whatever happens.
static bool make_ground(struct prober *prober)
{
    struct stat above, here;
    if (stat(prober->folder, &above) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("picket-probe", prober->folder, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0700") != 0) {
        report_errno(prober, "permission-events", "fail", "a mount of its own to try on");
        return false;
    }
    // What is marked must be the new tmpfs and nothing else.
    if (stat(prober->folder, &here) != 0 || here.st_dev == above.st_dev) {
        report(prober, "permission-events", "fail", "the mount to try on did not appear");
        return false;
    }
    int fd = open(prober->file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0700);
    if (fd < 0 || write(fd, "no program\n", 11) != 11) {
        report_errno(prober, "permission-events", "fail", "a file to try on");
        return false;
    }
    close(fd);
    return true;
}

static void probe_mount_events(struct prober *prober)
{
    struct mount_events events;
    mount_events_open(&events);
    if (events.group >= 0)
        report(prober, "mount-events", "ok", "each mount and unmount can be told, with who made it");
    else
        report(prober, "mount-events", "warn", "mounts are told by looking at the list of them, without who made them");
    mount_events_close(&events);
}

static int run_probes(struct prober *prober)
{
    alarm(PROBE_SECONDS);
    if (make_ground(prober)) {
        probe_permission_events(prober);
        probe_change_events(prober);
        probe_handles(prober);
        probe_mount_ids(prober);
        probe_leases(prober);
    }
    probe_mount_events(prober);
    probe_proc_connector(prober);
    probe_process_events(prober);
    fflush(prober->out);
    return prober->failed ? 1 : 0;
}

int probe_kernel(FILE *out)
{
    struct prober prober = { .out = out, .folder = "/tmp/picket-probe-XXXXXX" };
    if (mkdtemp(prober.folder) == NULL) {
        report_errno(&prober, "permission-events", "fail", "a folder in /tmp");
        return 1;
    }
    snprintf(prober.file, sizeof prober.file, "%s/%s", prober.folder, FILE_NAME);
    fflush(out);    // or the child would write what is buffered once more
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(run_probes(&prober));
    if (child < 0 || waitpid(child, &status, 0) != child)
        report_errno(&prober, "permission-events", "fail", "fork");
    else if (WIFSIGNALED(status))
        report(&prober, "permission-events", "fail", "the kernel did not answer in time");
    rmdir(prober.folder);
    return prober.failed || !WIFEXITED(status) ? 1 : WEXITSTATUS(status);
}
