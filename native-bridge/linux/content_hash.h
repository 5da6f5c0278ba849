// Hashes of files' content, on top of read leases: what is computed under a lease is known for as long as it is held, and
// what is computed without one (somebody has the file open for writing) is unstable and for one answer only. Local filesystems
// of known kinds alone: others grant leases and then let the content change, or have it from a server that may hang.
//
// Threading: any; content_hash_compute() waits for a disk.
#ifndef PICKET_LINUX_CONTENT_HASH_H
#define PICKET_LINUX_CONTENT_HASH_H

#include <sys/stat.h>

#include "core/backend.h"
#include "leases.h"

// Takes a good part of a second by a processor's instructions, and five times as long without.
#define CONTENT_HASH_SIZE_MAX ((uint64_t)512 * 1024 * 1024)

// By statfs's f_type.
bool content_hash_is_listed(uint64_t filesystem_type);

// What can be said at once of a file by its stat: known by a lease, or that there is no hash, or HASH_PENDING.
void content_hash_look(struct leases *leases, const struct statx *stat, bool is_listed, struct content_hash *hash);

// Of the file that `fd` is open for reading at. Ends early where nobody waits for it and it would be of no use later.
void content_hash_compute(struct leases *leases, int fd, const struct hash_order *order, struct content_hash *hash);

// The backend's: what a request asks about. `state` is the struct linux_state.
void content_hash_open(void *state, const struct hash_order *order, struct hash_sources *sources);
void content_hash_answer(void *state, const struct hash_order *order, struct hash_sources *sources,
                         struct content_hashes *found);

// HASH_OF_PROCESS for the asking process, at once or HASH_PENDING.
void content_hash_look_at_program(struct leases *leases, uint32_t pid, struct content_hash *hash);

#endif
