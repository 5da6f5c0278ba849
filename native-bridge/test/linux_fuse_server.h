// A filesystem that this program serves (FUSE), and that never answers to one kind of request.
#ifndef PICKET_TEST_LINUX_FUSE_SERVER_H
#define PICKET_TEST_LINUX_FUSE_SERVER_H

#include <linux/fuse.h>

#include "linux_harness.h"

enum { FILE_NODE = 2, FOLDER_NODE = 3, FILE_BYTES = 65536, REQUEST_BYTES = 256 * 1024 };

static void reply(int fd, uint64_t unique, int error, const void *body, size_t length)
{
    static char out[sizeof(struct fuse_out_header) + REQUEST_BYTES];
    struct fuse_out_header head = {(uint32_t)(sizeof head + length), error, unique};
    memcpy(out, &head, sizeof head);
    if (length > 0)
        memcpy(out + sizeof head, body, length);
    (void)!write(fd, out, head.len);
}

static struct fuse_attr attributes(uint64_t node)
{
    return (struct fuse_attr){.ino = node, .mode = node == FILE_NODE ? S_IFREG | 0644 : S_IFDIR | 0755, .nlink = 1,
                              .size = node == FILE_NODE ? FILE_BYTES : 0,
                              .blksize = 4096};
}

// One file of zeros, by whatever name but "folder", which is a folder and forgotten at once. Opened a second time it is not cached (FOPEN_DIRECT_IO).
static void serve(int fd, uint32_t never_answered)
{
    static char request[REQUEST_BYTES], zeros[REQUEST_BYTES];
    uint32_t opens = 0;
    alarm(200);
    while (read(fd, request, sizeof request) >= (ssize_t)sizeof(struct fuse_in_header)) {
        struct fuse_in_header head;
        memcpy(&head, request, sizeof head);
        struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096};
        struct fuse_attr_out attr = {.attr_valid = 1000, .attr = attributes(head.nodeid)};
        struct fuse_entry_out entry = {.nodeid = FILE_NODE, .entry_valid = 1000, .attr_valid = 1000,
                                       .attr = attributes(FILE_NODE)};
        if (head.opcode == FUSE_LOOKUP && strcmp(request + sizeof head, "folder") == 0)
            entry = (struct fuse_entry_out){.nodeid = FOLDER_NODE, .attr = attributes(FOLDER_NODE)};
        struct fuse_statfs_out statfs = {.st = {.bsize = 4096, .namelen = 255}};
        struct fuse_open_out opened = {0};
        struct fuse_read_in asked;
        memcpy(&asked, request + sizeof head, sizeof asked);
        if (head.opcode == never_answered)
            continue;
        switch (head.opcode) {
        case FUSE_INIT: reply(fd, head.unique, 0, &init, sizeof init); break;
        case FUSE_GETATTR: reply(fd, head.unique, 0, &attr, sizeof attr); break;
        case FUSE_LOOKUP: reply(fd, head.unique, 0, &entry, sizeof entry); break;
        case FUSE_STATFS: reply(fd, head.unique, 0, &statfs, sizeof statfs); break;
        case FUSE_OPENDIR: reply(fd, head.unique, 0, &opened, sizeof opened); break;
        case FUSE_OPEN:
            opened.open_flags = opens++ > 0 ? FOPEN_DIRECT_IO : 0;
            reply(fd, head.unique, 0, &opened, sizeof opened);
            break;
        case FUSE_READ: reply(fd, head.unique, 0, zeros, asked.size < FILE_BYTES ? asked.size : FILE_BYTES); break;
        case FUSE_FORGET: case FUSE_BATCH_FORGET: case FUSE_INTERRUPT: break;
        default: reply(fd, head.unique, -ENOSYS, NULL, 0); break;
        }
    }
    _exit(0);
}

static pid_t mount_served(const char *where, uint32_t never_answered)
{
    char options[96];
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
    if (fd < 0 || mount("picket", where, "fuse", MS_NOSUID | MS_NODEV, options) != 0)
        return -1;
    pid_t server = fork();
    if (server == 0)
        serve(fd, never_answered);
    close(fd);
    return server;
}

#endif
