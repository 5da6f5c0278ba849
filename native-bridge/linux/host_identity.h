// What stays the same while the machine runs: its boot, the length of a clock tick, the names of its users.
//
// Ownership: user_names owns its memory. Threading: boot_load() before the threads start, user_names_load() for each new
// guard, by whoever makes it; everything else only reads.
#ifndef PICKET_LINUX_HOST_IDENTITY_H
#define PICKET_LINUX_HOST_IDENTITY_H

#include "core/backend.h"

enum { ENTITY_ID_BYTES = 40, USER_NAME_BYTES = 32 };

struct boot {
    char id[17];                // the first 16 hexadecimal digits of the kernel's boot id
    uint64_t boot_unix_ns;
    uint64_t tick_ns;
    bool is_first_pid_namespace;
};

struct user_name {
    uint32_t id;
    uint8_t length;
    char name[USER_NAME_BYTES];
};

struct user_names {
    struct user_name *names;    // sorted by id
    size_t count;
};

void boot_load(struct boot *boot);

// Unix time of a start given in ticks since boot; 0 for 0.
uint64_t boot_start_ns(const struct boot *boot, uint64_t start_ticks);

// Pid, start and boot in hexadecimal: the same for the same process, whatever bridge or agent looks at it.
void boot_entity_id(const struct boot *boot, uint32_t pid, uint64_t start_ticks, char out[ENTITY_ID_BYTES]);

// Reads /etc/passwd (and nothing else: a directory service may hang). Allocates; an unreadable file yields no names.
void user_names_load(struct user_names *names, const char *passwd_path);
void user_names_free(struct user_names *names);

// Empty: no name is known.
struct bytes user_names_find(const struct user_names *names, uint32_t id);

#endif
