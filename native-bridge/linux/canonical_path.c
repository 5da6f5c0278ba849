#include "canonical_path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fd_links.h"
#include "mount_names.h"
#include "proc_files.h"

static int open_cached(int directory, const char *name, uint64_t resolve)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_CACHED | resolve};
    return (int)syscall(SYS_openat2, directory, name, &how, sizeof how);
}

static bool is_same_file(int fd, const struct statx *stat)
{
    struct statx found;
    return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &found) == 0 &&
           found.stx_ino == stat->stx_ino && found.stx_dev_major == stat->stx_dev_major &&
           found.stx_dev_minor == stat->stx_dev_minor;
}

static bool is_below_mount(const struct filesystem *filesystem, const uint8_t *path, size_t length)
{
    size_t prefix = filesystem->mount_point_length;
    if (prefix == 1)
        return length > 1 && path[0] == '/';
    return length > prefix && memcmp(path, filesystem->mount_point, prefix) == 0 && path[prefix] == '/';
}

// A name may truly end in " (deleted)"; then it is found in the cache, for it was just opened by it.
static bool is_deleted(struct canonical_path *path, const struct statx *stat)
{
    struct bytes text = {path->text, path->length};
    if (!proc_strip_deleted(&text))
        return false;
    if (stat->stx_nlink > 0 && path->length < sizeof path->text) {
        path->text[path->length] = 0;
        int fd = open_cached(AT_FDCWD, (const char *)path->text, RESOLVE_NO_SYMLINKS);
        bool exists = fd >= 0 && is_same_file(fd, stat);
        if (fd >= 0)
            close(fd);
        if (exists)
            return false;
    }
    path->length = text.length;
    return true;
}

static void give_up(struct canonical_path *path)
{
    path->unresolved = true;
    if (path->length <= 1)  // "/" is what the kernel shows for what it can't reach: no hint
        path->length = 0;
}

// A file that was made without a name (O_TMPFILE) stands as "#<inode>" in the folder that it was made in. No rule can mean
// a name that it never had, and a deny that holds for it keeps every program from writing files that way.
static bool is_nameless(const struct canonical_path *path, const struct statx *stat)
{
    char name[32];
    size_t length = (size_t)snprintf(name, sizeof name, "/#%llu", (unsigned long long)stat->stx_ino);
    return stat->stx_nlink == 0 && path->length > length && memcmp(path->text + path->length - length, name, length) == 0;
}

