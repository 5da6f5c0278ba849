// A process whose memory can't be read: one of its threads is in mmap(2) of a file whose server (FUSE) hangs, and holds
// the lock that every reader needs. (A hung page itself is skipped since Linux 4.17.) Who reads it is given up and
// replaced, others' arguments are read meanwhile, and nothing is left when the bridge has ended. Needs root: without it
// says so and exits with 77.
#include <dirent.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "linux/memory_reader.h"
#include "linux/proc_files.h"
#include "linux_fuse_server.h"

enum { PAGE = 4096, HOSTILE_UID = 4321, LIMITED_UID = 4322, HUNG_MS = 60000 };

static const char *other, *own_name;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const char *opened_when_told;
static sem_t rehearsed;

// On its own thread, for the first one hangs. What becomes of its open is told by a byte. It has opened and told once
// before: a page that it touches for the first time needs the lock that the other thread then holds for good.
static void *open_when_told(void *unused)
{
    char byte = 'r';
    close(open(opened_when_told, O_RDONLY));
    (void)!write(1, &byte, 1);
    (void)!read(0, &byte, 1);
    sem_post(&rehearsed);
    if (read(0, &byte, 1) == 1) {
        byte = open(opened_when_told, O_RDONLY) >= 0 ? 0 : (char)errno;
        (void)!write(1, &byte, 1);
    }
    return unused;
}

// argv: program, order, file of the server, file to open when told.
static int hostile(char **argv)
{
    alarm(200);
    opened_when_told = argv[3];
    int cached = open(argv[2], O_RDWR), direct = open(argv[2], O_RDWR);
    volatile char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, cached, 0);
    pthread_t thread;
    if (direct < 0 || page == MAP_FAILED || sem_init(&rehearsed, 0, 0) || setgid(HOSTILE_UID) || setuid(HOSTILE_UID) ||
        pthread_create(&thread, NULL, open_when_told, NULL) || sem_wait(&rehearsed))
        return 200;
    page[0] = 1;
    char ready = 'r';
    (void)!write(1, &ready, 1);
    // The dirty page is to be written first, which its server never does.
    (void)!mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, direct, 0);
    return 0;
}

// Returns about when its memory begins to hang. `*socket` tells it to go on.
static pid_t start_hostile(int *socket)
{
    int pair[2];
    pid_t pid = -1;
    const char *const arguments[] = {self, "--hostile", path_in(guarded, "slow"), path_in(other, "denied"), NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "%s", strerror(errno));
    posix_spawn_file_actions_adddup2(&actions, pair[1], 0);
    posix_spawn_file_actions_adddup2(&actions, pair[1], 1);
    CHECK(posix_spawn(&pid, self, &actions, NULL, (char *const *)(uintptr_t)arguments, environ) == 0, "spawn");
    posix_spawn_file_actions_destroy(&actions);
    close(pair[1]);
    char byte = 0;
    for (int told = 0; told < 2; told++) {  // that it has rehearsed, and that it will hang
        CHECK(read(pair[0], &byte, 1) == 1 && byte == 'r', "the hostile process is ready");
        CHECK(told > 0 || write(pair[0], "r", 1) == 1, "%s", strerror(errno));
    }
    *socket = pair[0];
    return pid;
}

static bool is_name_of(pid_t pid, const char *name)
{
    char path[64], text[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    return length > 0 && strncmp(text, name, strlen(name)) == 0;
}

// The readers of a keeper, told by their name. 0: none.
static int readers_of(pid_t keeper, pid_t out[16])
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", keeper, keeper);
    int fd = open(path, O_RDONLY | O_CLOEXEC), count = 0;
    ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (length <= 0)
        return 0;
    for (char *at = text, *end; count < 16; at = end) {
        long pid = strtol(at, &end, 10);
        if (end == at)
            break;
        if (is_name_of((pid_t)pid, "picket-reader"))
            out[count++] = (pid_t)pid;
    }
    return count;
}

static bool come_to(bool (*condition)(void *), void *context)
{
    for (int64_t until = now_ms() + HUNG_MS; now_ms() < until; sched_yield())
        if (condition(context))
            return true;
    return false;
}

static bool has_all_readers(void *context)
{
    pid_t readers[16];
    return readers_of(*(pid_t *)context, readers) == MEMORY_READERS;
}

static bool is_gone(void *context)
{
    // A zombie of somebody else's has ended.
    return !is_name_of(*(pid_t *)context, "picket-");
}

// In the kernel and not to be disturbed: not where it waits for questions.
static bool is_waiting(void *context)
{
    char path[64], text[512] = "";
    struct process_reading reading;
    snprintf(path, sizeof path, "/proc/%d/stat", *(pid_t *)context);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text);
    if (fd >= 0)
        close(fd);
    return length > 0 && proc_parse_stat(text, (size_t)length, &reading) && reading.state == 'D';
}

