#include "never_denied.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
    const struct file_identity *left = a, *right = b;
    if (left->device != right->device)
        return left->device < right->device ? -1 : 1;
    return left->inode < right->inode ? -1 : left->inode > right->inode;
}

// Takes the descriptor.
static bool add(struct never_denied *set, int fd, const struct stat *file)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->files[i].device == file->st_dev && set->files[i].inode == file->st_ino) {
            close(fd);
            return true;
        }
    }
    if (set->count == set->room) {
        size_t more = set->room ? set->room * 2 : 32;
        struct file_identity *grown = realloc(set->files, more * sizeof *grown);
        if (!grown) {
            close(fd);
            return false;
        }
        set->files = grown;
        set->room = more;
    }
    set->files[set->count++] = (struct file_identity){file->st_dev, file->st_ino, fd};
    return true;
}

static bool is_any(const struct stat *file)
{
    (void)file;
    return true;
}

// Only root's own file that nobody else may write.
static bool is_roots(const struct stat *file)
{
    return file->st_uid == 0 && (file->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool add_path(struct never_denied *set, const char *path, bool (*counts)(const struct stat *file))
{
    struct stat file;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno != EMFILE && errno != ENFILE && errno != ENOMEM;
    if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && counts(&file))
        return add(set, fd, &file);
    close(fd);
    return true;
}

// Programs and libraries that this very process runs on.
static bool add_own(struct never_denied *set)
{
    bool added = add_path(set, "/proc/self/exe", is_any);
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps)
        return added;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while (added && (length = getline(&line, &capacity, maps)) > 0) {
        char *path = strchr(line, '/');
        line[length - 1] = 0;
        if (path && strstr(line, " r-x"))
            added = add_path(set, path, is_any);
    }
    free(line);
    fclose(maps);
    return added;
}

// Of the folders above it, too, up to the mount point: who may rename could give any of root's files the name. In a sticky
// one others rename only what is theirs.
static bool is_below_roots_folders(const char *path, size_t mount_length)
{
    char folder[2 * MOUNT_POINT_BYTES];
    struct stat above;
    size_t length = strlen(path);
    if (length >= sizeof folder)
        return false;
    memcpy(folder, path, length + 1);
    for (char *slash; (slash = strrchr(folder, '/')) != NULL && (size_t)(slash - folder) >= mount_length;) {
        *slash = 0;
        if (stat(folder[0] ? folder : "/", &above) != 0 || above.st_uid != 0 ||
            (above.st_mode & (S_IWGRP | S_IWOTH) && !(above.st_mode & S_ISVTX)))
            return false;
    }
    return true;
}

// A name alone proves nothing: in a folder that others write to, only root's own unwritable file is what it says.
static bool add_systems(struct never_denied *set, const char *pattern, size_t mount_length)
{
    glob_t found;
    bool added = true;
    if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
        for (size_t i = 0; added && i < found.gl_pathc; i++)
            if (is_below_roots_folders(found.gl_pathv[i], mount_length))
                added = add_path(set, found.gl_pathv[i], is_roots);
        globfree(&found);
    }
    return added;
}

static bool add_filesystem(struct never_denied *set, const struct filesystem *filesystem)
{
    static const char *const folders[] = {"lib",     "lib64",     "lib32",     "lib/*",
                                          "usr/lib", "usr/lib64", "usr/lib32", "usr/lib/*"};
    static const char *const names[] = {"ld-linux*.so*", "ld-[0-9]*.so", "ld64.so*", "ld-musl-*.so*", "libc.so.6",
                                        "libc.musl-*.so*"};
    size_t mount_length = filesystem->mount_point_length == 1 ? 0 : filesystem->mount_point_length;
    char mount[MOUNT_POINT_BYTES], pattern[2 * MOUNT_POINT_BYTES];
    size_t length = 0;
    for (size_t i = 0; i < filesystem->mount_point_length; i++) {
        if (length + 2 >= sizeof mount)
            return true;
        if (strchr("*?[\\", filesystem->mount_point[i]))
            mount[length++] = '\\';
        mount[length++] = (char)filesystem->mount_point[i];
    }
    mount[length] = 0;
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
            int written = snprintf(pattern, sizeof pattern, "%s/%s/%s", mount, folders[f], names[n]);
            if (written < (int)sizeof pattern && !add_systems(set, pattern, mount_length))
                return false;
        }
    }
    return true;
}

// One that was marked for what it is may be anybody's stick, where root's files are anybody's and a held file is in the
// way of taking it out.
static bool is_systems(const struct filesystem *filesystem)
{
    const char *point = (const char *)filesystem->mount_point;
    return filesystem->is_named || (!filesystem->is_foreign && (strcmp(point, "/") == 0 || strcmp(point, "/usr") == 0));
}

bool never_denied_build(struct never_denied *set, const struct bytes *paths, size_t count,
                        const struct filesystem_set *filesystems)
{
    memset(set, 0, sizeof *set);
    bool built = add_own(set);
    for (size_t i = 0; built && i < count; i++) {
        char path[MOUNT_POINT_BYTES];
        if (paths[i].length == 0 || paths[i].length >= sizeof path)
            continue;
        memcpy(path, paths[i].data, paths[i].length);
        path[paths[i].length] = 0;
        built = add_path(set, path, is_any);
    }
    for (size_t i = 0; built && i < filesystems->count; i++)
        if (is_systems(&filesystems->items[i]))
            built = add_filesystem(set, &filesystems->items[i]);
    if (set->count > 0)
        qsort(set->files, set->count, sizeof *set->files, compare);
    if (!built)
        never_denied_free(set);
    return built;
}

void never_denied_free(struct never_denied *set)
{
    for (size_t i = 0; i < set->count; i++)
        close(set->files[i].held);
    free(set->files);
    memset(set, 0, sizeof *set);
}

bool never_denied_has(const struct never_denied *set, uint64_t device, uint64_t inode)
{
    struct file_identity key = {device, inode, -1};
    return set->count > 0 && bsearch(&key, set->files, set->count, sizeof key, compare) != NULL;
}
