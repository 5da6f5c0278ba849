#include "mount_changes.h"

#include <stdlib.h>
#include <string.h>

// Numbers of mounts are used again at once, so the place belongs to it.
static int compare(const struct mount *a, const struct mount *b)
{
    if (a->mount_id != b->mount_id)
        return a->mount_id < b->mount_id ? -1 : 1;
    if (a->major != b->major)
        return a->major < b->major ? -1 : 1;
    if (a->minor != b->minor)
        return a->minor < b->minor ? -1 : 1;
    return strcmp(a->point, b->point);
}

static int compare_places(const void *a, const void *b)
{
    return compare(*(const struct mount *const *)a, *(const struct mount *const *)b);
}

// NULL: no memory.
static const struct mount **sorted(const struct mount_table *table)
{
    const struct mount **list = malloc((table->count + 1) * sizeof *list);
    for (size_t i = 0; list && i < table->count; i++)
        list[i] = &table->items[i];
    if (list)
        qsort(list, table->count, sizeof *list, compare_places);
    return list;
}

static void tell_missing(const struct mount_table *of, const struct mount **in, size_t in_count, bool is_mounted,
                         tell_mount_change tell, void *context)
{
    for (size_t i = 0; i < of->count; i++) {
        const struct mount *mount = &of->items[i];
        if (!bsearch(&mount, in, in_count, sizeof *in, compare_places))
            tell(context, is_mounted, mount);
    }
}

void mount_changes(const struct mount_table *before, const struct mount_table *now, tell_mount_change tell, void *context)
{
    const struct mount **old = sorted(before), **new = sorted(now);
    if (old && new) {
        tell_missing(before, new, now->count, false, tell, context);
        tell_missing(now, old, before->count, true, tell, context);
    }
    free(old);
    free(new);
}