static bool has_args(struct memory_reader *reader, pid_t pid, uint32_t uid, const char *first)
{
    struct memory_answer answer;
    enum memory_outcome outcome;
    bool was_late = false;
    int64_t began = now_ms();
    do {  // a reader that had no processor was late, and its user is then avoided for a while
        memory_reader_ask(reader, (uint32_t)pid, uid, MEMORY_ARGS);
        outcome = memory_reader_wait(reader, &answer);
        was_late = was_late || outcome == MEMORY_LATE;
    } while (was_late && outcome != MEMORY_READ && now_ms() < began + HUNG_MS);
    return outcome == MEMORY_READ && answer.found && answer.start_ticks > 0 && answer.args.length > strlen(first) &&
           strcmp((const char *)answer.args.data, first) == 0;
}

static void readers_that_hang_are_given_up(pid_t hung)
{
    struct memory_reader reader;
    struct memory_answer answer;
    char error[256] = "";
    int open_file = open(path_in(other, "free"), O_RDONLY | O_CLOEXEC);
    CHECK(memory_reader_start(&reader, error, sizeof error), "%s", error);
    close(open_file);
    CHECK(come_to(has_all_readers, &reader.keeper), "readers start");
    CHECK(has_args(&reader, getpid(), 0, own_name), "one's own arguments are read");
    // Each time by another user, so that none is avoided; more often than there are readers.
    for (uint32_t user = 1; user <= MEMORY_READERS + 2; user++) {
        enum memory_outcome outcome;
        CHECK(come_to(has_all_readers, &reader.keeper), "a reader given up is replaced");
        int64_t began = now_ms();
        do {  // that the reader has started is told a moment later, and the memory hangs a moment later
            memory_reader_ask(&reader, (uint32_t)hung, user, MEMORY_ARGS);
            outcome = memory_reader_wait(&reader, &answer);
        } while (outcome != MEMORY_LATE && now_ms() < began + HUNG_MS);
        CHECK(outcome == MEMORY_LATE && !answer.found && now_ms() < began + HUNG_MS, "outcome %d", outcome);
        memory_reader_ask(&reader, (uint32_t)getpid(), user, MEMORY_ARGS);
        CHECK(memory_reader_wait(&reader, &answer) == MEMORY_AVOIDED, "whose process hung is avoided");
        CHECK(has_args(&reader, getpid(), 0, own_name), "others' arguments are read at once");
    }
    pid_t readers[16] = {0};
    CHECK(come_to(has_all_readers, &reader.keeper) && readers_of(reader.keeper, readers) == MEMORY_READERS, "all there");
    memory_reader_stop(&reader);
    for (int i = 0; i < MEMORY_READERS; i++)
        CHECK(come_to(is_gone, &readers[i]), "reader %d ends", readers[i]);
}

static bool holds_only(pid_t pid, const char *const *kinds)
{
    char path[300], link[256];
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *folder = opendir(path);
    bool only = folder != NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/fd/%.16s", pid, entry->d_name);
        ssize_t length = readlink(path, link, sizeof link - 1);
        link[length > 0 ? length : 0] = 0;
        bool known = false;
        for (size_t i = 0; kinds[i]; i++)
            known = known || strncmp(link, kinds[i], strlen(kinds[i])) == 0;
        if (!known) {
            only = false;
            fprintf(stderr, "  %d holds %s\n", pid, link);
        }
    }
    if (folder)
        closedir(folder);
    return only;
}

// In a process that is killed, as a bridge may be, while one of its readers hangs.
static bool has_no_readers(void *context)
{
    pid_t readers[16];
    return readers_of(*(pid_t *)context, readers) == 0;
}

// By a user whose limit holds: root's is none. 0: all as it should be.
static int lose_readers_without_room(void)
{
    struct memory_reader reader;
    struct rlimit limit;
    char error[256] = "";
    pid_t readers[16];
    if (setgid(LIMITED_UID) || setuid(LIMITED_UID) || !memory_reader_start(&reader, error, sizeof error) ||
        !come_to(has_all_readers, &reader.keeper) || prlimit(reader.keeper, RLIMIT_NPROC, NULL, &limit))
        return 1;
    rlim_t room = limit.rlim_cur;
    limit.rlim_cur = 1;
    if (prlimit(reader.keeper, RLIMIT_NPROC, &limit, NULL))
        return 2;
    for (int i = readers_of(reader.keeper, readers); i > 0; i--)
        (void)kill(readers[i - 1], SIGKILL);
    if (!come_to(has_no_readers, &reader.keeper) || poll(NULL, 0, 500) != 0 || !has_no_readers(&reader.keeper))
        return 3;
    limit.rlim_cur = room;
    if (prlimit(reader.keeper, RLIMIT_NPROC, &limit, NULL) || !come_to(has_all_readers, &reader.keeper))
        return 4;
    bool read = has_args(&reader, getpid(), LIMITED_UID, own_name);
    memory_reader_stop(&reader);
    return read ? 0 : 5;
}

