// The bridge's log: one line an entry on stderr, key=value. Any thread may write a line, none waits for stderr: lines
// go into a ring and the event thread writes them out while stderr takes them. What does not fit is dropped and
// counted.
//
// Threading: log_line() from any thread, but not from signal handlers; log_drain() from the event thread.
#ifndef PICKET_LOG_H
#define PICKET_LOG_H

#include <stdarg.h>

#define LOG_LINE 500        // under _POSIX_PIPE_BUF: a write to a pipe that poll() calls writable takes it whole

enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

void log_init(void);
// `message` is a fixed sentence; `format`, which may be NULL, gives key=value pairs.
void log_line(enum log_level level, const char *message, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// Writes what stderr takes without waiting.
void log_drain(void);
// Is there something to drain?
int log_waiting(void);

#endif