union handle_space {
    struct file_handle handle;
    char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

// Opened through another mount: the same file is looked for on the canonical one, by handle.
static bool resolve_by_handle(const struct filesystem *filesystem, int fd, const struct statx *stat,
                              struct canonical_path *path)
{
    union handle_space space;
    int mount_id;
    space.handle.handle_bytes = MAX_HANDLE_SZ;
    if (name_to_handle_at(fd, "", &space.handle, &mount_id, AT_EMPTY_PATH) != 0)
        return false;
    int mount = filesystem_open(filesystem);
    int found = mount < 0 ? -1 : open_by_handle_at(mount, &space.handle, O_PATH | O_CLOEXEC);
    filesystem_let_go(filesystem, mount);
    if (found < 0)
        return false;
    uint8_t text[sizeof path->text];
    size_t length;
    bool resolved = fd_link_read(found, text, sizeof text, &length) && is_same_file(found, stat) &&
                    is_below_mount(filesystem, text, length);
    close(found);
    if (resolved) {
        memcpy(path->text, text, length);
        path->length = length;
    }
    return resolved;
}

// A handle leads to any of a file's names; the mount tells by which one it was opened. A stacked filesystem has no handles,
// or makes them by looking into its layers.
static bool resolve_by_mount(const struct filesystem *filesystem, uint32_t pid, int fd, struct canonical_path *path)
{
    return mount_names_settle(pid, fd, path->text, sizeof path->text, &path->length) &&
           is_below_mount(filesystem, path->text, path->length);
}

// Of an overlay whose file is reached through another overlay on it, by a mount that nobody sees: below its own mount the
// file has the path that is shown, or an end of it. What is found is compared.
static bool resolve_by_name(const struct filesystem *filesystem, const struct statx *stat, struct canonical_path *path)
{
    enum { TRIES = 16 };
    const uint8_t *end = path->text + path->length, *rest = path->text;
    char candidate[sizeof path->text];
    for (int i = 0; i < TRIES && rest && rest[0] == '/'; i++) {
        int length = snprintf(candidate, sizeof candidate, "%s%.*s", (const char *)filesystem->mount_point,
                              (int)(end - rest), (const char *)rest);
        int found = length < (int)sizeof candidate ? open_cached(AT_FDCWD, candidate, RESOLVE_NO_SYMLINKS) : -1;
        bool is_it = found >= 0 && is_same_file(found, stat);
        if (found >= 0)
            close(found);
        if (is_it) {
            memcpy(path->text, candidate, (size_t)length);
            path->length = (size_t)length;
            return true;
        }
        rest = memchr(rest + 1, '/', (size_t)(end - rest - 1));
    }
    return false;
}

static void prepend_way(const struct filesystem *filesystem, struct canonical_path *path)
{
    memmove(path->text + filesystem->mount_point_length, path->text, path->length);
    memcpy(path->text, filesystem->mount_point, filesystem->mount_point_length);
    path->length += filesystem->mount_point_length;
}

// Of a filesystem that is not to be seen here, the text is another namespace's, where anybody may have chosen it: it is
// told by the way that leads there from here, which is no path of a file here.
static void go_through_process(const struct filesystem *filesystem, const struct statx *stat,
                               struct canonical_path *path)
{
    size_t way = filesystem->mount_point_length;
    if (is_deleted(path, stat) || path->length < 2 || path->length + way > sizeof path->text)
        give_up(path);
    else
        prepend_way(filesystem, path);
}

static bool resolve(const struct filesystem *filesystem, uint32_t pid, int fd, const struct statx *stat,
                    struct canonical_path *path)
{
    if (filesystem->mount_id != 0 && mount_id_of(stat) == filesystem->mount_id)
        return is_below_mount(filesystem, path->text, path->length);
    if (filesystem->is_stacked)
        return resolve_by_mount(filesystem, pid, fd, path) || resolve_by_name(filesystem, stat, path);
    return stat->stx_nlink > 1 ? resolve_by_mount(filesystem, pid, fd, path)
                               : resolve_by_handle(filesystem, fd, stat, path);
}

void canonical_path_of(const struct filesystem_set *filesystems, uint32_t pid, int fd, const struct statx *stat,
                       struct canonical_path *path)
{
    path->unresolved = false;
    bool whole = fd_link_read(fd, path->text, sizeof path->text, &path->length);
    const struct filesystem *filesystem =
        filesystem_set_find(filesystems, makedev(stat->stx_dev_major, stat->stx_dev_minor));
    bool is_canonical = filesystem && filesystem->mount_id != 0 && mount_id_of(stat) == filesystem->mount_id;
    path->shown_length = whole && !is_canonical ? path->length : 0;
    if (path->shown_length > 0)
        memcpy(path->shown, path->text, path->length);
    if (whole && filesystem && filesystem->is_foreign && stat->stx_nlink > 0) {
        go_through_process(filesystem, stat, path);
        return;
    }
    bool resolved = whole && filesystem && resolve(filesystem, pid, fd, stat, path);
    if (is_deleted(path, stat) || stat->stx_nlink == 0)
        resolved = resolved && is_nameless(path, stat);
    if (!resolved)
        give_up(path);
}

// The handle lies unaligned in what was read from the kernel.
int open_by_handle(const struct filesystem *filesystem, const void *handle)
{
    struct file_handle header;
    union handle_space space;
    memcpy(&header, handle, sizeof header);
    if (header.handle_bytes > MAX_HANDLE_SZ)
        return -1;
    memcpy(&space, handle, sizeof header + header.handle_bytes);
    int mount = filesystem_open(filesystem);
    int found = mount < 0 ? -1 : open_by_handle_at(mount, &space.handle, O_PATH | O_CLOEXEC);
    filesystem_let_go(filesystem, mount);
    return found;
}

bool stat_by_handle(const struct filesystem *filesystem, const void *handle, struct statx *stat)
{
    int file = open_by_handle(filesystem, handle);
    if (file < 0)
        return false;
    bool found = statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_OF_EVENTS, stat) == 0;
    close(file);
    return found;
}

void canonical_path_by_handle(const struct filesystem *filesystem, const void *handle, const char *name,
                              struct canonical_path *path)
{
    path->length = 0;
    path->unresolved = true;
    int folder = open_by_handle(filesystem, handle);
    bool is_folder = strcmp(name, ".") == 0;
    size_t name_length = is_folder ? 0 : strlen(name);
    if (folder >= 0) {
        size_t length;
        bool whole = fd_link_read(folder, path->text, sizeof path->text, &length);
        struct bytes text = {path->text, length};
        bool is_mount = length == filesystem->mount_point_length &&
                        memcmp(path->text, filesystem->mount_point, length) == 0;
        bool deleted = proc_strip_deleted(&text);
        if (whole && !deleted && (is_mount || is_below_mount(filesystem, path->text, length)) &&
            length + 1 + name_length <= sizeof path->text) {
            path->length = length;
            path->unresolved = false;
        }
        close(folder);
    }
    if (path->unresolved) {
        path->length = 0;
    } else if (path->length > 1 && !is_folder) {
        path->text[path->length++] = '/';
    }
    if (path->length + name_length <= sizeof path->text) {
        memcpy(path->text + path->length, name, name_length);
        path->length += name_length;
    }
}

bool is_cached_name_of(uint32_t pid, const char *name, int fd)
{
    bool absolute = name[0] == '/';
    char start[40];
    snprintf(start, sizeof start, "/proc/%u/%s", pid, absolute ? "root" : "cwd");
    int directory = open(start, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return false;
    int found = open_cached(directory, name, absolute ? RESOLVE_IN_ROOT : 0);
    close(directory);
    if (found < 0)
        return false;
    // Compared as text, not by stat, which a filesystem in user space could make wait.
    uint8_t a[4096], b[4096];
    size_t a_length, b_length;
    bool same = fd_link_read(found, a, sizeof a, &a_length) && fd_link_read(fd, b, sizeof b, &b_length) &&
                a_length == b_length && memcmp(a, b, a_length) == 0;
    close(found);
    return same;
}