static void readers_come_back_once_there_is_room(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(lose_readers_without_room());
    int status = 0;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "status %d", status);
}

static void readers_end_with_the_bridge(pid_t hung)
{
    int pair[2];
    pid_t readers[16] = {0}, keeper = 0;
    CHECK(pipe2(pair, O_CLOEXEC) == 0, "%s", strerror(errno));
    pid_t bridge = fork();
    if (bridge == 0) {
        static struct memory_reader reader;
        char error[256];
        if (!memory_reader_start(&reader, error, sizeof error))
            _exit(1);
        memory_reader_ask(&reader, (uint32_t)hung, 1, MEMORY_ARGS);
        if (write(pair[1], &reader.keeper, sizeof reader.keeper) != sizeof reader.keeper)
            _exit(1);
        for (;;)
            pause();
    }
    close(pair[1]);
    CHECK(read(pair[0], &keeper, sizeof keeper) == sizeof keeper && come_to(has_all_readers, &keeper), "they start");
    CHECK(holds_only(keeper, (const char *const[]){"socket:", "anon_inode:[signalfd]", NULL}),
          "the keeper holds nothing of the bridge's, not its standard output either");
    CHECK(readers_of(keeper, readers) == MEMORY_READERS, "all there");
    CHECK(come_to(is_waiting, &readers[0]), "the first hangs");
    kill(bridge, SIGKILL);
    wait_child(bridge);
    close(pair[0]);
    CHECK(come_to(is_gone, &keeper), "the keeper ends");
    for (int i = 0; i < MEMORY_READERS; i++)
        CHECK(come_to(is_gone, &readers[i]), "reader %d ends", readers[i]);
}

// The whole backend: hung arguments hold up neither questions nor news, and are told as missing.
static void the_bridge_goes_on(pid_t hung, int socket)
{
    struct record record;
    char error[256] = "";
    backend = linux_backend();
    linux_process_events(PROCESS_EVENTS_PROC);  // an eBPF program tells arguments without anybody reading them
    CHECK(backend->start(backend->state, NULL, error, sizeof error) == 0, "%s", error);
    if (failures == 0 && apply((const char *const[]){other, NULL}, true, true)) {
        size_t from;
        const char *const sleeper[] = {self, "--wait", "marked", NULL};
        pid_t pid = start_sleeper(&from, sleeper, &record);
        CHECK(record.process.args_count == 3, "%zu arguments", record.process.args_count);
        kill(pid, SIGKILL);
        wait_child(pid);
        from = records_so_far();
        CHECK(write(socket, "g", 1) == 1, "%s", strerror(errno));
        char result = 0;
        CHECK(read(socket, &result, 1) == 1 && result == EPERM, "the hostile process's own open is judged, %d", result);
        if (expect(&from, (struct wanted){EVENT_AUTH, "open", NULL, (uint32_t)hung}, &record)) {
            CHECK(record.process.args_count == 0, "without arguments, not with %zu", record.process.args_count);
            CHECK(record.process.uid == HOSTILE_UID, "user %u", record.process.uid);
            CHECK(strcmp(record.process.executable, self) == 0, "executable %s", record.process.executable);
        }
        apply((const char *const[]){NULL}, false, false);
    }
    backend->stop(backend->state);
}

int main(int argc, char **argv)
{
    own_name = argv[0];
    if (argc == 4 && strcmp(argv[1], "--hostile") == 0)
        return hostile(argv);
    if (argc > 1)
        _exit(child(argc, argv));
    int code = begin_test("linux_memory_test");
    if (code != 0)
        return code;
    other = strdup(path_in(root, "other"));
    mkdir(other, 0755);
    CHECK(mount("picket", other, "tmpfs", 0, "size=4m") == 0, "%s", strerror(errno));
    write_file(path_in(other, "denied"), "x", 0644);
    write_file(path_in(other, "free"), "x", 0644);
    readers_come_back_once_there_is_room();
    pid_t server = mount_served(guarded, FUSE_WRITE);
    if (server < 0) {
        fprintf(stderr, "  left out: this kernel has no FUSE\n");
    } else {
        int socket = -1;
        pid_t hung = start_hostile(&socket);
        readers_that_hang_are_given_up(hung);
        readers_end_with_the_bridge(hung);
        the_bridge_goes_on(hung, socket);
        kill(server, SIGKILL);
        wait_child(server);
        wait_child(hung);  // not before: nothing ends such a wait but its server's end
    }
    umount2(other, MNT_DETACH);
    rmdir(other);
    return end_test("linux_memory_test");
}
