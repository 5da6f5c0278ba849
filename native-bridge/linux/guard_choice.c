#include "guard_choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/backends.h"

static char *limit;     // NULL: none
static size_t limit_length;

bool guard_only_below(const char *folder)
{
    char *resolved = realpath(folder, NULL);
    if (!resolved)
        return false;
    free(limit);
    limit = resolved;
    limit_length = strcmp(resolved, "/") == 0 ? 0 : strlen(resolved);
    return true;
}

bool linux_guard_only_below(const char *folder)
{
    return guard_only_below(folder);
}

const char *guard_limit_refusal(const struct found_filesystem *found)
{
    // Each mount counts: to mark a filesystem is to mark all of it, wherever it is to be seen.
    for (size_t i = 0; limit && i < found->table->count; i++) {
        const struct mount *mount = &found->table->items[i];
        if (mount->major != found->major || mount->minor != found->minor)
            continue;
        if (strncmp(mount->point, limit, limit_length) != 0 ||
            (mount->point[limit_length] != '/' && mount->point[limit_length] != 0))
            return "it is mounted outside of the folder that --only-below names";
    }
    return NULL;
}

bool guard_is_wanted(const struct policy *policy, const struct found_filesystem *found)
{
    if (found->kind == FILESYSTEM_KERNEL)
        return false;
    // One that only another namespace shows can't be named by any path here.
    return policy->guard_local ||
           (policy->new_mounts == NEW_MOUNTS_GUARD && (found->is_new || found->pid != 0));
}

void guard_sentence(const struct found_filesystem *found, const char *why, char *sentence, size_t size)
{
    char where[48] = "";
    if (found->pid != 0)
        snprintf(where, sizeof where, ", as process %u sees it", found->pid);
    snprintf(sentence, size, "%.300s (%s%s) is not guarded: %s", found->mount->point, found->mount->type, where, why);
}

bool guard_is_worth_a_word(const struct found_filesystem *found)
{
    return found->kind != FILESYSTEM_KERNEL;
}
