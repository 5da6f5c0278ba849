// What the intruder's ways share. A way returns 0 where the file was opened (or run), else the errno of that attempt; what
// goes wrong before the attempt ends the program by cannot(), so that it is never taken for a denial.
#ifndef PICKET_TEST_INTRUDER_H
#define PICKET_TEST_INTRUDER_H

#include <stdbool.h>
#include <stddef.h>

enum { PATH_ROOM = 8192, EXIT_CANNOT = 200, EXIT_USAGE = 201 };

struct target {
    bool run;               // it is to be executed, not opened
    const char *path;       // absolute
    const char *folder;     // of the file
    const char *name;       // in the folder
    const char *work;       // a folder for what a way needs, on another filesystem
};

struct way {
    const char *name;
    int (*go)(const struct target *target);
};

extern const struct way open_ways[], mount_ways[], file_ways[], program_ways[], early_ways[], served_ways[];

_Noreturn void cannot(const char *what);
void must(long result, const char *what);

// As printf; the text stays until the fourth call after.
const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *join(const char *folder, const char *name);

// The attempt itself.
int attempt(const struct target *target, const char *path);
int attempt_at(const struct target *target, int folder, const char *name, int execveat_flags);
// A descriptor that some other call than open(2) gave, or -1 with errno.
int attempt_got(const struct target *target, int fd);
int attempt_open(const char *path, int flags);

// A bind mount of the folder, in a mount namespace of its own, and the attempt through it.
const char *bound_folder(const struct target *target);
int through_bound_folder(const struct target *target);

// A mount namespace of its own, from which nothing spreads.
void own_mounts(void);
// A user namespace in which the caller is root.
void own_user(void);

#endif
