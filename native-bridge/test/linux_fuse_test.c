// A filesystem that a process serves (FUSE): the kernel opens a file again for whoever watches, so a server that does not
// answer would hold up the one thread that reads all questions. Needs root: without it says so and exits with 77.
#include <linux/fuse.h>

#include "linux_harness.h"

enum { FILE_NODE = 2, REQUEST_BYTES = 256 * 1024 };

static void reply(int fd, uint64_t unique, int error, const void *body, size_t length)
{
    static char out[sizeof(struct fuse_out_header) + 256];
    struct fuse_out_header head = {(uint32_t)(sizeof head + length), error, unique};
    memcpy(out, &head, sizeof head);
    if (length > 0)
        memcpy(out + sizeof head, body, length);
    (void)!write(fd, out, head.len);
}

static struct fuse_attr attributes(uint64_t node)
{
    return (struct fuse_attr){.ino = node, .mode = node == FILE_NODE ? S_IFREG | 0644 : S_IFDIR | 0755, .nlink = 1,
                              .blksize = 4096};
}

// One file, by whatever name. Its open is never answered.
static void serve(int fd)
{
    static char request[REQUEST_BYTES];
    alarm(60);
    while (read(fd, request, sizeof request) >= (ssize_t)sizeof(struct fuse_in_header)) {
        struct fuse_in_header head;
        memcpy(&head, request, sizeof head);
        struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096};
        struct fuse_attr_out attr = {.attr_valid = 1000, .attr = attributes(head.nodeid)};
        struct fuse_entry_out entry = {.nodeid = FILE_NODE, .entry_valid = 1000, .attr_valid = 1000,
                                       .attr = attributes(FILE_NODE)};
        struct fuse_statfs_out statfs = {.st = {.bsize = 4096, .namelen = 255}};
        struct fuse_open_out opened = {0};
        switch (head.opcode) {
        case FUSE_INIT: reply(fd, head.unique, 0, &init, sizeof init); break;
        case FUSE_GETATTR: reply(fd, head.unique, 0, &attr, sizeof attr); break;
        case FUSE_LOOKUP: reply(fd, head.unique, 0, &entry, sizeof entry); break;
        case FUSE_STATFS: reply(fd, head.unique, 0, &statfs, sizeof statfs); break;
        case FUSE_OPENDIR: reply(fd, head.unique, 0, &opened, sizeof opened); break;
        case FUSE_OPEN: case FUSE_FORGET: case FUSE_BATCH_FORGET: case FUSE_INTERRUPT: break;
        default: reply(fd, head.unique, -ENOSYS, NULL, 0); break;
        }
    }
    _exit(0);
}

static pid_t mount_served(const char *where)
{
    char options[96];
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
    if (fd < 0 || mount("picket", where, "fuse", MS_NOSUID | MS_NODEV, options) != 0)
        return -1;
    pid_t server = fork();
    if (server == 0)
        serve(fd);
    close(fd);
    return server;
}

static void hung_server_holds_nobody_else_up(pid_t server, const char *other)
{
    unguarded_count = 0;
    if (!apply((const char *const[]){guarded, other, NULL}, true, false))
        return;
    CHECK(unguarded_count == 1, "%u", unguarded_count);
    const char *const opener[] = {self, "--open", path_in(guarded, "slow"), NULL};
    pid_t waits = start_child(opener);
    CHECK(RUN(self, "--open", path_in(other, "free")) == 0, "an open elsewhere is answered");
    CHECK(RUN(self, "--open", path_in(other, "denied")) == EPERM, "and denied");
    kill(server, SIGKILL);
    CHECK(wait_child(waits) != 0, "an open whose server has gone fails");
    apply((const char *const[]){NULL}, false, false);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return child(argc, argv);
    int code = begin_test("linux_fuse_test");
    if (code != 0)
        return code;
    const char *other = strdup(path_in(root, "other"));
    mkdir(other, 0755);
    CHECK(mount("picket", other, "tmpfs", 0, "size=4m") == 0, "%s", strerror(errno));
    write_file(path_in(other, "free"), "free", 0644);
    write_file(path_in(other, "denied"), "denied", 0644);
    pid_t server = mount_served(guarded);   // before the backend: nothing forks while its groups are open
    if (server < 0) {
        fprintf(stderr, "  left out: this kernel has no FUSE\n");
    } else {
        backend = linux_backend();
        char error[256] = "";
        CHECK(backend->start(backend->state, NULL, error, sizeof error) == 0, "%s", error);
        if (failures == 0)
            hung_server_holds_nobody_else_up(server, other);
        kill(server, SIGKILL);
        wait_child(server);
        backend->stop(backend->state);
    }
    umount2(other, MNT_DETACH);
    rmdir(other);
    return end_test("linux_fuse_test");
}
