#include "proc_connector.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

// Room for some 30,000 changes, for a storm of forks must not make the table doubtful.
enum { RECEIVE_BUFFER_BYTES = 16 << 20, ACKNOWLEDGE_MS = 1000 };

// The inode of the first pid namespace: a constant of the kernel's ABI (PROC_PID_INIT_INO).
static const ino_t FIRST_PID_NAMESPACE = 0xEFFFFFFC;

// In another pid namespace the kernel ignores a subscription, but while anybody else on the machine has one, the events
// arrive here too, with pids that are those of other processes here.
bool proc_connector_pids_are_ours(void)
{
    struct stat status;
    return stat("/proc/self/ns/pid", &status) != 0 || status.st_ino == FIRST_PID_NAMESPACE;
}

static bool subscribe(int socket)
{
    struct {
        struct nlmsghdr header;
        struct cn_msg message;
        enum proc_cn_mcast_op operation;
    } __attribute__((packed)) request;
    memset(&request, 0, sizeof request);
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = NLMSG_DONE;
    request.message.id.idx = CN_IDX_PROC;
    request.message.id.val = CN_VAL_PROC;
    request.message.len = sizeof request.operation;
    request.operation = PROC_CN_MCAST_LISTEN;
    return send(socket, &request, sizeof request, 0) == (ssize_t)sizeof request;
}

// The rest is told by somebody else: it is to wake nobody and to fill nothing. A filter's numbers come with the high byte
// first, those of the connector as the machine has them.
static bool only_users(int socket)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NLMSG_HDRLEN + sizeof(struct cn_msg) + offsetof(struct proc_event, what)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_NONE), 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_UID), 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_GID), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

// The kernel answers a subscription with an event of kind none; outside the first namespaces it stays silent.
static bool is_acknowledged(int socket)
{
    struct pollfd waiting = {.fd = socket, .events = POLLIN};
    return poll(&waiting, 1, ACKNOWLEDGE_MS) == 1;
}

int proc_connector_open(enum proc_wanted wanted, char *error, size_t error_size)
{
    if (!proc_connector_pids_are_ours()) {
        snprintf(error, error_size, "the proc connector tells the pids of another pid namespace: programs that start "
                 "and end are not seen; run picket-bridge in the machine's own pid namespace");
        return -1;
    }
    int fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
    if (fd < 0) {
        snprintf(error, error_size, "the kernel has no proc connector (%s): programs that start and end are not seen; "
                 "a kernel with CONFIG_PROC_EVENTS is needed", strerror(errno));
        return -1;
    }
    int bytes = RECEIVE_BUFFER_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);  // the smaller one overflows earlier, counted
    if (wanted == PROC_ONLY_USERS)
        (void)only_users(fd);  // else it is read and left out
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || !subscribe(fd)) {
        snprintf(error, error_size, "the proc connector refused the subscription (%s): CAP_NET_ADMIN is missing; "
                 "start picket-bridge as root", strerror(errno));
        close(fd);
        return -1;
    }
    if (!is_acknowledged(fd)) {
        snprintf(error, error_size, "the proc connector does not answer: programs that start and end are not seen; "
                 "run picket-bridge in the machine's own pid and network namespaces");
        close(fd);
        return -1;
    }
    return fd;
}

int32_t proc_exit_code(uint32_t wait_status)
{
    uint32_t signal = wait_status & 0x7f;
    return signal ? (int32_t)(128 + signal) : (int32_t)(wait_status >> 8 & 0xff);
}

static bool from_proc_event(const struct proc_event *event, struct proc_change *change)
{
    memset(change, 0, sizeof *change);
    change->monotonic_ns = event->timestamp_ns;
    // Threads have a pid of their own beside their process's tgid.
    switch (event->what) {
    case PROC_EVENT_FORK:
        change->kind = event->event_data.fork.child_pid == event->event_data.fork.child_tgid ? PROC_FORKED
                                                                                             : PROC_THREAD_STARTED;
        change->pid = (uint32_t)event->event_data.fork.child_tgid;
        change->parent_pid = (uint32_t)event->event_data.fork.parent_tgid;
        return true;
    case PROC_EVENT_EXEC:
        change->kind = PROC_EXECUTED;
        change->pid = (uint32_t)event->event_data.exec.process_tgid;
        return true;
    case PROC_EVENT_EXIT:
        change->kind = event->event_data.exit.process_pid == event->event_data.exit.process_tgid ? PROC_EXITED
                                                                                                 : PROC_THREAD_EXITED;
        change->pid = (uint32_t)event->event_data.exit.process_tgid;
        change->exit_code = proc_exit_code(event->event_data.exit.exit_code);
        return true;
    case PROC_EVENT_UID:
    case PROC_EVENT_GID:
        change->kind = event->what == PROC_EVENT_UID ? PROC_USER_CHANGED : PROC_GROUP_CHANGED;
        change->pid = (uint32_t)event->event_data.id.process_tgid;
        change->effective_id = event->event_data.id.e.euid;
        change->real_id = event->event_data.id.r.ruid;
        return event->event_data.id.process_pid == event->event_data.id.process_tgid;
    default:
        return false;
    }
}

bool proc_connector_parse(const void *datagram, size_t length, struct proc_change *change)
{
    struct nlmsghdr header;
    struct cn_msg message;
    struct proc_event event;
    if (length < NLMSG_HDRLEN + sizeof message + sizeof event)
        return false;
    memcpy(&header, datagram, sizeof header);
    memcpy(&message, (const char *)datagram + NLMSG_HDRLEN, sizeof message);
    if (header.nlmsg_type != NLMSG_DONE || message.id.idx != CN_IDX_PROC || message.id.val != CN_VAL_PROC ||
        message.len < sizeof event)
        return false;
    memcpy(&event, (const char *)datagram + NLMSG_HDRLEN + sizeof message, sizeof event);
    return from_proc_event(&event, change);
}

enum proc_read_result proc_connector_read(int socket, struct proc_change *change)
{
    char datagram[512];
    struct sockaddr_nl sender;
    socklen_t sender_length = sizeof sender;
    ssize_t length = recvfrom(socket, datagram, sizeof datagram, MSG_DONTWAIT, (struct sockaddr *)&sender,
                              &sender_length);
    if (length < 0)
        return errno == EAGAIN || errno == EINTR ? PROC_READ_EMPTY
               : errno == ENOBUFS                ? PROC_READ_OVERFLOW
                                                 : PROC_READ_FAILED;
    // Any process may send to a netlink port; the kernel's own messages come from port 0.
    if (sender_length < sizeof sender || sender.nl_pid != 0)
        return PROC_READ_OTHER;
    return proc_connector_parse(datagram, (size_t)length, change) ? PROC_READ_CHANGE : PROC_READ_OTHER;
}
