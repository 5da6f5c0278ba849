// What actors.c and actor_changes.c share. The lock of `struct actors` is held in each of these.
#ifndef PICKET_LINUX_ACTORS_INTERNAL_H
#define PICKET_LINUX_ACTORS_INTERNAL_H

#include "actors.h"

// Takes what the connector has, or only up to the first change that the notify thread is to tell.
void actors_drain(struct actors *actors, bool to_first_change);

// Reads a process from /proc into the table. NULL: it is gone.
struct process_entry *actors_read_process(struct actors *actors, uint32_t pid, int pidfd);

// Estimated from a fork's time, the start becomes the one of /proc.
void actors_make_start_exact(struct process_entry *entry);
bool actors_may_be_same_start(const struct process_entry *entry, uint64_t start_ticks);

bool actors_miss_args(const struct actors *actors, const struct process_entry *entry);
void actors_wake_notify_thread(struct actors *actors);

#endif
