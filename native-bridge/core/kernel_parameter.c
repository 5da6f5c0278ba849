#include "core/kernel_parameter.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 16 * 1024 };    // COMMAND_LINE_SIZE is at most 4096 in today's kernels

enum kernel_parameter kernel_parameter_find(const char *line) {
    static const char space[] = " \t\n", name[] = "picket=";
    enum kernel_parameter found = PARAMETER_NONE;
    for (line += strspn(line, space); *line != 0; line += strspn(line, space)) {
        size_t length = strcspn(line, space);
        if (strncmp(line, name, sizeof name - 1) == 0) {
            const char *value = line + sizeof name - 1;
            size_t value_length = length - (sizeof name - 1);
            if (value_length == 3 && memcmp(value, "off", 3) == 0) found = PARAMETER_OFF;
            else if (value_length == 2 && memcmp(value, "on", 2) == 0) found = PARAMETER_NONE;
            else found = PARAMETER_UNKNOWN;
        }
        line += length;
    }
    return found;
}

int kernel_parameter_read(const char *path, enum kernel_parameter *parameter) {
    static char line[LINE_BYTES];       // the first thread's alone
    size_t length = 0;
    ssize_t count;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    while ((count = read(fd, line + length, sizeof line - 1 - length)) > 0) length += (size_t)count;
    int failure = errno;
    (void)close(fd);
    errno = failure;
    if (count < 0) return -1;
    line[length] = 0;
    *parameter = kernel_parameter_find(line);
    return 0;
}
