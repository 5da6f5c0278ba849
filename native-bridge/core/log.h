// The bridge's log: one line an entry on stderr, key=value. Any thread may write a line, none waits for stderr: lines
// go into a ring, and a thread that does nothing else writes them out. Nobody waits for that one: stderr may be a pipe
// that nobody reads, or a file on a disk that hangs. What does not fit the ring is dropped and counted.
//
// Threading: log_line() from any thread, but not from signal handlers.
#ifndef PICKET_LOG_H
#define PICKET_LOG_H

#include <stdarg.h>

#define LOG_LINE 500        // under _POSIX_PIPE_BUF: other processes' lines don't stand in the midst of it

enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

void log_init(void);
// Starts the thread; lines of before are kept for it. 0 or an errno.
int log_start(void);
// `message` is a fixed sentence; `format`, which may be NULL, gives key=value pairs.
void log_line(enum log_level level, const char *message, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// Waits until all lines are written, for at most so long.
void log_finish(int bound_ms);

#endif
