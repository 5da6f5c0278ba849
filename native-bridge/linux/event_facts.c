#include "event_facts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

// An event may hold the arguments of three processes; a process of more is told with its first ones.
enum { ARGS_IN_ALL = 65536 };

bool event_memory_init(struct event_memory *memory, size_t buffer_size)
{
    memset(memory, 0, sizeof *memory);
    memory->args = calloc(ARGS_IN_ALL, sizeof *memory->args);
    memory->buffer = malloc(buffer_size);
    memory->args_room = ARGS_IN_ALL;
    memory->buffer_size = buffer_size;
    if (memory->args && memory->buffer)
        return true;
    event_memory_free(memory);
    return false;
}

void event_memory_free(struct event_memory *memory)
{
    free(memory->args);
    free(memory->buffer);
    memory->args = NULL;
    memory->buffer = NULL;
}

void event_begin(struct event_memory *memory, enum event_kind kind, const char *action, const char *provider,
                 uint64_t created_ns)
{
    memset(&memory->event, 0, sizeof memory->event);
    memory->args_used = 0;
    memory->event.kind = kind;
    memory->event.action = action;
    memory->event.provider = provider;
    memory->event.platform = PLATFORM_LINUX;
    memory->event.created_ns = created_ns;
}

static const struct bytes *split(struct event_memory *memory, struct bytes strings, size_t *count)
{
    const struct bytes *first = memory->args + memory->args_used;
    const uint8_t *at = strings.data, *end = strings.data + strings.length;
    for (*count = 0; at < end && memory->args_used < memory->args_room; ++*count) {
        const uint8_t *zero = memchr(at, 0, (size_t)(end - at));
        size_t length = zero ? (size_t)(zero - at) : (size_t)(end - at);
        memory->args[memory->args_used++] = (struct bytes){at, length};
        at += length + 1;
    }
    return first;
}

static struct user_facts user_of(uint32_t id, const struct user_names *users)
{
    return (struct user_facts){true, id, user_names_find(users, id)};
}

void event_set_process(struct event_memory *memory, struct process_memory *to, const struct process_view *view,
                       const struct boot *boot, const struct user_names *users)
{
    struct process_facts *facts = &to->facts;
    memset(facts, 0, sizeof *facts);
    facts->pid = view->pid;
    facts->executable = view->executable;
    facts->executable_unresolved = view->executable_unresolved;
    facts->start_ns = boot_start_ns(boot, view->start_ticks);
    if (view->start_ticks != 0)
        boot_entity_id(boot, view->pid, view->start_ticks, to->entity_id);
    else
        to->entity_id[0] = 0;
    facts->entity_id = to->entity_id;
    if (view->user_known) {
        facts->user = user_of(view->uid, users);
        facts->real_user = user_of(view->real_uid, users);
        facts->group_id = view->gid;
    }
    if (view->executable.length == 0)
        facts->name = (struct bytes){(const uint8_t *)view->name, strnlen(view->name, sizeof view->name)};
    facts->args = split(memory, view->args, &facts->args_count);
}

void event_set_actor(struct event_memory *memory, const struct boot *boot, const struct user_names *users)
{
    event_set_process(memory, &memory->process, &memory->view.process, boot, users);
    memory->event.process = &memory->process.facts;
    memory->event.container = memory->view.process.container;
    memory->process.facts.cgroup = memory->view.process.container.cgroup;
    if (memory->view.parent.pid != 0) {
        event_set_process(memory, &memory->parent, &memory->view.parent, boot, users);
        memory->process.facts.parent = &memory->parent.facts;
    }
}

void event_set_environment(struct event_memory *memory, struct bytes environment)
{
    struct process_facts *facts = &memory->process.facts;
    facts->env_vars = split(memory, environment, &facts->env_vars_count);
}

static uint64_t nanoseconds(const struct statx_timestamp *time)
{
    return time->tv_sec < 0 ? 0 : (uint64_t)time->tv_sec * 1000000000u + time->tv_nsec;
}

void event_set_file(struct event_memory *memory, const struct canonical_path *path, const struct statx *stat,
                    const struct user_names *users)
{
    struct file_facts *file = &memory->file;
    memset(file, 0, sizeof *file);
    file->path = (struct bytes){path->text, path->length};
    file->path_unresolved = path->unresolved;
    if (stat) {
        file->has_stat = true;
        file->inode = stat->stx_ino;
        file->device = makedev(stat->stx_dev_major, stat->stx_dev_minor);
        file->size = stat->stx_size;
        file->mode = stat->stx_mode;
        file->uid = stat->stx_uid;
        file->gid = stat->stx_gid;
        file->links = stat->stx_nlink;
        file->mtime_ns = nanoseconds(&stat->stx_mtime);
        file->ctime_ns = nanoseconds(&stat->stx_ctime);
        file->owner = user_names_find(users, stat->stx_uid);
    }
    memory->event.file = file;
}

bool event_finish(struct event_memory *memory, struct encoded_event *encoded)
{
    if (event_encode(&memory->event, memory->buffer, memory->buffer_size, encoded))
        return true;
    memory->process.facts.env_vars_count = 0;
    if (event_encode(&memory->event, memory->buffer, memory->buffer_size, encoded))
        return true;
    memory->process.facts.args_count = 0;
    memory->parent.facts.args_count = 0;
    memory->previous.facts.args_count = 0;
    return event_encode(&memory->event, memory->buffer, memory->buffer_size, encoded);
}
