#include "mount_names.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/lock.h"
#include "fd_links.h"
#include "statmount.h"

// More mounts than any machine of ours has; files on those beyond are unresolved.
enum { MOUNTS = 8192, TEXT_BYTES = 1024 * 1024, PATH_BYTES = 4096, LINE_BYTES = 16384, CANDIDATES = 8 };

struct named_mount {
    struct mount_name name;
    const uint8_t *root, *point;
};

static struct {
    pthread_once_t once;
    pthread_mutex_t lock;       // the permission readers', too: whoever holds it must not be put aside
    int mountinfo;              // 0: not open yet
    bool is_read;
    size_t count, text_used;
    struct named_mount mounts[MOUNTS];
    uint8_t text[TEXT_BYTES];
} own = {.once = PTHREAD_ONCE_INIT};

static void init_lock(void)
{
    lock_init(&own.lock);
}

// ---- a mountinfo's lines

static const char *take_path(const char *at, const char *end, uint8_t *out, size_t capacity, size_t *length)
{
    for (*length = 0; at < end && *at != ' '; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '\\' && end - at > 3) {
            byte = (unsigned char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
            at += 3;
        }
        if (*length == capacity)
            return NULL;
        out[(*length)++] = byte;
    }
    return *length > 0 && at < end ? at + 1 : NULL;
}

static const char *take_number(const char *at, const char *end, char stop, uint32_t *number)
{
    const char *first = at;
    for (*number = 0; at < end && *at >= '0' && *at <= '9'; at++)
        *number = *number * 10 + (uint32_t)(*at - '0');
    return at > first && at < end && *at == stop ? at + 1 : NULL;
}

bool mount_name_parse(const char *line, size_t line_length, struct mount_name *name, uint8_t *text, size_t capacity)
{
    // 36 35 98:0 /root /mount/point options …
    uint32_t parent;
    const char *at = line, *end = line + line_length;
    return (at = take_number(at, end, ' ', &name->mount_id)) && (at = take_number(at, end, ' ', &parent)) &&
           (at = take_number(at, end, ':', &name->major)) && (at = take_number(at, end, ' ', &name->minor)) &&
           (at = take_path(at, end, text, capacity, &name->root_length)) &&
           take_path(at, end, text + name->root_length, capacity - name->root_length, &name->point_length);
}

static bool keep(void *context, const char *line, size_t length)
{
    (void)context;
    struct named_mount *mount = &own.mounts[own.count];
    mount->root = own.text + own.text_used;
    if (mount_name_parse(line, length, &mount->name, own.text + own.text_used, TEXT_BYTES - own.text_used)) {
        mount->point = mount->root + mount->name.root_length;
        own.text_used += mount->name.root_length + mount->name.point_length;
        own.count++;
    }
    return own.count == MOUNTS;
}

typedef bool (*use_line)(void *context, const char *line, size_t length);

// Until one is the last that is wanted.
static bool read_lines(int mountinfo, size_t bytes_max, use_line is_last, void *context)
{
    static char lines[LINE_BYTES];  // the lock is held
    size_t held = 0;
    for (size_t all = 0; all < bytes_max;) {
        ssize_t got = read(mountinfo, lines + held, sizeof lines - held);
        if (got <= 0)
            return false;
        all += (size_t)got;
        held += (size_t)got;
        const char *at = lines, *end = lines + held, *newline;
        for (; (newline = memchr(at, '\n', (size_t)(end - at))) != NULL; at = newline + 1)
            if (is_last(context, at, (size_t)(newline - at)))
                return true;
        // A line that fits in no buffer is dropped bit by bit: no piece of it parses.
        held = at == lines && held == sizeof lines ? 0 : (size_t)(end - at);
        memmove(lines, at, held);
    }
    return false;
}

static void read_own(void)
{
    own.count = own.text_used = 0;
    if (lseek(own.mountinfo, 0, SEEK_SET) == 0)
        (void)read_lines(own.mountinfo, SIZE_MAX, keep, NULL);
}

