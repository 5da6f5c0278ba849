#include "mount_table.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// ---- a line

static unsigned char unescape(const char **at)
{
    const char *text = *at;
    if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' && text[2] <= '7' && text[3] >= '0' &&
        text[3] <= '7') {
        *at = text + 4;
        return (unsigned char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
    }
    *at = text + 1;
    return (unsigned char)text[0];
}

// The next word of the line; its length is 0 at the end.
static size_t next_word(const char **at, const char **word)
{
    while (**at == ' ')
        ++*at;
    *word = *at;
    size_t length = strcspn(*at, " \n");
    *at += length;
    return length;
}

static bool has_word(const char *list, size_t length, const char *word)
{
    size_t word_length = strlen(word);
    for (size_t i = 0; i + word_length <= length; i++)
        if ((i == 0 || list[i - 1] == ',') && memcmp(list + i, word, word_length) == 0 &&
            (i + word_length == length || list[i + word_length] == ','))
            return true;
    return false;
}

bool mount_line_parse(const char *line, struct mount_line *mount)
{
    // 36 35 98:0 /root /mount/point options tags… - type source options
    int start = 0;
    memset(mount, 0, offsetof(struct mount_line, mount_point));
    if (sscanf(line, "%u %*u %u:%u %n", &mount->mount_id, &mount->major, &mount->minor, &start) != 3 || start == 0)
        return false;
    const char *at = line + start, *word;
    size_t length = next_word(&at, &word);
    mount->is_whole = length == 1 && word[0] == '/';

    length = next_word(&at, &word);
    for (const char *end = word + length; word < end;) {
        if (mount->mount_point_length + 1 >= sizeof mount->mount_point)
            return false;
        mount->mount_point[mount->mount_point_length++] = unescape(&word);
    }
    mount->mount_point[mount->mount_point_length] = 0;

    length = next_word(&at, &word);
    mount->no_exec = has_word(word, length, "noexec");
    while (length > 0 && !(length == 1 && word[0] == '-'))
        length = next_word(&at, &word);
    length = next_word(&at, &word);
    if (length == 0 || mount->mount_point_length == 0)
        return false;
    // A type whose name is cut is none that is known.
    for (size_t i = 0; i < length && i + 1 < sizeof mount->type; i++)
        mount->type[i] = word[i] > ' ' && word[i] < 0x7f ? word[i] : '?';
    (void)next_word(&at, &word);
    (void)next_word(&at, &mount->options);
    return true;
}

bool mount_option_next(const char **options, const char *name, char *out, size_t capacity)
{
    size_t name_length = strlen(name);
    while (**options && **options != '\n') {
        const char *at = *options, *end = at + strcspn(at, ",\n");
        *options = *end == ',' ? end + 1 : end;
        if ((size_t)(end - at) <= name_length || memcmp(at, name, name_length) != 0 || at[name_length] != '=')
            continue;
        size_t length = 0;
        for (at += name_length + 1; at < end && length + 1 < capacity;)
            out[length++] = (char)unescape(&at);
        out[length] = 0;
        return at == end;
    }
    return false;
}

// ---- a table

// Text of mounts: in blocks, so that what points into them stays.
struct mount_text {
    struct mount_text *next;
    size_t used;
    char bytes[16384];
};

static const char *keep(struct mount_table *table, const char *text, size_t length, size_t *left)
{
    struct mount_text *block = table->texts;
    if (length + 1 > sizeof block->bytes || length + 1 > *left)
        return NULL;
    if (!block || sizeof block->bytes - block->used < length + 1) {
        block = malloc(sizeof *block);
        if (!block)
            return NULL;
        block->next = table->texts;
        block->used = 0;
        table->texts = block;
    }
    char *kept = block->bytes + block->used;
    memcpy(kept, text, length);
    kept[length] = 0;
    block->used += length + 1;
    *left -= length + 1;
    return kept;
}

