// The kernel's parameter `picket`, by which an administrator at the boot prompt has the last word.
// Threading: reads a file; the first thread, at start.
#ifndef PICKET_KERNEL_PARAMETER_H
#define PICKET_KERNEL_PARAMETER_H

#include <stddef.h>

#define KERNEL_COMMAND_LINE "/proc/cmdline"

enum kernel_parameter { PARAMETER_NONE, PARAMETER_OFF, PARAMETER_UNKNOWN };

// As everywhere on that line, the last one counts. Pure.
enum kernel_parameter kernel_parameter_find(const char *line);
// Reads the line first. -1 with errno where it can't be read.
int kernel_parameter_read(const char *path, enum kernel_parameter *parameter);

#endif