// The kernel says at each poll whether mounts have changed since the one before.
static bool bring_up_to_date(void)
{
    if (own.mountinfo == 0) {
        own.mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        if (own.mountinfo < 0) {
            own.mountinfo = 0;
            return false;
        }
    }
    struct pollfd changed = {.fd = own.mountinfo, .events = POLLPRI};
    if (poll(&changed, 1, 0) > 0 || !own.is_read)
        read_own();
    own.is_read = true;
    return true;
}

// ---- mounts of other namespaces

enum { STATX_UNIQUE_ID = 0x4000 };

static int open_of(uint32_t pid, const char *name)
{
    char path[48];
    snprintf(path, sizeof path, "/proc/%u/%s", pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

#ifdef PICKET_TEST
bool mount_names_only_lists;
#endif

// Linux 6.11.
static bool namespace_of(uint32_t pid, uint64_t *id)
{
#ifdef PICKET_TEST
    if (mount_names_only_lists)
        return false;
#endif
    int namespace = open_of(pid, "ns/mnt");
    bool known = namespace >= 0 && ioctl(namespace, _IOR(0xb7, 5, uint64_t), id) == 0;
    if (namespace >= 0)
        close(namespace);
    return known;
}

static bool look_elsewhere(uint64_t namespace_id, int fd, struct named_mount *mount)
{
    static struct statmount_reply reply;  // the lock is held
    struct statx file;
    uint64_t wanted = STATMOUNT_OF_SUPERBLOCK | STATMOUNT_OF_ROOT | STATMOUNT_OF_POINT;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_UNIQUE_ID, &file) != 0 ||
        !statmount_read(file.stx_mnt_id, namespace_id, wanted, &reply) || (reply.mask & wanted) != wanted)
        return false;
    mount->name.major = reply.major;
    mount->name.minor = reply.minor;
    mount->root = (const uint8_t *)statmount_text(&reply, reply.root, &mount->name.root_length);
    mount->point = (const uint8_t *)statmount_text(&reply, reply.point, &mount->name.point_length);
    return mount->name.root_length > 0 && mount->name.point_length > 0;
}

// Before: a list that its owner may make as long as he likes, while others wait.
enum { LIST_MAX = 65536 };

struct listed {
    uint64_t mount_id;
    struct named_mount *mount;
};

static bool is_listed(void *context, const char *line, size_t length)
{
    static uint8_t text[2 * PATH_BYTES];
    const struct listed *listed = context;
    struct named_mount *mount = listed->mount;
    if (!mount_name_parse(line, length, &mount->name, text, sizeof text) || mount->name.mount_id != listed->mount_id)
        return false;
    mount->root = text;
    mount->point = text + mount->name.root_length;
    return true;
}

static bool look_in_list(uint32_t pid, uint64_t mount_id, struct named_mount *mount)
{
    struct listed listed = {mount_id, mount};
    int mountinfo = open_of(pid, "mountinfo");
    bool found = mountinfo >= 0 && read_lines(mountinfo, LIST_MAX, is_listed, &listed);
    if (mountinfo >= 0)
        close(mountinfo);
    return found;
}

static bool find_elsewhere(uint32_t pid, int fd, uint64_t mount_id, struct named_mount *mount)
{
    uint64_t namespace_id = 0;
    return namespace_of(pid, &namespace_id) ? look_elsewhere(namespace_id, fd, mount)
                                            : look_in_list(pid, mount_id, mount);
}

// ---- names

bool path_move(const uint8_t *text, size_t length, const uint8_t *from, size_t from_length, const uint8_t *to,
               size_t to_length, uint8_t *out, size_t capacity, size_t *out_length)
{
    if (from_length == 1)
        from_length = 0;  // "/": all of the path follows
    if (to_length == 1)
        to_length = 0;
    if (length < from_length || (from_length > 0 && memcmp(text, from, from_length) != 0) ||
        (length > from_length && text[from_length] != '/'))
        return false;
    *out_length = to_length + length - from_length;
    if (*out_length == 0 || *out_length > capacity)
        return false;
    if (to_length > 0)
        memcpy(out, to, to_length);
    memcpy(out + to_length, text + from_length, length - from_length);
    return true;
}