static bool add(struct mount_table *table, const struct mount_line *line, size_t *left)
{
    if ((table->count & (table->count - 1)) == 0) {  // full, at powers of two
        struct mount *grown = realloc(table->items, (table->count ? table->count * 2 : 1) * sizeof *grown);
        if (!grown)
            return false;
        table->items = grown;
    }
    struct mount mount = {line->mount_id, line->major, line->minor, line->is_whole, line->no_exec,
                          filesystem_kind_of(line->type, line->major), NULL, NULL, ""};
    mount.type = keep(table, line->type, strlen(line->type), left);
    mount.point = keep(table, (const char *)line->mount_point, line->mount_point_length, left);
    if (mount.kind == FILESYSTEM_STACKED)
        mount.options = keep(table, line->options, strcspn(line->options, "\n"), left);
    if (!mount.type || !mount.point || !mount.options)
        return false;
    table->items[table->count++] = mount;
    return true;
}

void mount_table_read(struct mount_table *table, int mountinfo, size_t mounts_max, size_t text_max)
{
    memset(table, 0, sizeof *table);
    int copy = fcntl(mountinfo, F_DUPFD_CLOEXEC, 3);
    FILE *file = copy >= 0 ? fdopen(copy, "re") : NULL;
    struct mount_line *mount = malloc(sizeof *mount);
    char *line = NULL;
    size_t capacity = 0;
    if (!file && copy >= 0)
        close(copy);
    table->is_cut = !file || !mount || fseek(file, 0, SEEK_SET) != 0;
    while (!table->is_cut && getline(&line, &capacity, file) > 0)
        if (mount_line_parse(line, mount))
            table->is_cut = table->count == mounts_max || !add(table, mount, &text_max);
    free(line);
    free(mount);
    if (file)
        fclose(file);
}

void mount_table_free(struct mount_table *table)
{
    for (struct mount_text *block = table->texts; block;) {
        struct mount_text *next = block->next;
        free(block);
        block = next;
    }
    free(table->items);
    memset(table, 0, sizeof *table);
}

const struct mount *mount_table_over(const struct mount_table *table, const char *path)
{
    const struct mount *over = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < table->count; i++) {
        const char *point = table->items[i].point;
        size_t length = strlen(point);
        if (length == 1)
            length = 0;  // the root, which every path is below
        if (strncmp(path, point, length) != 0 || (path[length] != '/' && path[length] != 0))
            continue;
        if (!over || length >= longest) {
            over = &table->items[i];
            longest = length;
        }
    }
    return over;
}

// ---- opening

enum { CACHE_TRIES = 16 };

static int open_in(int root, const char *point, uint64_t resolve)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve |
                                      (root == AT_FDCWD ? 0 : RESOLVE_IN_ROOT)};
    return (int)syscall(SYS_openat2, root, point, &how, sizeof how);
}

int mount_open(int root, const char *point, uint32_t mount_id, bool may_look_up)
{
    struct statx stat;
    int found = -1;
    // A mount or a rename anywhere meanwhile makes a look-up in the cache fail, too: then the next one does.
    errno = EAGAIN;
    for (int i = 0; i < CACHE_TRIES && found < 0 && errno == EAGAIN; i++)
        found = open_in(root, point, RESOLVE_CACHED);
    if (found < 0 && errno == EAGAIN && may_look_up)
        found = open_in(root, point, 0);
    if (found < 0)
        return -1;
    int fd = -1;
    // Not synced: what a server of another filesystem would have to say is not waited for.
    if (statx(found, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MNT_ID, &stat) != 0 ||
        stat.stx_mnt_id != mount_id) {
        errno = ENOENT;  // another mount lies on top
    } else if (S_ISDIR(stat.stx_mode)) {
        fd = openat(found, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    } else if (S_ISREG(stat.stx_mode)) {
        char link[40];
        snprintf(link, sizeof link, "/proc/self/fd/%d", found);
        fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOATIME);
    } else {
        errno = ENOTDIR;
    }
    int saved_errno = errno;
    close(found);
    errno = saved_errno;
    return fd;
}
