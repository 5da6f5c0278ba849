#include "core/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/lock.h"
#include "core/thread.h"

enum { PATH_BYTES = 4096, TEXT_BYTES = 256, INSTANCE_BYTES = 64 };
static const char name[] = "bridge.state";

struct state {
    char directory[PATH_BYTES - sizeof name - sizeof ".new"];
    char instance[INSTANCE_BYTES];
    uint64_t alive_ns;
};

// A thread of its own: a disk that hangs holds up nobody but it. Only the newest state waits.
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct state wanted;
    bool runs, is_wanted, is_writing;
    int failure;
} writer = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

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

// 0 or the errno.
static int write_state(const struct state *state) {
    char path[PATH_BYTES], temporary[PATH_BYTES], text[TEXT_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", state->directory, name);
    (void)snprintf(temporary, sizeof temporary, "%s/%s.new", state->directory, name);
    int length = snprintf(text, sizeof text, "picket-bridge-state 1\ninstance %s\nalive_ns %" PRIu64 "\n",
                          state->instance, state->alive_ns);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return errno;
    // Not synced: after a power cut the interval is longer than it says by what the file system held back.
    ssize_t count = write(fd, text, (size_t)length);
    int failure = count == length ? 0 : count < 0 ? errno : ENOSPC;
    if (close(fd) != 0 && failure == 0) failure = errno;
    if (failure == 0 && rename(temporary, path) != 0) failure = errno;
    return failure;
}

static void *write_all(void *nothing) {
    static struct state now;    // this thread's alone
    (void)nothing;
    lock(&writer.mutex);
    for (;;) {
        while (!writer.is_wanted) (void)pthread_cond_wait(&writer.changed, &writer.mutex);
        now = writer.wanted;
        writer.is_wanted = false;
        writer.is_writing = true;
        unlock(&writer.mutex);
        int failure = write_state(&now);
        lock(&writer.mutex);
        writer.failure = failure;
        writer.is_writing = false;
        (void)pthread_cond_broadcast(&writer.changed);
    }
    return NULL;
}

int state_file_write(const char *directory, const char *bridge_instance, uint64_t alive_ns) {
    pthread_t thread;
    int failure = 0;
    if (strlen(directory) >= sizeof writer.wanted.directory || strlen(bridge_instance) >= INSTANCE_BYTES) {
        errno = ENAMETOOLONG;
        return -1;
    }
    lock(&writer.mutex);
    if (!writer.runs) {
        failure = thread_start(&thread, "picket-state", write_all, NULL);
        writer.runs = failure == 0;
        if (writer.runs) (void)pthread_detach(thread);
    }
    if (writer.runs) {
        (void)snprintf(writer.wanted.directory, sizeof writer.wanted.directory, "%s", directory);
        (void)snprintf(writer.wanted.instance, sizeof writer.wanted.instance, "%s", bridge_instance);
        writer.wanted.alive_ns = alive_ns;
        // Still at the one before: the disk hangs.
        failure = writer.is_writing || writer.is_wanted ? ETIMEDOUT : writer.failure;
        writer.is_wanted = true;
        (void)pthread_cond_broadcast(&writer.changed);
    }
    unlock(&writer.mutex);
    errno = failure;
    return failure == 0 ? 0 : -1;
}

void state_file_finish(int bound_ms) {
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += bound_ms / 1000;
    until.tv_nsec += bound_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    lock(&writer.mutex);
    while (writer.runs && (writer.is_wanted || writer.is_writing) &&
           pthread_cond_timedwait(&writer.changed, &writer.mutex, &until) == 0) {
    }
    unlock(&writer.mutex);
}
