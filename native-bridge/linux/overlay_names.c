#include "overlay_names.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

// The path of a folder by the canonical mount of its filesystem. NULL: it has none.
static char *canonical_folder(const struct filesystem *filesystem, const char *path)
{
    union {
        struct file_handle handle;
        char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } space;
    int mount_id, fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    space.handle.handle_bytes = MAX_HANDLE_SZ;
    bool has_handle = fd >= 0 && name_to_handle_at(fd, "", &space.handle, &mount_id, AT_EMPTY_PATH) == 0;
    if (fd >= 0)
        close(fd);
    struct canonical_path *canonical = has_handle ? malloc(sizeof *canonical) : NULL;
    if (!canonical)
        return NULL;
    canonical_path_by_handle(filesystem, &space.handle, "", canonical);
    char *text = canonical->unresolved || canonical->length < 2
                     ? NULL : strndup((const char *)canonical->text, canonical->length - 1);  // ends in a slash
    free(canonical);
    return text;
}

// The folder that an option of the overlay names, and its filesystem.
static const struct filesystem *find_layer(struct overlay_names *names, struct mount_inventory *inventory,
                                           const struct mount *overlay, const char *option, char *path)
{
    const char *options = overlay->options;
    char why[256];
    if (!mount_option_next(&options, option, path, MOUNT_POINT_BYTES) || path[0] != '/')
        return NULL;
    const struct mount *over = mount_table_over(&inventory->tables[0], path);
    const struct found_filesystem *found = over ? inventory_find(inventory, over->major, over->minor) : NULL;
    if (!found || !filesystem_set_add_found(&names->layers, found, why, sizeof why))
        return NULL;
    return filesystem_set_find_mounted(&names->layers, found->major, found->minor);
}

static bool add(struct overlay_names *names, struct mount_inventory *inventory, const struct filesystem *overlay)
{
    const struct found_filesystem *found = inventory_find(inventory, overlay->major, overlay->minor);
    char *path = malloc(MOUNT_POINT_BYTES);
    struct overlay_name item = {.merged = (const char *)overlay->mount_point};
    if (found && found->pid == 0 && path) {
        const struct filesystem *layer = find_layer(names, inventory, found->mount, "upperdir", path);
        item.upper = layer ? canonical_folder(layer, path) : NULL;
        item.fsid = layer ? layer->fsid : 0;
        layer = find_layer(names, inventory, found->mount, "workdir", path);
        item.work = layer ? canonical_folder(layer, path) : NULL;
    }
    free(path);
    if (item.upper && item.work) {
        names->items[names->count++] = item;
        return true;
    }
    free(item.upper);
    free(item.work);
    return false;
}

void overlay_names_build(struct overlay_names *names, const struct filesystem_set *guarded,
                         struct mount_inventory *inventory, void (*left_out)(void *context, const char *mount_point),
                         void *context)
{
    for (size_t i = 0; i < guarded->count; i++) {
        const struct filesystem *overlay = &guarded->items[i];
        if (overlay->is_stacked && !add(names, inventory, overlay) && left_out)
            left_out(context, (const char *)overlay->mount_point);
    }
}

void overlay_names_free(struct overlay_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->items[i].upper);
        free(names->items[i].work);
    }
    names->count = 0;
    filesystem_set_close(&names->layers);
}

static bool is_below(const struct canonical_path *path, const char *folder)
{
    size_t length = strlen(folder);
    return path->length > length && memcmp(path->text, folder, length) == 0 && path->text[length] == '/';
}

enum overlay_place overlay_names_translate(const struct overlay_names *names, uint64_t fsid,
                                           struct canonical_path *path)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct overlay_name *item = &names->items[i];
        if (item->fsid != fsid || path->unresolved)
            continue;
        if (is_below(path, item->work))
            return OVERLAY_WORK;
        if (!is_below(path, item->upper))
            continue;
        size_t upper = strlen(item->upper), merged = strlen(item->merged);
        if (path->length - upper + merged > sizeof path->text)
            return OVERLAY_ELSEWHERE;
        memmove(path->text + merged, path->text + upper, path->length - upper);
        memcpy(path->text, item->merged, merged);
        path->length = path->length - upper + merged;
        return OVERLAY_UPPER;
    }
    return OVERLAY_ELSEWHERE;
}

enum overlay_arrival overlay_arrival_of(const struct filesystem *filesystem, const void *handle)
{
    struct statx stat;
    char link[40], value[1];
    int file = open_by_handle(filesystem, handle);
    if (file < 0)
        return OVERLAY_CREATED;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    bool is_whiteout = statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &stat) == 0 &&
                       S_ISCHR(stat.stx_mode) && stat.stx_rdev_major == 0 && stat.stx_rdev_minor == 0;
    bool has_origin = getxattr(link, "trusted.overlay.origin", value, 0) >= 0 ||
                      getxattr(link, "user.overlay.origin", value, 0) >= 0;
    close(file);
    return is_whiteout ? OVERLAY_WHITEOUT : has_origin ? OVERLAY_COPIED_UP : OVERLAY_CREATED;
}
