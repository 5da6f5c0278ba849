#include "told_program.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mount_names.h"

// In a mount namespace of its own a process may show any path as its program's.
static bool is_seen_as_here(const struct process_record *record)
{
    struct stat own;
    return stat("/proc/self/ns/mnt", &own) == 0 && own.st_ino == record->mount_namespace;
}

static int open_cached(const struct canonical_path *path)
{
    char name[sizeof path->text + 1];
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_CACHED | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    memcpy(name, path->text, path->length);
    name[path->length] = 0;
    return (int)syscall(SYS_openat2, AT_FDCWD, name, &how, sizeof how);
}

void told_program_find(const struct process_record *record, struct canonical_path *path, struct statx *stat)
{
    struct record_text told = process_record_texts(record).program;
    path->unresolved = true;
    path->length = told.length < sizeof path->text ? told.length : 0;
    if (path->length > 0)
        memcpy(path->text, told.data, path->length);
    int fd = path->length > 0 && is_seen_as_here(record) ? open_cached(path) : -1;
    if (fd < 0)
        return;
    path->unresolved = statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_OF_EVENTS, stat) != 0 ||
                       stat->stx_ino != record->inode ||
                       !mount_names_settle((uint32_t)getpid(), fd, path->text, sizeof path->text, &path->length);
    close(fd);
}
