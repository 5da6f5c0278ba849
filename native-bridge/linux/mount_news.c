#include "mount_news.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "core/clock.h"
#include "core/picket_event.h"
#include "layers.h"

enum { ROOM_MAX = 20 * 1000, US_A_THOUSANDTH = 3000, ATTEMPTS = 3 };

void mount_news_take(struct mount_news *news, struct mount_inventory *inventory)
{
    size_t kept = 0;
    for (size_t i = 0; i < news->count; i++)
        if (inventory_find(inventory, news->seen[i].major, news->seen[i].minor))
            news->seen[kept++] = news->seen[i];
    for (size_t i = 0; i < inventory->count; i++) {
        struct found_filesystem *found = &inventory->items[i];
        size_t at = 0;
        while (at < kept && (news->seen[at].major != found->major || news->seen[at].minor != found->minor))
            at++;
        if (at == kept && kept < INVENTORY_MAX)
            news->seen[kept++] = (struct seen_filesystem){.major = found->major, .minor = found->minor,
                                                          .is_new = news->has_begun};
        found->is_new = at < kept ? news->seen[at].is_new : news->has_begun;
    }
    news->count = kept;
}

static bool is_asked(const struct guard_state *guard, uint32_t major, uint32_t minor)
{
    const struct filesystem *item = filesystem_set_find_mounted(&guard->filesystems, major, minor);
    return item && !item->is_refused;
}

static bool is_layer_asked(void *context, const struct mount *layer)
{
    return is_asked(context, layer->major, layer->minor);
}

const char *mount_unguarded_reason(const struct found_filesystem *found, const struct mount_inventory *inventory,
                                   const struct guard_state *guard)
{
    if (is_asked(guard, found->major, found->minor))
        return NULL;
    // An open of its files is an open of a layer's file.
    if (found->kind == FILESYSTEM_STACKED &&
        layers_all(&inventory->tables[0], found->mount, is_layer_asked, (void *)(uintptr_t)guard))
        return NULL;
    if (found->refusal)
        return found->refusal;
    const char *limit = guard_limit_refusal(found);
    if (limit)
        return limit;
    return guard_is_wanted(guard->policy, found) ? "it could not be marked" : "guard.filesystems does not name it";
}

static bool has_room(struct mount_news *news)
{
    int64_t now_us = clock_monotonic_us();
    int64_t gained = news->room_us == 0 ? ROOM_MAX : (now_us - news->room_us) / US_A_THOUSANDTH;
    news->room_us = news->room_us == 0 ? now_us : news->room_us + gained * US_A_THOUSANDTH;
    news->room = news->room + gained < ROOM_MAX ? news->room + gained : ROOM_MAX;
    if (news->room < 1000)
        return false;
    news->room -= 1000;
    return true;
}

static void tell(struct mount_news *news, const struct found_filesystem *found, const char *reason, struct core *core)
{
    const struct picket_event head = {clock_unix_ns(), PLATFORM_LINUX, news->buffer, sizeof news->buffer};
    const struct mount_facts facts = {
        .path = {(const uint8_t *)found->mount->point, strlen(found->mount->point)},
        .type = found->mount->type, .device = makedev(found->major, found->minor),
        .guarded = !reason, .reason = reason ? reason : "", .pid = found->pid,
    };
    char message[512];
    snprintf(message, sizeof message, "A filesystem (%s) was mounted whose files and programs nobody is asked about: %s.",
             found->mount->type, reason ? reason : "");
    const struct picket_alert alert = {"picket-mount", "medium", message};
    struct encoded_event event;
    // What can't be run there is no program that passes unasked.
    if (event_encode_mount(&head, &facts, reason && !found->no_exec ? &alert : NULL, &event))
        core_notify(core, &event);
}

void mount_news_tell_change(struct mount_news *news, bool is_mounted, const struct mount *mount, struct core *core)
{
    const struct bytes point = {(const uint8_t *)mount->point, strlen(mount->point)};
    const struct bytes type = {(const uint8_t *)mount->type, strlen(mount->type)};
    const struct file_facts file = {.path = point};
    const struct statfs_facts statfs = {.mount_point = point, .type = type};
    const struct event_facts event = {
        .created_ns = clock_unix_ns(), .kind = EVENT_NOTIFY, .action = is_mounted ? "mount" : "unmount",
        .platform = PLATFORM_LINUX, .provider = "mountinfo", .file = &file, .outcome = "success", .statfs = &statfs,
    };
    struct encoded_event encoded;
    if (event_encode(&event, news->buffer, sizeof news->buffer, &encoded))
        core_notify(core, &encoded);
}

bool mount_news_is_pending(const struct mount_news *news)
{
    return news->is_pending;
}

static bool is_to_be_tried_again(const struct found_filesystem *found, const struct guard_state *guard)
{
    return guard_is_wanted(guard->policy, found) && !found->refusal && !guard_limit_refusal(found) &&
           !is_asked(guard, found->major, found->minor);
}

void mount_news_tell(struct mount_news *news, struct mount_inventory *inventory, const struct guard_state *guard,
                     struct core *core)
{
    uint64_t withheld = 0;
    news->is_pending = false;
    bool is_wanted = guard->permission_mask != 0 && guard->policy->new_mounts != NEW_MOUNTS_IGNORE;
    for (size_t i = 0; i < news->count; i++) {
        struct seen_filesystem *seen = &news->seen[i];
        const struct found_filesystem *found = inventory_find(inventory, seen->major, seen->minor);
        bool is_due = seen->is_new && (!seen->is_told || (seen->was_told_no_exec && !found->no_exec));
        if (!is_due)
            continue;
        // The process that was to lead there may just have ended.
        if (is_wanted && is_to_be_tried_again(found, guard) && ++seen->attempts < ATTEMPTS) {
            news->is_pending = true;
            continue;
        }
        seen->is_told = true;
        seen->was_told_no_exec = found->no_exec;
        if (!is_wanted || !guard_is_worth_a_word(found))
            continue;
        if (has_room(news))
            tell(news, found, mount_unguarded_reason(found, inventory, guard), core);
        else
            withheld++;
    }
    if (withheld > 0)
        core_loss(core, "rate_limit", EVENT_PICKET, "mount", withheld);
    // Whoever makes more namespaces than are followed could mount in one more, and nobody would be told.
    if (is_wanted && inventory->is_cut && !news->is_cut_told)
        core_loss(core, "too_many_mounts", EVENT_PICKET, "mount", 0);
    news->is_cut_told = is_wanted && inventory->is_cut;
}
