// What the files actor*.c share. The lock of `struct actors` is held in each of these.
#ifndef PICKET_LINUX_ACTORS_INTERNAL_H
#define PICKET_LINUX_ACTORS_INTERNAL_H

#include "actors.h"

// Takes what the connector has, or, as the notify thread does, only up to the first change that it is to tell.
void actors_drain(struct actors *actors, bool to_first_change);

// Reads a process from /proc into the table. NULL: it is gone.
struct process_entry *actors_read_process(struct actors *actors, uint32_t pid, int pidfd);

// The parent as far as it can be known. The entry is pinned by the caller.
void actors_know_parent(struct actors *actors, struct process_entry *entry);

// The process ended, by what is told of it last.
void actors_end_process(struct actors *actors, const struct proc_change *change);

// Its first thread has ended. False: it has no others, and has ended.
bool actors_linger(struct actors *actors, struct process_entry *entry, const struct proc_change *change);
struct lingering *actors_find_lingering(struct actors *actors, uint32_t pid);
void actors_take_thread_exit(struct actors *actors, const struct proc_change *change);
// Takes it off the list; with `ended`, as one that has.
void actors_stop_lingering(struct actors *actors, struct lingering *lingering, bool ended);
void actors_look_at_lingering(struct actors *actors);

// Has its container read soon, unless it is known.
void actors_want_container(struct actors *actors, const struct process_entry *entry);

bool actors_miss_args(const struct actors *actors, const struct process_entry *entry);
void actors_wake_notify_thread(struct actors *actors);

#endif
