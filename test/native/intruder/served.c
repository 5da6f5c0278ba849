// A FUSE server of the intruder's own that shows the file again. It is the server that opens it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "intruder.h"

enum { FILE_NODE = 2, REQUEST_BYTES = 256 * 1024, READ_BYTES = 128 * 1024 };

static void reply(int fuse, uint64_t unique, int error, const void *body, size_t length) {
    struct fuse_out_header head = {(uint32_t)(sizeof head + length), error, unique};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)(uintptr_t)body, length}};
    (void)!writev(fuse, parts, 2);
}

static struct fuse_attr attributes_of(uint64_t node, const struct stat *file) {
    struct fuse_attr attributes = {.ino = node, .mode = S_IFDIR | 0755, .nlink = 1, .blksize = 4096};
    if (node != FILE_NODE) return attributes;
    attributes.mode = S_IFREG | 0755;
    attributes.size = (uint64_t)file->st_size;
    return attributes;
}

static void serve(int fuse, const char *path, const struct stat *file) {
    static char request[REQUEST_BYTES], content[READ_BYTES];
    int opened = -1;
    while (read(fuse, request, sizeof request) >= (ssize_t)sizeof(struct fuse_in_header)) {
        struct fuse_in_header head;
        struct fuse_read_in wanted;
        memcpy(&head, request, sizeof head);
        memcpy(&wanted, request + sizeof head, sizeof wanted);
        struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096};
        struct fuse_attr_out attributes = {.attr_valid = 1000, .attr = attributes_of(head.nodeid, file)};
        struct fuse_entry_out entry = {.nodeid = FILE_NODE, .entry_valid = 1000, .attr_valid = 1000,
                                       .attr = attributes_of(FILE_NODE, file)};
        struct fuse_open_out open_out = {0};
        switch (head.opcode) {
        case FUSE_INIT: reply(fuse, head.unique, 0, &init, sizeof init); break;
        case FUSE_GETATTR: reply(fuse, head.unique, 0, &attributes, sizeof attributes); break;
        case FUSE_LOOKUP: reply(fuse, head.unique, 0, &entry, sizeof entry); break;
        case FUSE_OPEN:
            if (opened < 0) opened = open(path, O_RDONLY | O_CLOEXEC);
            reply(fuse, head.unique, opened < 0 ? -errno : 0, &open_out, opened < 0 ? 0 : sizeof open_out);
            break;
        case FUSE_READ: {
            size_t size = wanted.size < sizeof content ? wanted.size : sizeof content;
            ssize_t got = pread(opened, content, size, (off_t)wanted.offset);
            reply(fuse, head.unique, got < 0 ? -errno : 0, content, got < 0 ? 0 : (size_t)got);
            break;
        }
        case FUSE_FORGET: case FUSE_BATCH_FORGET: case FUSE_INTERRUPT: break;
        case FUSE_RELEASE: case FUSE_FLUSH: reply(fuse, head.unique, 0, NULL, 0); break;
        default: reply(fuse, head.unique, -ENOSYS, NULL, 0); break;
        }
    }
    _exit(0);
}

static int served(const struct target *target) {
    own_mounts();
    struct stat file;
    must(stat(target->path, &file), "stat");
    int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    must(fuse, "/dev/fuse");
    const char *folder = join(target->work, "served");
    must(mkdir(folder, 0755), folder);
    must(mount("intruder", folder, "fuse", 0, text("fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions", fuse)),
         "mount");
    pid_t self = getpid(), server = fork();
    must(server, "fork");
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == self) serve(fuse, target->path, &file);
        _exit(0);
    }
    close(fuse);
    int result = attempt(target, join(folder, target->name));
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    return result;
}

const struct way served_ways[] = {{"served", served}, {NULL, NULL}};
