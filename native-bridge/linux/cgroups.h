// Which cgroup and container a process belongs to, from what /proc/PID/cgroup says. Many processes share one, so each is kept
// once, and a process has a number of it.
//
// Ownership: memory of fixed size. Threading: none of its own; the lock of struct actors guards it. cgroup_parse() is pure.
#ifndef PICKET_LINUX_CGROUPS_H
#define PICKET_LINUX_CGROUPS_H

#include "core/event_encoder.h"

enum { CGROUP_PATH_BYTES = 1024, CONTAINER_ID_BYTES = 256, CGROUPS_MAX = 512 };

struct cgroup_parsed {
    struct bytes path;              // below the hierarchy that says most
    struct bytes container_id;      // empty: none
    const char *runtime;            // static storage; empty: not known, or none
};

// False: the text is none of a cgroup file, or longer than is kept. What it yields lies in the text.
bool cgroup_parse(const char *text, size_t length, struct cgroup_parsed *parsed);

// Zeros: not read yet.
struct cgroup_ref {
    enum container_lookup lookup;   // 0: not read yet
    uint32_t place, turn;
};

struct cgroup_record {
    uint32_t turn;                  // another one at each use of the place
    uint16_t path_length, id_at, id_length;
    const char *runtime;
    uint8_t path[CGROUP_PATH_BYTES];
};

struct cgroups {
    uint32_t count, next, turn;
    struct cgroup_record records[CGROUPS_MAX];
};

struct cgroup_ref cgroups_keep(struct cgroups *cgroups, const struct cgroup_parsed *parsed);
struct cgroup_ref cgroups_failed(void);

// What is known, with its texts in the record: to be copied before the lock is let go. A record that had to make room for
// another is as one that was not read yet.
struct container_facts cgroups_tell(const struct cgroups *cgroups, struct cgroup_ref reference);

#endif