static bool is_better(const struct named_mount *a, const struct named_mount *b)
{
    bool a_whole = a->name.root_length == 1, b_whole = b->name.root_length == 1;
    if (a_whole != b_whole)
        return a_whole;
    if (a->name.point_length != b->name.point_length)
        return a->name.point_length < b->name.point_length;
    return a < b;
}

static bool is_there(const uint8_t *path, size_t length, const struct named_mount *mount, const struct statx *file)
{
    char name[PATH_BYTES];
    struct statx found;
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_CACHED | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    if (length >= sizeof name)
        return false;
    memcpy(name, path, length);
    name[length] = 0;
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, name, &how, sizeof how);
    bool same = fd >= 0 && statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &found) == 0 &&
                found.stx_mnt_id == mount->name.mount_id && found.stx_ino == file->stx_ino &&
                found.stx_dev_major == file->stx_dev_major && found.stx_dev_minor == file->stx_dev_minor;
    if (fd >= 0)
        close(fd);
    return same;
}

// By the best mount here that shows it, and is not hidden by another.
static bool name_here(const struct named_mount *from, const uint8_t *path, size_t path_length,
                      const struct statx *file, uint8_t *out, size_t capacity, size_t *out_length)
{
    const struct named_mount *tried = NULL;
    for (int i = 0; i < CANDIDATES; i++) {
        const struct named_mount *best = NULL;
        size_t length;
        for (size_t at = 0; at < own.count; at++) {
            const struct named_mount *mount = &own.mounts[at];
            if (mount->name.major == from->name.major && mount->name.minor == from->name.minor &&
                (!tried || is_better(tried, mount)) && (!best || is_better(mount, best)) &&
                path_move(path, path_length, mount->root, mount->name.root_length, mount->point,
                          mount->name.point_length, out, capacity, &length))
                best = mount;
        }
        if (!best)
            return false;
        tried = best;
        if (path_move(path, path_length, best->root, best->name.root_length, best->point, best->name.point_length, out,
                      capacity, out_length) &&
            (best == from || is_there(out, *out_length, best, file)))
            return true;
    }
    return false;
}

static const struct named_mount *find_own(uint64_t mount_id)
{
    for (size_t i = 0; i < own.count; i++)
        if (own.mounts[i].name.mount_id == mount_id)
            return &own.mounts[i];
    return NULL;
}

static bool settle(uint32_t pid, int fd, uint8_t *text, size_t capacity, size_t *length)
{
    static uint8_t shown[PATH_BYTES], path[PATH_BYTES], moved[PATH_BYTES];  // the lock is held
    size_t shown_length;
    struct statx file;
    struct named_mount elsewhere;
    if (!fd_link_read(fd, shown, sizeof shown, &shown_length) || !bring_up_to_date() ||
        statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &file) != 0)
        return false;
    const struct named_mount *mount = find_own(file.stx_mnt_id);
    if (!mount && find_elsewhere(pid, fd, file.stx_mnt_id, &elsewhere))
        mount = &elsewhere;
    size_t path_length, moved_length;
    if (!mount || !path_move(shown, shown_length, mount->point, mount->name.point_length, mount->root,
                             mount->name.root_length, path, sizeof path, &path_length) ||
        !name_here(mount, path, path_length, &file, moved, sizeof moved, &moved_length) || moved_length > capacity)
        return false;
    memcpy(text, moved, moved_length);
    *length = moved_length;
    return true;
}

bool mount_names_settle(uint32_t pid, int fd, uint8_t *text, size_t capacity, size_t *length)
{
    (void)pthread_once(&own.once, init_lock);
    lock(&own.lock);
    bool settled = settle(pid, fd, text, capacity, length);
    unlock(&own.lock);
    return settled;
}
