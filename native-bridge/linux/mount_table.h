// The mounts of one namespace, as a mountinfo of /proc lists them: which filesystem, of what kind, where.
//
// Ownership: a table owns its memory. Threading: a table belongs to one thread; the functions are reentrant. Reading a
// mountinfo touches no filesystem, and mount_open() none that is not the mount it was asked for.
#ifndef PICKET_LINUX_MOUNT_TABLE_H
#define PICKET_LINUX_MOUNT_TABLE_H

#include <stddef.h>

#include "filesystem_kinds.h"

enum { MOUNT_POINT_BYTES = 4096, MOUNT_TYPE_BYTES = 32 };

// One line of a mountinfo.
struct mount_line {
    uint32_t mount_id;
    uint32_t major, minor;
    bool is_whole;              // the filesystem's root is mounted, not a folder of it
    bool no_exec;
    char type[MOUNT_TYPE_BYTES];    // ASCII: what follows "fuse." is whatever its maker likes, and would be no text
    const char *options;        // of the filesystem, in the line, to the line's end
    size_t mount_point_length;
    uint8_t mount_point[MOUNT_POINT_BYTES];
};

// Parses a line (pure); octal escapes of the mount point are undone.
bool mount_line_parse(const char *line, struct mount_line *mount);

// The value of the next option called `name` in *options, its octal escapes undone; *options is moved behind it. False:
// there is none, or it does not fit.
bool mount_option_next(const char **options, const char *name, char *out, size_t capacity);

struct mount {
    uint32_t mount_id, major, minor;
    bool is_whole, no_exec;
    enum filesystem_kind kind;
    const char *type, *point, *options;     // options: of stacked filesystems only
};

struct mount_table {
    size_t count;
    struct mount *items;        // in the order of the mountinfo: what lies on top comes later
    struct mount_text *texts;
    bool is_cut;                // there are more mounts than were asked for, or memory ran out
};

// Reads an open mountinfo from its start, `mounts_max` lines and `text_max` bytes of text at most.
void mount_table_read(struct mount_table *table, int mountinfo, size_t mounts_max, size_t text_max);
void mount_table_free(struct mount_table *table);

// The mount that `path` lies on by its text. NULL: none in the table.
const struct mount *mount_table_over(const struct mount_table *table, const char *path);

// Opens a mount point below `root` (the descriptor of a root folder, or AT_FDCWD: the own) for reading, if what lies
// there is that very mount. Names are looked up in the kernel's cache alone, so that no server of another filesystem on
// the way is asked; with `may_look_up` names that the cache does not hold are looked up after all. -1 with errno: EAGAIN
// where the cache did not do.
int mount_open(int root, const char *point, uint32_t mount_id, bool may_look_up);

#endif
