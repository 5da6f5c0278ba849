#include "asked_reach.h"

#include <string.h>
#include <sys/fanotify.h>

#include "core/event_encoder.h"

static uint64_t reach_below(const struct policy *policy, struct bytes folder)
{
    uint64_t mask = 0;
    if (policy_subscribes(policy, EVENT_AUTH, "open") && policy_asks_below(policy, "open", folder))
        mask |= FAN_OPEN_PERM;
    if (policy_subscribes(policy, EVENT_AUTH, "exec") && policy_asks_below(policy, "exec", folder))
        mask |= FAN_OPEN_EXEC_PERM;
    return mask;
}

static struct bytes text_of(const char *point)
{
    return (struct bytes){(const uint8_t *)point, strlen(point)};
}

uint64_t asked_reach_of(const struct policy *policy, const struct found_filesystem *found)
{
    uint64_t mask = 0;
    // What only another namespace shows has no path here that a rule could be held against.
    if (found->pid != 0)
        return reach_below(policy, text_of("/"));
    for (size_t i = 0; i < found->table->count; i++) {
        const struct mount *mount = &found->table->items[i];
        if (mount->major == found->major && mount->minor == found->minor)
            mask |= reach_below(policy, text_of(mount->point));
    }
    return mask;
}

void asked_reach_set(struct filesystem_set *set, const struct policy *policy, struct mount_inventory *inventory,
                     const struct filesystem_set *before)
{
    for (size_t i = 0; i < set->count; i++) {
        struct filesystem *item = &set->items[i];
        const struct found_filesystem *found = inventory_find(inventory, item->major, item->minor);
        const struct filesystem *old = before ? filesystem_set_find(before, item->device) : NULL;
        struct bytes point = {item->mount_point, item->mount_point_length};
        item->asked_mask = reach_below(policy, item->is_foreign ? text_of("/") : point) |
                           (found ? asked_reach_of(policy, found) : 0) | (old ? old->asked_mask : 0);
    }
}
