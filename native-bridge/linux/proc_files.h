// What /proc says about a process. Only reads that the kernel answers from its own memory are used on the reader's
// thread: exe, stat, status, cwd. Arguments and environment are different: they are read from the process's memory,
// where a hostile page fault may wait for ever, so proc_read_args() and proc_read_env() are never called while a kernel
// waits for an answer.
//
// Threading: every function is reentrant; callers own all buffers.
#ifndef PICKET_LINUX_PROC_FILES_H
#define PICKET_LINUX_PROC_FILES_H

#include "process_table.h"

// Fills `reading` for a pid; the executable's bytes lie in `path`. False: no such process. `pidfd` (or -1) must be
// the same process still once all is read, else the pid was used again meanwhile and the answer is false.
bool proc_read(uint32_t pid, int pidfd, struct process_reading *reading, uint8_t path[PROCESS_PATH_BYTES]);

// The start time in ticks since boot, 0: no such process.
uint64_t proc_read_start(uint32_t pid);

// The working directory; length 0: not known or deleted.
size_t proc_read_cwd(uint32_t pid, uint8_t *out, size_t capacity);

// The arguments, each ended by a zero byte; 0: none or gone. May block on the process's memory.
size_t proc_read_args(uint32_t pid, uint8_t *out, size_t capacity);

// The environment it was started with, likewise; a variable that does not fit whole is left out. May block.
size_t proc_read_env(uint32_t pid, uint8_t *out, size_t capacity);

// Is the process of the descriptor still there, so that its pid can't be another's? A zombie is.
bool pidfd_is_alive(int pidfd);

// Parsers of the files' text; false on anything unexpected.
bool proc_parse_stat(const char *text, size_t length, uint32_t *parent_pid, uint64_t *start_ticks,
                     char name[PROCESS_NAME_BYTES + 1]);
bool proc_parse_status(const char *text, size_t length, uint32_t *uid, uint32_t *real_uid, uint32_t *gid);

// A link's text without the kernel's " (deleted)". True: it was there, or the path is not absolute.
bool proc_strip_deleted(struct bytes *path);

#endif
