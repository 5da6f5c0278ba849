// Hard links: a file that a deny rule names, opened by a name that no deny speaks of, is told by the name that the rule
// knows, or `ln` would be a way around it. That needs rules that name files one by one; what a rule says of a whole folder
// says nothing of the other names of the files in it.
//
// Ownership: borrows the policy's texts, so it must end before the policy. Threading: any thread; nothing waits for a disk
// once it is built.
#ifndef PICKET_LINUX_OTHER_NAMES_H
#define PICKET_LINUX_OTHER_NAMES_H

#include "canonical_path.h"
#include "core/policy.h"

struct other_names;

// May block on the guarded filesystems. NULL: out of memory.
struct other_names *other_names_build(const struct policy *policy, const struct filesystem_set *filesystems);
void other_names_free(struct other_names *names);   // NULL passes

// `path` and subject->file_path become the name that a deny rule knows, where there is one and the opened name is free.
// `file`: statx() with STATX_OF_EVENTS.
void other_names_prefer(struct other_names *names, const struct policy *policy, const struct statx *file,
                        struct auth_subject *subject, struct canonical_path *path);

#endif
