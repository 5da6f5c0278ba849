// Files that are never denied are known by device and inode: that must not pass to a file that gets the number later.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux/never_denied.h"
#include "test/core_check.h"

enum { SUCCESSORS = 64 };

static struct stat make(const char *path) {
    struct stat file;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && fstat(fd, &file) == 0);
    CHECK_EQUAL(close(fd), 0);
    return file;
}

static void number_used_again(void) {
    static struct filesystem_set none;
    struct never_denied set;
    char folder[] = "/tmp/picket-never-XXXXXX", listed[64], path[64];
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(listed, sizeof listed, "%s/listed", folder);
    struct stat file = make(listed);
    struct bytes paths[] = {{(const uint8_t *)listed, sizeof folder - 1 + 7}};
    CHECK(never_denied_build(&set, paths, 1, &none));
    CHECK(never_denied_has(&set, file.st_dev, file.st_ino));
    CHECK_EQUAL(unlink(listed), 0);
    for (int i = 0; i < SUCCESSORS; i++) {
        (void)snprintf(path, sizeof path, "%s/%d", folder, i);
        struct stat later = make(path);
        CHECK(!never_denied_has(&set, later.st_dev, later.st_ino));
    }
    for (int i = 0; i < SUCCESSORS; i++) {
        (void)snprintf(path, sizeof path, "%s/%d", folder, i);
        CHECK_EQUAL(unlink(path), 0);
    }
    never_denied_free(&set);
    CHECK_EQUAL(rmdir(folder), 0);
    holds("a listed file that is removed does not leave its inode's number to the next file");
}

int main(void) {
    number_used_again();
    return 0;
}
