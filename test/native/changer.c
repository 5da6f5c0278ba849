// Changes files as it is told, one call a line of stdin, and answers each line with 0 or errno. It stays between the lines,
// so that who acted is known. Words are separated by spaces, paths written in hex: they may hold any byte.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { WORDS = 4, EXCHANGE = 2 };  // RENAME_EXCHANGE

static int held = -1;
static char *words[WORDS];

// In place.
static const char *path(int word)
{
    char *text = words[word], *out = text;
    for (const char *at = text; at && at[0] && at[1]; at += 2) {
        char digits[3] = {at[0], at[1], 0};
        *out++ = (char)strtoul(digits, NULL, 16);
    }
    *out = 0;
    return text;
}

static int open_and_close(const char *name, int flags, int writes)
{
    int fd = open(name, flags, 0644);
    if (fd < 0 || (writes && write(fd, "x", 1) != 1))
        return -1;
    return close(fd);
}

static int flood(const char *folder, int count)
{
    char name[4200];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s/%d", folder, i);
        if (open_and_close(name, O_WRONLY | O_CREAT | O_EXCL, 0) != 0)
            return -1;
    }
    return 0;
}

// A file that is made without a name and then given one.
static int name_late(const char *folder, const char *name)
{
    char link[40];
    int fd = open(folder, O_TMPFILE | O_WRONLY, 0644);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return fd < 0 || linkat(AT_FDCWD, link, AT_FDCWD, name, AT_SYMLINK_FOLLOW) != 0 ? -1 : close(fd);
}

static int act(const char *verb)
{
    if (strcmp(verb, "create") == 0) return open_and_close(path(1), O_WRONLY | O_CREAT | O_EXCL, 1);
    if (strcmp(verb, "write") == 0) return open_and_close(path(1), O_WRONLY | O_APPEND, 1);
    if (strcmp(verb, "open-for-writing") == 0) return open_and_close(path(1), O_WRONLY, 0);
    if (strcmp(verb, "read") == 0) return open_and_close(path(1), O_RDONLY, 0);
    if (strcmp(verb, "mkdir") == 0) return mkdir(path(1), 0755);
    if (strcmp(verb, "rmdir") == 0) return rmdir(path(1));
    if (strcmp(verb, "mkfifo") == 0) return mkfifo(path(1), 0644);
    if (strcmp(verb, "symlink") == 0) return symlink(path(1), path(2));
    if (strcmp(verb, "link") == 0) return link(path(1), path(2));
    if (strcmp(verb, "rename") == 0) return rename(path(1), path(2));
    if (strcmp(verb, "exchange") == 0)
        return (int)syscall(SYS_renameat2, AT_FDCWD, path(1), AT_FDCWD, path(2), EXCHANGE);
    if (strcmp(verb, "unlink") == 0) return unlink(path(1));
    if (strcmp(verb, "chmod") == 0) return chmod(path(1), 0700);
    if (strcmp(verb, "chown") == 0) return chown(path(1), 1, 1);
    if (strcmp(verb, "lchown") == 0) return lchown(path(1), 1, 1);
    if (strcmp(verb, "utimes") == 0) return utimensat(AT_FDCWD, path(1), NULL, 0);
    if (strcmp(verb, "setxattr") == 0) return setxattr(path(1), "trusted.picket", "x", 1, 0);
    if (strcmp(verb, "truncate") == 0) return truncate(path(1), 0);
    if (strcmp(verb, "name-late") == 0) return name_late(path(1), path(2));
    if (strcmp(verb, "mount") == 0) return mount("picket-test", path(1), "tmpfs", 0, NULL);
    if (strcmp(verb, "unmount") == 0) return umount(path(1));
    if (strcmp(verb, "hold") == 0) return (held = open(path(1), O_RDWR)) < 0 ? -1 : 0;
    if (strcmp(verb, "chmod-held") == 0) return fchmod(held, 0700);
    if (strcmp(verb, "close-held") == 0) return close(held);
    if (strcmp(verb, "flood") == 0) return flood(path(1), atoi(words[2]));
    errno = ENOSYS;
    return -1;
}

int main(void)
{
    static char line[32768];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        char *rest = line;
        for (int i = 0; i < WORDS; i++)
            words[i] = strsep(&rest, " ");
        printf("done %d\n", act(words[0]) == 0 ? 0 : errno);
        fflush(stdout);
    }
    return 0;
}
