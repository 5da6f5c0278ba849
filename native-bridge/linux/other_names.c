#include "other_names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/lock.h"

// Each question about a file of several names looks up so many again, in turn: files are replaced, and a name without its
// file would be a way around after all.
enum { NAMES_MAX = 4096, LOOKED_UP_AGAIN = 32 };

struct denied_name {
    struct bytes path;
    bool is_there;
    uint64_t device, inode;
    struct statx_timestamp born;    // an inode's number is given again
};

struct other_names {
    pthread_mutex_t lock;
    size_t count, turn;
    struct denied_name names[];
};

static bool is_guarded(const struct filesystem_set *filesystems, struct bytes path)
{
    for (size_t i = 0; i < filesystems->count; i++) {
        size_t length = filesystems->items[i].mount_point_length;
        if (length == 1 || (path.length > length && path.data[length] == '/' &&
                            memcmp(path.data, filesystems->items[i].mount_point, length) == 0))
            return path.length > 1 && path.data[0] == '/' && path.length < sizeof((struct canonical_path *)0)->text;
    }
    return false;
}

typedef void (*use_name)(struct other_names *names, struct bytes path);

static size_t each_name_of(const struct static_verdict *items, size_t count, enum verdict verdict,
                           const struct filesystem_set *filesystems, struct other_names *names, use_name use)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t t = 0; items[i].verdict == verdict && t < items[i].tests_count; t++) {
            const struct policy_test *test = &items[i].tests[t];
            if (test->operator != OPERATOR_EQUAL || test->subject == SUBJECT_PREVIOUS_EXECUTABLE)
                continue;
            for (size_t v = 0; v < test->values_count; v++) {
                if (!is_guarded(filesystems, test->values[v]))
                    continue;
                found++;
                if (use)
                    use(names, test->values[v]);
            }
        }
    }
    return found;
}

// Those that the bridge denies, and those that a deny of the agent's could reach (which have no verdict).
static size_t each_name(const struct policy *policy, const struct filesystem_set *filesystems,
                        struct other_names *names, use_name use)
{
    return each_name_of(policy->static_verdicts, policy->static_verdicts_count, VERDICT_DENY, filesystems, names, use) +
           each_name_of(policy->deny_reach, policy->deny_reach_count, VERDICT_ALLOW, filesystems, names, use);
}

static void look_up(struct denied_name *name, uint64_t resolve)
{
    char path[sizeof((struct canonical_path *)0)->text];
    struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = resolve | RESOLVE_NO_SYMLINKS};
    struct statx found;
    memcpy(path, name->path.data, name->path.length);
    path[name->path.length] = 0;
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    // What the kernel's cache does not know for sure (EAGAIN) stays as it was.
    if (fd < 0)
        name->is_there = name->is_there && errno == EAGAIN;
    else if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_OF_EVENTS, &found) == 0)
        *name = (struct denied_name){name->path, true, makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino,
                                     found.stx_btime};
    if (fd >= 0)
        close(fd);
}

static void add(struct other_names *names, struct bytes path)
{
    if (names->count == NAMES_MAX)
        return;
    struct denied_name *name = &names->names[names->count++];
    name->path = path;
    look_up(name, 0);
}

struct other_names *other_names_build(const struct policy *policy, const struct filesystem_set *filesystems)
{
    size_t count = each_name(policy, filesystems, NULL, NULL);
    struct other_names *names =
        calloc(1, sizeof *names + (count < NAMES_MAX ? count : NAMES_MAX) * sizeof *names->names);
    if (!names)
        return NULL;
    lock_init(&names->lock);
    (void)each_name(policy, filesystems, names, add);
    return names;
}

void other_names_free(struct other_names *names)
{
    free(names);
}

static bool is_it(const struct denied_name *name, const struct statx *file)
{
    return name->is_there && name->inode == file->stx_ino &&
           name->device == makedev(file->stx_dev_major, file->stx_dev_minor) &&
           name->born.tv_sec == file->stx_btime.tv_sec && name->born.tv_nsec == file->stx_btime.tv_nsec;
}

static bool is_denied(const struct policy *policy, const struct auth_subject *subject)
{
    const struct static_verdict *found = policy_static_verdict(policy, subject);
    return found && found->verdict == VERDICT_DENY;
}

// Does a deny speak of the other name more surely than of the one that was used?
static bool is_preferable(const struct policy *policy, const struct auth_subject *opened, struct bytes other)
{
    struct auth_subject renamed = *opened;
    renamed.file_path = other;
    if (is_denied(policy, opened))
        return false;
    return is_denied(policy, &renamed) ||
           (!policy_deny_could_reach(policy, opened) && policy_deny_could_reach(policy, &renamed));
}

void other_names_prefer(struct other_names *names, const struct policy *policy, const struct statx *file,
                        struct auth_subject *subject, struct canonical_path *path)
{
    if (!names || names->count == 0 || file->stx_nlink < 2 || path->unresolved)
        return;
    lock(&names->lock);
    for (size_t i = 0; i < LOOKED_UP_AGAIN && i < names->count; i++)
        look_up(&names->names[names->turn++ % names->count], RESOLVE_CACHED);
    for (size_t i = 0; i < names->count; i++) {
        const struct denied_name *name = &names->names[i];
        if (!is_it(name, file) || !is_preferable(policy, subject, name->path))
            continue;
        memcpy(path->text, name->path.data, name->path.length);
        path->length = name->path.length;
        subject->file_path = (struct bytes){path->text, path->length};
        break;
    }
    unlock(&names->lock);
}
