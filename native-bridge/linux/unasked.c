#include "unasked.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// An exec that was on its way when its filesystem was marked had no question to come.
enum { ON_ITS_WAY_MS = 2000, LINES_MAX = 4096 };

static uint64_t device_of(const struct statx *stat)
{
    return makedev(stat->stx_dev_major, stat->stx_dev_minor);
}

enum mount_of_program { MOUNT_FOUND, MOUNT_NOWHERE, MOUNT_NOT_KNOWN };

// The mount that the program was run from, as its process sees it; not known: the process is gone.
static enum mount_of_program find_mount_of_program(uint32_t pid, struct mount_line *mount)
{
    char path[40];
    struct statx stat;
    snprintf(path, sizeof path, "/proc/%u/exe", pid);
    if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_MNT_ID, &stat) != 0)
        return MOUNT_NOT_KNOWN;
    snprintf(path, sizeof path, "/proc/%u/mountinfo", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return MOUNT_NOT_KNOWN;
    char *line = NULL;
    size_t capacity = 0;
    bool found = false;
    for (int i = 0; i < LINES_MAX && !found && getline(&line, &capacity, file) > 0; i++)
        found = mount_line_parse(line, mount) && mount->mount_id == stat.stx_mnt_id;
    free(line);
    fclose(file);
    return found ? MOUNT_FOUND : MOUNT_NOWHERE;
}

static const char *reason_of_unguarded(const struct guard_state *guard, const struct told_exec *exec, enum asked asked)
{
    static struct mount_line mount;  // of the notify thread alone
    if (guard_state_is_quiet(guard, device_of(exec->program)))
        return NULL;
    enum mount_of_program place = find_mount_of_program(exec->pid, &mount);
    if (place == MOUNT_NOT_KNOWN)
        return NULL;
    if (place == MOUNT_NOWHERE)
        return "it runs from memory, or from a filesystem that is mounted nowhere";
    // btrfs: mountinfo has another number than stat.
    if (guard_state_is_quiet(guard, makedev(mount.major, mount.minor)) ||
        guard->policy->new_mounts == NEW_MOUNTS_IGNORE)
        return NULL;
    // Of an overlay the question may have been about the layer's file.
    if (filesystem_kind_of(mount.type, mount.major) == FILESYSTEM_STACKED && asked != ASKED_ABOUT_NOTHING)
        return NULL;
    return "its filesystem was mounted later or in another mount namespace, and is not guarded";
}

const char *unasked_reason(struct asked_execs *asked, const struct guard_state *guard, const struct told_exec *exec)
{
    if (!(guard->permission_mask & FAN_OPEN_EXEC_PERM) || exec->created_ns < guard->execs_asked_since_ns)
        return NULL;
    const struct statx *program = exec->program;
    enum asked was = asked_execs_take(asked, exec->pid, program ? device_of(program) : 0,
                                      program ? program->stx_ino : 0, exec->monotonic_us);
    if (was == ASKED_ABOUT_IT || exec->was_remembered || !program)
        return NULL;
    const struct filesystem *filesystem = filesystem_set_find(&guard->filesystems, device_of(program));
    // No rule could have denied it there.
    if (filesystem && !(filesystem->asked_mask & FAN_OPEN_EXEC_PERM))
        return NULL;
    uint64_t since_ns = filesystem ? atomic_load(&guard->asked_since_ns[filesystem - guard->filesystems.items]) : 0;
    if (since_ns == 0)
        return reason_of_unguarded(guard, exec, was);
    if (exec->created_ns < since_ns + ON_ITS_WAY_MS * 1000000ull)
        return filesystem->is_named || guard_state_is_quiet(guard, filesystem->device)
                   ? NULL : "it ran before its filesystem was guarded";
    return was == ASKED_NOT_KNOWN ? NULL : "its filesystem is guarded, and yet no question came";
}
