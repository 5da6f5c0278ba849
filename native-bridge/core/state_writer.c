#include "core/state_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/lock.h"
#include "core/thread.h"

enum { PATH_BYTES = 4096, LONGEST_NAME = 32 };

// Not synced: after a power cut an interval is longer than it says by what the file system held back. A switch is:
// whoever has switched it off must find it off after any kind of restart.
static const struct {
    const char *name;
    bool is_synced;
} files[STATE_NAMES] = {{"bridge.state", false}, {"enforcement", true}, {"crashes", true}};

struct state {
    char text[STATE_TEXT];
    bool is_removed;
};

static struct {
    pthread_once_t once;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char directory[PATH_BYTES - LONGEST_NAME - sizeof ".new"];
    struct state wanted[STATE_NAMES];
    bool is_wanted[STATE_NAMES], is_writing[STATE_NAMES];
    int failure[STATE_NAMES];
    bool runs;
} writer = {.once = PTHREAD_ONCE_INIT, .changed = PTHREAD_COND_INITIALIZER};

static void init_mutex(void) {
    lock_init(&writer.mutex);
}

static bool path_of(char path[PATH_BYTES], const char *directory, const char *name, const char *suffix) {
    int length = snprintf(path, PATH_BYTES, "%s/%s%s", directory, name, suffix);
    return length > 0 && length < PATH_BYTES;
}

bool state_read(const char *directory, enum state_name name, char text[STATE_TEXT]) {
    char path[PATH_BYTES];
    (void)mkdir(directory, 0700);   // a failure shows at the first write
    if (!path_of(path, directory, files[name].name, "")) return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    text[0] = 0;
    if (fd < 0) return errno != ENOENT && errno != ENOTDIR;
    ssize_t count = read(fd, text, STATE_TEXT - 1);
    (void)close(fd);
    text[count > 0 ? count : 0] = 0;
    return true;
}

// --- the thread's ---

static int sync_directory(const char *directory) {
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno;
    int failure = fsync(fd) == 0 ? 0 : errno;
    (void)close(fd);
    return failure;
}

static int write_new(const char *path, const char *text, bool is_synced) {
    size_t length = strlen(text);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return errno;
    ssize_t count = write(fd, text, length);
    int failure = count == (ssize_t)length ? 0 : count < 0 ? errno : ENOSPC;
    if (failure == 0 && is_synced && fsync(fd) != 0) failure = errno;
    if (close(fd) != 0 && failure == 0) failure = errno;
    return failure;
}

// 0 or the errno.
static int replace(enum state_name name, const struct state *state) {
    char path[PATH_BYTES], temporary[PATH_BYTES];
    int failure = 0;
    if (!path_of(path, writer.directory, files[name].name, "") ||
        !path_of(temporary, writer.directory, files[name].name, ".new"))
        return ENAMETOOLONG;
    if (state->is_removed) {
        if (unlink(path) != 0 && errno != ENOENT) failure = errno;
    } else {
        failure = write_new(temporary, state->text, files[name].is_synced);
        if (failure == 0 && rename(temporary, path) != 0) failure = errno;
    }
    return failure == 0 && files[name].is_synced ? sync_directory(writer.directory) : failure;
}

static enum state_name next_wanted(void) {
    enum state_name name = 0;
    while (name < STATE_NAMES && !writer.is_wanted[name]) name++;
    return name;
}

static void *write_all(void *nothing) {
    static struct state now;    // this thread's alone
    (void)nothing;
    thread_forget_descriptors();
    lock(&writer.mutex);
    for (;;) {
        enum state_name name;
        while ((name = next_wanted()) == STATE_NAMES) (void)pthread_cond_wait(&writer.changed, &writer.mutex);
        now = writer.wanted[name];
        writer.is_wanted[name] = false;
        writer.is_writing[name] = true;
        unlock(&writer.mutex);
        int failure = replace(name, &now);
        lock(&writer.mutex);
        writer.failure[name] = failure;
        writer.is_writing[name] = false;
        (void)pthread_cond_broadcast(&writer.changed);
    }
    return NULL;
}

// --- the caller's ---

// Under the mutex. The folder is the first caller's: a bridge has one.
static int start_once(const char *directory) {
    pthread_t thread;
    if (writer.runs) return 0;
    (void)snprintf(writer.directory, sizeof writer.directory, "%s", directory);
    int failure = thread_start(&thread, "picket-state", write_all, NULL);
    writer.runs = failure == 0;
    if (writer.runs) (void)pthread_detach(thread);
    return failure;
}

int state_write(const char *directory, enum state_name name, const char *text) {
    (void)pthread_once(&writer.once, init_mutex);
    lock(&writer.mutex);
    int failure = start_once(directory);
    if (failure == 0) {
        struct state *wanted = &writer.wanted[name];
        wanted->is_removed = text == NULL;
        (void)snprintf(wanted->text, sizeof wanted->text, "%s", text == NULL ? "" : text);
        // Still at the one before: the disk hangs.
        failure = writer.is_writing[name] || writer.is_wanted[name] ? ETIMEDOUT : writer.failure[name];
        writer.is_wanted[name] = true;
        (void)pthread_cond_broadcast(&writer.changed);
    }
    unlock(&writer.mutex);
    errno = failure;
    return failure == 0 ? 0 : -1;
}

int state_wait(enum state_name name, int bound_ms) {
    struct timespec until = clock_realtime_in_ms(bound_ms);
    bool in_time = true;
    (void)pthread_once(&writer.once, init_mutex);
    lock(&writer.mutex);
    while (writer.runs && in_time && (writer.is_wanted[name] || writer.is_writing[name]))
        in_time = pthread_cond_timedwait(&writer.changed, &writer.mutex, &until) == 0;
    int failure = !writer.runs ? EAGAIN : in_time ? writer.failure[name] : ETIMEDOUT;
    unlock(&writer.mutex);
    errno = failure;
    return failure == 0 ? 0 : -1;
}
