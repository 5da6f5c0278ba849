#include "container_path.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mount_names.h"
#include "namespaces.h"

struct view {
    bool is_other;                  // another mount namespace
    char link[32];
    uint8_t root[4096];             // as seen from here; of another namespace from the top of its own mounts
    size_t root_length;
};

// False: the host's own.
static bool look_from(uint64_t own_namespace, uint32_t pid, struct view *view)
{
    snprintf(view->link, sizeof view->link, "/proc/%u/root", pid);
    ssize_t length = readlink(view->link, (char *)view->root, sizeof view->root);
    view->root_length = length > 0 && (size_t)length < sizeof view->root ? (size_t)length : 0;
    view->is_other = namespaces_is_other(own_namespace, pid);
    return view->root_length > 1 || (view->root_length == 1 && view->is_other);
}

static void strip(const uint8_t *text, size_t length, const uint8_t *root, size_t root_length, struct container_path *out)
{
    if (!path_move(text, length, root, root_length, (const uint8_t *)"/", 1, out->text, sizeof out->text, &out->length))
        out->length = 0;
}

void container_path_of_opened(uint64_t own_namespace, uint32_t pid, const struct canonical_path *path,
                              struct container_path *out)
{
    struct view view;
    out->length = 0;
    if (path->unresolved || !look_from(own_namespace, pid, &view))
        return;
    bool is_shown = path->shown_length > 0;
    strip(is_shown ? path->shown : path->text, is_shown ? path->shown_length : path->length, view.root, view.root_length,
          out);
}

// The filesystem whose root folder is the process's.
static const struct filesystem *filesystem_of_root(const struct filesystem_set *filesystems, const struct view *view)
{
    struct statx root, top;
    int folder = open(view->link, O_PATH | O_CLOEXEC);
    bool found = folder >= 0 && statx(folder, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &root) == 0;
    if (folder >= 0)
        close(folder);
    const struct filesystem *filesystem =
        found ? filesystem_set_find(filesystems, makedev(root.stx_dev_major, root.stx_dev_minor)) : NULL;
    int mount = filesystem ? filesystem_open(filesystem) : -1;
    found = mount >= 0 && statx(mount, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &top) == 0 &&
            top.stx_ino == root.stx_ino;
    if (filesystem)
        filesystem_let_go(filesystem, mount);
    return found ? filesystem : NULL;
}

void container_path_of_named(const struct filesystem_set *filesystems, uint64_t own_namespace, uint32_t pid,
                             const struct canonical_path *path, struct container_path *out)
{
    struct view view;
    out->length = 0;
    if (path->unresolved || !look_from(own_namespace, pid, &view))
        return;
    if (!view.is_other) {
        strip(path->text, path->length, view.root, view.root_length, out);
        return;
    }
    const struct filesystem *filesystem = view.root_length == 1 ? filesystem_of_root(filesystems, &view) : NULL;
    if (filesystem)
        strip(path->text, path->length, filesystem->mount_point, filesystem->mount_point_length, out);
}
