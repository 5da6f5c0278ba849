#include "cgroups.h"

#include <string.h>

#include "core/wire.h"

// ---- what a path says

enum { ID_DIGITS = 64 };

static bool ends_with(struct bytes text, const char *end)
{
    size_t length = strlen(end);
    return text.length >= length && memcmp(text.data + text.length - length, end, length) == 0;
}

static bool begins_with(struct bytes text, const char *start)
{
    size_t length = strlen(start);
    return text.length >= length && memcmp(text.data, start, length) == 0;
}

static bool is_hex(const uint8_t *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

// `docker-` of a unit's name, `docker` of the folder above.
static const char *runtime_of(struct bytes prefix, struct bytes above)
{
    static const struct {
        const char *prefix, *runtime;
    } known[] = {{"cri-containerd", "containerd"}, {"nerdctl", "containerd"}, {"docker", "docker"}, {"crio", "cri-o"},
                 {"libpod", "podman"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (ends_with(prefix, known[i].prefix) || (prefix.length == 0 && bytes_equal_text(above, known[i].prefix)))
            return known[i].runtime;
    return "";
}

// <id>, docker-<id>.scope, crio-<id>, …:cri-containerd:<id>. What only looks after one (conmon) is not in it.
static bool is_of_oci(struct bytes name, struct bytes above, struct cgroup_parsed *parsed)
{
    if (ends_with(name, ".scope"))
        name.length -= strlen(".scope");
    if (name.length < ID_DIGITS || !is_hex(name.data + name.length - ID_DIGITS, ID_DIGITS))
        return false;
    struct bytes prefix = {name.data, name.length - ID_DIGITS};
    if (prefix.length > 0 && prefix.data[prefix.length - 1] != '-' && prefix.data[prefix.length - 1] != ':')
        return false;
    if (prefix.length > 0)
        prefix.length--;
    if (ends_with(prefix, "conmon"))
        return false;
    parsed->container_id = (struct bytes){name.data + name.length - ID_DIGITS, ID_DIGITS};
    parsed->runtime = runtime_of(prefix, above);
    return true;
}

// lxc/<name>, lxc.payload/<name>, lxc.payload.<name>: the name is the id.
static bool is_of_lxc(struct bytes name, struct bytes above, struct cgroup_parsed *parsed)
{
    static const char payload[] = "lxc.payload.";
    size_t skipped = begins_with(name, payload) ? sizeof payload - 1 : 0;
    bool is_below = bytes_equal_text(above, "lxc") || bytes_equal_text(above, "lxc.payload");
    if (name.length == skipped || (skipped == 0 && !is_below) || name.length - skipped > CONTAINER_ID_BYTES)
        return false;
    parsed->container_id = (struct bytes){name.data + skipped, name.length - skipped};
    parsed->runtime = "lxc";
    return true;
}

// The part of `path` that ends before `end`, and moves `end` before it.
static struct bytes last_part(struct bytes path, size_t *end)
{
    size_t start = *end;
    while (start > 0 && path.data[start - 1] != '/')
        start--;
    struct bytes part = {path.data + start, *end - start};
    *end = start > 0 ? start - 1 : 0;
    return part;
}

// The innermost, where one container runs in another.
static void find_container(struct cgroup_parsed *parsed)
{
    size_t end = parsed->path.length;
    parsed->container_id = (struct bytes){parsed->path.data, 0};
    parsed->runtime = "";
    while (end > 0) {
        struct bytes name = last_part(parsed->path, &end);
        size_t before = end;
        struct bytes above = last_part(parsed->path, &before);
        if (is_of_oci(name, above, parsed) || is_of_lxc(name, above, parsed))
            return;
    }
}

// ---- the file

// A container before none, then what says where a process belongs: the one hierarchy of today, systemd's, any other.
static int rank_of(struct bytes controllers, bool is_unified, const struct cgroup_parsed *parsed)
{
    if (parsed->container_id.length > 0)
        return 4;
    if (parsed->path.length <= 1)
        return 0;
    return is_unified ? 3 : bytes_equal_text(controllers, "name=systemd") ? 2 : 1;
}

// number:controllers:path, and what the kernel writes behind the path of a cgroup that is gone
static const char deleted[] = " (deleted)";

static bool parse_line(struct bytes line, struct cgroup_parsed *parsed, int *rank)
{
    const uint8_t *first = memchr(line.data, ':', line.length);
    const uint8_t *second = first ? memchr(first + 1, ':', line.length - (size_t)(first + 1 - line.data)) : NULL;
    if (!second)
        return false;
    parsed->path = (struct bytes){second + 1, line.length - (size_t)(second + 1 - line.data)};
    if (parsed->path.length == 0 || parsed->path.data[0] != '/' || parsed->path.length > CGROUP_PATH_BYTES)
        return false;
    if (ends_with(parsed->path, deleted))
        parsed->path.length -= sizeof deleted - 1;
    find_container(parsed);
    bool is_unified = first == line.data + 1 && line.data[0] == '0';
    *rank = rank_of((struct bytes){first + 1, (size_t)(second - first - 1)}, is_unified, parsed);
    return true;
}

bool cgroup_parse(const char *text, size_t length, struct cgroup_parsed *parsed)
{
    int best = -1;
    const uint8_t *at = (const uint8_t *)text, *end = at + length;
    while (at < end) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        struct bytes line = {at, (size_t)((newline ? newline : end) - at)};
        struct cgroup_parsed candidate;
        int rank;
        if (parse_line(line, &candidate, &rank) && rank > best) {
            best = rank;
            *parsed = candidate;
        }
        at += line.length + 1;
    }
    return best >= 0;
}

// ---- what is kept

static struct cgroup_ref refer_to(const struct cgroups *cgroups, uint32_t place)
{
    const struct cgroup_record *record = &cgroups->records[place];
    return (struct cgroup_ref){record->id_length > 0 ? CONTAINER_FOUND : CONTAINER_NONE, place, record->turn};
}

struct cgroup_ref cgroups_keep(struct cgroups *cgroups, const struct cgroup_parsed *parsed)
{
    for (uint32_t i = 0; i < cgroups->count; i++) {
        const struct cgroup_record *record = &cgroups->records[i];
        if (bytes_equal((struct bytes){record->path, record->path_length}, parsed->path))
            return refer_to(cgroups, i);
    }
    uint32_t place = cgroups->count < CGROUPS_MAX ? cgroups->count++ : cgroups->next++ % CGROUPS_MAX;
    struct cgroup_record *record = &cgroups->records[place];
    record->turn = ++cgroups->turn;
    record->path_length = (uint16_t)parsed->path.length;
    record->id_at = (uint16_t)(parsed->container_id.data - parsed->path.data);
    record->id_length = (uint16_t)parsed->container_id.length;
    record->runtime = parsed->runtime;
    memcpy(record->path, parsed->path.data, parsed->path.length);
    return refer_to(cgroups, place);
}

struct cgroup_ref cgroups_failed(void)
{
    return (struct cgroup_ref){CONTAINER_FAILED, 0, 0};
}

struct container_facts cgroups_tell(const struct cgroups *cgroups, struct cgroup_ref reference)
{
    struct container_facts facts = {.lookup = reference.lookup, .runtime = ""};
    const struct cgroup_record *record = &cgroups->records[reference.place];
    if (reference.lookup == CONTAINER_FAILED)
        return facts;
    if (reference.lookup == 0 || record->turn != reference.turn) {
        facts.lookup = CONTAINER_PENDING;
        return facts;
    }
    facts.cgroup = (struct bytes){record->path, record->path_length};
    facts.id = (struct bytes){record->path + record->id_at, record->id_length};
    facts.runtime = record->runtime;
    return facts;
}
