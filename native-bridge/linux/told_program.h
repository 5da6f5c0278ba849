// The program of a process that is gone, of which an eBPF program told path and inode.
// Threading: reentrant. It waits for no disk: only names that the kernel has in its cache are looked up.
#ifndef PICKET_LINUX_TOLD_PROGRAM_H
#define PICKET_LINUX_TOLD_PROGRAM_H

#include "canonical_path.h"
#include "process_ring.h"

// Its path as rules know it and its stat, if the file is there still; else a hint, unresolved.
void told_program_find(const struct process_record *record, struct canonical_path *path, struct statx *stat);

#endif
