#include "fd_links.h"

#include <fcntl.h>
#include <unistd.h>

static int folder = -1;

bool fd_links_open(void)
{
    if (folder < 0)
        folder = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return folder >= 0;
}

// The number as text, which snprintf() would take as long for as the kernel for a look-up. Gives its first digit.
static const char *name_of(int fd, char space[16])
{
    char *at = space + 15;
    *at = 0;
    do
        *--at = (char)('0' + fd % 10);
    while ((fd /= 10) > 0);
    return at;
}

bool fd_link_read(int fd, uint8_t *out, size_t capacity, size_t *length)
{
    char space[16];
    ssize_t got = fd < 0 ? -1 : readlinkat(folder, name_of(fd, space), (char *)out, capacity);
    *length = got > 0 ? (size_t)got : 0;
    return got > 0 && (size_t)got < capacity;
}
