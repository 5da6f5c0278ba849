#include "core/favour.h"

bool favour_is_held_up(const struct favour *favour, int64_t now_us) {
    int64_t urged_us = atomic_load(&favour->urged_us);
    return urged_us != 0 && now_us - urged_us < FAVOUR_HELD_UP_US;
}

void favour_agent(struct favour *favour, uint32_t pid) {
    favour->pid = pid;
    favour->thread_id = 0;
    favour->is_favoured = false;
    favour->urged_until_us = 0;
    atomic_store(&favour->urged_us, 0);
}

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/thread.h"

enum { FAVOURED_NICE = -20, ENTRIES_BYTES = 4096 };

struct entry {                  // linux_dirent64, for getdents64(2) has no allocation where opendir(3) has
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static bool is_its_thread(const struct favour *favour) {
    // EPERM: another user's, and there.
    return favour->pid != 0 && favour->thread_id != 0 &&
           (syscall(SYS_tgkill, favour->pid, favour->thread_id, 0) == 0 || errno == EPERM);
}

// SCHED_RR: before what reads the kernel's questions, behind what answers in time, and equals share a processor. What
// such a thread starts does not inherit it. Where realtime is not to be had (some containers have none) the nice value
// does most of it.
static void set_realtime(uint32_t thread_id, bool is_realtime) {
    int priority = is_realtime ? sched_get_priority_min(SCHED_RR) + REALTIME_URGED : 0;
    struct sched_param parameters = {.sched_priority = priority};
    int policy = is_realtime ? SCHED_RR | SCHED_RESET_ON_FORK : SCHED_OTHER;
    (void)sched_setscheduler((pid_t)thread_id, policy, &parameters);
}

static void set_all(const struct favour *favour, bool is_realtime) {
    char path[32];
    uint8_t buffer[ENTRIES_BYTES] __attribute__((aligned(8)));
    (void)snprintf(path, sizeof path, "/proc/%u/task", favour->pid);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;
    long length;
    while ((length = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < length;) {
            const struct entry *entry = (const struct entry *)(buffer + at);
            uint32_t thread_id = (uint32_t)strtoul(entry->name, NULL, 10);
            if (thread_id != 0) set_realtime(thread_id, is_realtime);
            at += entry->length;
        }
    }
    (void)close(folder);
}

static void calm(struct favour *favour) {
    if (favour->urged_until_us == 0) return;
    favour->urged_until_us = 0;
    if (favour->pid != 0) set_all(favour, false);
}

static size_t read_of_thread(const struct favour *favour, const char *name, char *text, size_t size) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%u/task/%u/%s", favour->pid, favour->thread_id, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, size - 1) : -1;
    if (fd >= 0) (void)close(fd);
    text[length > 0 ? length : 0] = 0;
    return length > 0 ? (size_t)length : 0;
}

// How long the thread that decides was ready and had no processor: the second number of schedstat.
static uint64_t waited_ns(const struct favour *favour) {
    char text[128];
    (void)read_of_thread(favour, "schedstat", text, sizeof text);
    const char *second = strchr(text, ' ');
    return second != NULL ? strtoull(second, NULL, 10) : 0;
}

static void look(struct favour *favour, int64_t now_us) {
    favour->looked_us = now_us;
    favour->waited_ns = waited_ns(favour);
}

// It waits for something else than a processor, or did so for one most of the time since the last look.
static bool is_held_up(const struct favour *favour, int64_t now_us) {
    char text[512];
    (void)read_of_thread(favour, "stat", text, sizeof text);
    const char *name_end = strrchr(text, ')');      // a name may hold anything
    if (name_end == NULL || strlen(name_end) < 3) return false;
    char state = name_end[2];
    if (state == 'S' || state == 'D') return true;
    int64_t waited_us = (int64_t)(waited_ns(favour) - favour->waited_ns) / 1000;
    return state == 'R' && 2 * waited_us > now_us - favour->looked_us;     // else it is stopped, or ends
}

void favour_thread(struct favour *favour, uint32_t thread_id, int64_t now_us) {
    if (thread_id == 0 || (favour->is_favoured && thread_id == favour->thread_id)) return;
    favour->thread_id = thread_id;
    if (!is_its_thread(favour)) return;
    favour->is_favoured = true;
    look(favour, now_us);
    (void)setpriority(PRIO_PROCESS, (id_t)thread_id, FAVOURED_NICE);
}

void favour_withdraw(struct favour *favour) {
    calm(favour);
    if (!favour->is_favoured) return;
    favour->is_favoured = false;
    if (!is_its_thread(favour)) return;
    (void)setpriority(PRIO_PROCESS, (id_t)favour->thread_id, 0);
}

void favour_urge(struct favour *favour, int64_t now_us, bool is_flood) {
    // Not while it is not known who decides; and without a flood not on and on, but anew each time.
    if (favour->pid == 0 || !favour->is_favoured) return;
    if (!is_flood && (favour->urged_until_us != 0 || !is_held_up(favour, now_us))) return;
    if (favour->urged_until_us == 0) set_all(favour, true);
    favour->urged_until_us = now_us + FAVOUR_URGED_US;
    atomic_store(&favour->urged_us, now_us);
}

int64_t favour_settle(struct favour *favour, int64_t now_us) {
    if (favour->urged_until_us > now_us) return favour->urged_until_us;
    calm(favour);
    if (favour->is_favoured) look(favour, now_us);
    return INT64_MAX;
}

#else

void favour_thread(struct favour *favour, uint32_t thread_id, int64_t now_us) {
    (void)now_us;
    favour->thread_id = thread_id;
}

void favour_withdraw(struct favour *favour) {
    (void)favour;
}

void favour_urge(struct favour *favour, int64_t now_us, bool is_flood) {
    (void)favour, (void)now_us, (void)is_flood;
}

int64_t favour_settle(struct favour *favour, int64_t now_us) {
    (void)favour, (void)now_us;
    return INT64_MAX;
}

#endif
