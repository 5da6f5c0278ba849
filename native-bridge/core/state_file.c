#include "core/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, TEXT_BYTES = 256 };
static const char name[] = "bridge.state";

uint64_t state_file_read(const char *directory) {
    char path[PATH_BYTES], text[TEXT_BYTES];
    (void)mkdir(directory, 0700);   // a failure shows at the first write
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (length < 0 || (size_t)length >= sizeof path) return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return 0;
    ssize_t count = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (count <= 0) return 0;
    text[count] = 0;
    uint64_t alive_ns = 0;
    const char *line = strstr(text, "alive_ns ");
    if (line == NULL || sscanf(line, "alive_ns %" SCNu64, &alive_ns) != 1) return 0;
    return alive_ns;
}

int state_file_write(const char *directory, const char *bridge_instance, uint64_t alive_ns) {
    char path[PATH_BYTES], temporary[PATH_BYTES], text[TEXT_BYTES];
    int a = snprintf(path, sizeof path, "%s/%s", directory, name);
    int b = snprintf(temporary, sizeof temporary, "%s/%s.new", directory, name);
    if (a < 0 || b < 0 || (size_t)a >= sizeof path || (size_t)b >= sizeof temporary) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int length = snprintf(text, sizeof text, "picket-bridge-state 1\ninstance %s\nalive_ns %" PRIu64 "\n",
                          bridge_instance, alive_ns);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return -1;
    // Not synced: after a power cut the interval is longer than it says by what the file system held back, and the
    // event thread must not wait for a disk.
    ssize_t count = write(fd, text, (size_t)length);
    if (close(fd) != 0 || count != length) return -1;
    return rename(temporary, path);
}
