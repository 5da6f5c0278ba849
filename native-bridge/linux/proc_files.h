// What /proc says about a process. Only reads that the kernel answers from its own memory are used on the reader's
// thread: exe, stat, status, cwd. Arguments and environment are different: they are read from the process's memory,
// where a hostile page fault may wait for ever.
//
// Threading: every function is reentrant; callers own all buffers.
#ifndef PICKET_LINUX_PROC_FILES_H
#define PICKET_LINUX_PROC_FILES_H

#include "process_table.h"

// Fills `reading` for a pid; the executable's bytes lie in `path`. False: no such process. `pidfd` (or -1) must be
// the same process still once all is read, else the pid was used again meanwhile and the answer is false.
bool proc_read(uint32_t pid, int pidfd, struct process_reading *reading, uint8_t path[PROCESS_PATH_BYTES]);

// The same without the executable.
bool proc_read_child(uint32_t pid, struct process_reading *reading);

// Threads that have not ended yet; 0: no such process.
uint32_t proc_read_threads(uint32_t pid);

// Is it there, and no zombie?
bool proc_is_running(uint32_t pid);

// /proc/PID/cgroup, whose locks may be held for a while: not for whoever is waited for. `start_ticks` is that of the same
// process. False with errno: ENOENT or ESRCH where it is gone.
bool proc_read_cgroup(uint32_t pid, char *out, size_t capacity, size_t *length, uint64_t *start_ticks);

// The start time in ticks since boot, 0: no such process.
uint64_t proc_read_start(uint32_t pid);

// The working directory; length 0: not known or deleted.
size_t proc_read_cwd(uint32_t pid, uint8_t *out, size_t capacity);

// Reads "cmdline" or "environ" of the process of a folder, each string ended by a zero byte; 0: none or gone. Waits for
// the process's memory, for ever if its owner wants it so: only what can be killed may call it (memory_keeper.c).
size_t proc_read_strings(int process, const char *name, uint8_t *out, size_t capacity);

// Calls `use` with the folder of the process and, if that yields nothing, with those of its threads: the first thread
// may have ended, and then the process's own folder says nothing of its memory.
size_t proc_any_thread(uint32_t pid, size_t (*use)(int folder, void *context), void *context);

// Is the process of the descriptor still there, so that its pid can't be another's? A zombie is.
bool pidfd_is_alive(int pidfd);

// Parsers of the files' text; false on anything unexpected.
bool proc_parse_stat(const char *text, size_t length, struct process_reading *reading);
bool proc_parse_status(const char *text, size_t length, uint32_t *uid, uint32_t *real_uid, uint32_t *gid);

// A link's text without the kernel's " (deleted)". True: it was there, or the path is not absolute.
bool proc_strip_deleted(struct bytes *path);

#endif
