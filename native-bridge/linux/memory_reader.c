#include "memory_reader.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "memory_keeper.h"

static void close_all(int *descriptors, int count)
{
    for (int i = 0; i < count; i++) {
        if (descriptors[i] >= 0)
            (void)close(descriptors[i]);
        descriptors[i] = -1;
    }
}

// far[MEMORY_READERS] is the keeper's end of `control`.
static bool open_sockets(struct memory_reader *reader, int far[MEMORY_READERS + 1])
{
    for (int i = 0; i <= MEMORY_READERS; i++) {
        int pair[2], type = i < MEMORY_READERS ? SOCK_SEQPACKET : SOCK_STREAM;
        if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) != 0)
            return false;
        *(i < MEMORY_READERS ? &reader->sockets[i] : &reader->control) = pair[0];
        far[i] = pair[1];
    }
    return true;
}

bool memory_reader_start(struct memory_reader *reader, char *error, size_t error_size)
{
    int far[MEMORY_READERS + 1];
    memset(reader, 0, sizeof *reader);
    memset(reader->sockets, -1, sizeof reader->sockets);
    memset(far, -1, sizeof far);
    reader->control = reader->asked = -1;
    reader->lanes = mmap(NULL, MEMORY_READERS * sizeof *reader->lanes, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool opened = reader->lanes != MAP_FAILED && open_sockets(reader, far);
    pid_t bridge = getpid();
    reader->keeper = opened ? fork() : -1;
    if (reader->keeper == 0)
        memory_keeper_run(reader->lanes, far, far[MEMORY_READERS], bridge);
    int failure = errno;
    close_all(far, MEMORY_READERS + 1);
    for (int i = 0; i < MEMORY_READERS; i++)
        reader->is_ready[i] = reader->keeper > 0;
    if (reader->keeper > 0)
        return true;
    snprintf(error, error_size, "arguments of processes are not read, their reader can't be started: %s",
             strerror(failure));
    memory_reader_stop(reader);
    return false;
}

void memory_reader_stop(struct memory_reader *reader)
{
    close_all(reader->sockets, MEMORY_READERS);
    close_all(&reader->control, 1);
    if (reader->keeper > 0) {
        (void)kill(reader->keeper, SIGKILL);  // by its end its readers are killed
        (void)waitpid(reader->keeper, NULL, 0);
    }
    if (reader->lanes && reader->lanes != MAP_FAILED)
        (void)munmap(reader->lanes, MEMORY_READERS * sizeof *reader->lanes);
    reader->lanes = NULL;
    reader->keeper = 0;
    reader->asked = -1;
}

// ---- users

static bool is_avoided(const struct memory_reader *reader, uint32_t uid, int64_t now_us)
{
    int active = 0;
    for (int i = 0; i < MEMORY_AVOIDED_USERS; i++) {
        if (reader->avoided[i].until_us <= now_us)
            continue;
        if (reader->avoided[i].uid == uid)
            return true;
        active++;
    }
    return active == MEMORY_AVOIDED_USERS;  // one who has so many users of his own is not let try with each of them
}

static void avoid(struct memory_reader *reader, uint32_t uid)
{
    int64_t now_us = clock_monotonic_us();
    struct avoided_user *user = &reader->avoided[0];
    for (int i = 1; i < MEMORY_AVOIDED_USERS && user->uid != uid; i++)
        if (reader->avoided[i].uid == uid || reader->avoided[i].until_us < user->until_us)
            user = &reader->avoided[i];
    bool again = user->uid == uid && now_us < user->until_us + MEMORY_AVOID_MAX_MS * 1000ll;
    int64_t wait_us = again ? user->wait_us * 2 : MEMORY_AVOID_MS * 1000ll;
    if (wait_us > MEMORY_AVOID_MAX_MS * 1000ll)
        wait_us = MEMORY_AVOID_MAX_MS * 1000ll;
    *user = (struct avoided_user){uid, now_us + wait_us, wait_us};
}

// ---- questions

static void take_ready(struct memory_reader *reader)
{
    uint8_t lane;
    ssize_t got;
    while ((got = recv(reader->control, &lane, 1, MSG_DONTWAIT)) == 1)
        if (lane < MEMORY_READERS)
            reader->is_ready[lane] = true;
    if (got == 0)
        close_all(&reader->control, 1);  // the keeper was killed, and nothing may fork another one
}

static void replace(struct memory_reader *reader, int lane)
{
    uint8_t byte = (uint8_t)lane;
    reader->is_ready[lane] = false;
    (void)!send(reader->control, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void memory_reader_ask(struct memory_reader *reader, uint32_t pid, uint32_t uid, unsigned wanted)
{
    reader->asked = -1;
    reader->uid = uid;
    if (reader->control < 0 || is_avoided(reader, uid, clock_monotonic_us()))
        return;
    take_ready(reader);
    struct memory_question question = {++reader->number, pid, wanted};
    for (int lane = 0; lane < MEMORY_READERS && reader->control >= 0; lane++) {
        if (!reader->is_ready[lane])
            continue;
        if (send(reader->sockets[lane], &question, sizeof question, MSG_DONTWAIT | MSG_NOSIGNAL) ==
            (ssize_t)sizeof question) {
            reader->asked = lane;
            return;
        }
        replace(reader, lane);
    }
}

static void take_answer(const struct memory_lane *lane, struct memory_answer *answer)
{
    size_t args = lane->args_length, environment = lane->environment_length;
    answer->start_ticks = lane->start_ticks;
    answer->args = (struct bytes){lane->args, args < MEMORY_ARGS_BYTES ? args : MEMORY_ARGS_BYTES};
    answer->environment =
        (struct bytes){lane->environment, environment < MEMORY_ENVIRONMENT_BYTES ? environment : MEMORY_ENVIRONMENT_BYTES};
    answer->has_stat = lane->has_stat;
    answer->stat = lane->stat;
}

enum memory_outcome memory_reader_wait(struct memory_reader *reader, struct memory_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    int lane = reader->asked;
    reader->asked = -1;
    if (lane < 0)
        return MEMORY_AVOIDED;
    int64_t until_us = clock_monotonic_us() + MEMORY_WAIT_MS * 1000;
    for (;;) {
        struct pollfd waiting = {.fd = reader->sockets[lane], .events = POLLIN};
        int64_t left_us = until_us - clock_monotonic_us();
        int ready = left_us <= 0 ? 0 : poll(&waiting, 1, (int)(left_us / 1000) + 1);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            break;
        struct memory_reply reply = {0, false};
        ssize_t got = recv(reader->sockets[lane], &reply, sizeof reply, MSG_DONTWAIT);
        if (got == (ssize_t)sizeof reply && reply.number != reader->number)
            continue;  // the answer to a question that was given up
        if (got != (ssize_t)sizeof reply)
            break;
        answer->found = reply.found;
        if (reply.found)
            take_answer(&reader->lanes[lane], answer);
        return MEMORY_READ;
    }
    replace(reader, lane);
    avoid(reader, reader->uid);
    return MEMORY_LATE;
}
