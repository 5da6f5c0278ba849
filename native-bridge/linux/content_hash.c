#include "content_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/sha256.h"
#include "linux_state.h"
#include "mount_table.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

enum {
    CHUNK_BYTES = 64 * 1024,
    LINK_BYTES = 32,
    MOUNTS_MAX = 8192,
    MOUNTS_TEXT_MAX = 1024 * 1024,
    STAT_OF_CONTENT = STATX_TYPE | STATX_INO | STATX_SIZE | STATX_MNT_ID,
};
_Static_assert((int)HASH_BYTES == (int)SHA256_BYTES && (int)HASH_BYTES == (int)LEASE_DIGEST_BYTES, "all are SHA-256");

bool content_hash_is_listed(uint64_t filesystem_type)
{
    return filesystem_type == EXT4_SUPER_MAGIC || filesystem_type == XFS_SUPER_MAGIC ||
           filesystem_type == BTRFS_SUPER_MAGIC || filesystem_type == TMPFS_MAGIC;
}

// ---- at once

static void take_known(void *context, struct lease *lease)
{
    struct content_hash *hash = context;
    if (!lease->has_digest)
        return;
    hash->state = HASH_KNOWN;
    hash->remembered = true;
    memcpy(hash->sha256, lease->digest, sizeof hash->sha256);
}

static uint64_t device_of(const struct statx *stat)
{
    return makedev(stat->stx_dev_major, stat->stx_dev_minor);
}

static enum hash_state look(const struct statx *stat, bool is_listed)
{
    if (!S_ISREG(stat->stx_mode))
        return HASH_UNREADABLE;
    if (!is_listed)
        return HASH_UNLISTED_FILESYSTEM;
    return stat->stx_size > CONTENT_HASH_SIZE_MAX ? HASH_TOO_LARGE : HASH_PENDING;
}

void content_hash_look(struct leases *leases, const struct statx *stat, bool is_listed, struct content_hash *hash)
{
    *hash = (struct content_hash){.state = look(stat, is_listed)};
    if (hash->state == HASH_PENDING)
        leases_visit_file(leases, device_of(stat), stat->stx_ino, stat->stx_size, take_known, hash);
}

void content_hash_look_at_program(struct leases *leases, uint32_t pid, struct content_hash *hash)
{
    char link[LINK_BYTES];
    struct statx stat;
    *hash = (struct content_hash){.state = HASH_PENDING};
    snprintf(link, sizeof link, "/proc/%u/exe", pid);
    // A lease is held on listed filesystems only, so that this one is listed if one is held.
    if (statx(AT_FDCWD, link, AT_STATX_DONT_SYNC, STAT_OF_CONTENT, &stat) == 0)
        leases_visit_file(leases, device_of(&stat), stat.stx_ino, stat.stx_size, take_known, hash);
}

// ---- by reading

static void keep_digest(void *context, struct lease *lease)
{
    memcpy(lease->digest, context, sizeof lease->digest);
    lease->has_digest = true;
}

// False: it can't be read, or is not worth it any more.
static bool read_all(int fd, const struct hash_order *order, bool is_kept, uint8_t digest[HASH_BYTES])
{
    uint8_t chunk[CHUNK_BYTES];
    struct sha256 sha256;
    off_t offset = 0;
    sha256_begin(&sha256);
    while (!order->is_ending(order->context) && (is_kept || order->is_waited_for(order->context))) {
        ssize_t got = pread(fd, chunk, sizeof chunk, offset);
        if (got < 0 && errno == EINTR)
            continue;
        // Without a lease a file may grow for ever.
        if (got < 0 || (uint64_t)offset > CONTENT_HASH_SIZE_MAX)
            return false;
        if (got == 0) {
            sha256_end(&sha256, digest);
            return true;
        }
        sha256_add(&sha256, chunk, (size_t)got);
        offset += got;
    }
    return false;
}

void content_hash_compute(struct leases *leases, int fd, const struct hash_order *order, struct content_hash *hash)
{
    struct statfs fs;
    struct statx stat;
    *hash = (struct content_hash){.state = HASH_UNREADABLE};
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STAT_OF_CONTENT, &stat) != 0 || fstatfs(fd, &fs) != 0)
        return;
    enum hash_state state = look(&stat, content_hash_is_listed((uint64_t)fs.f_type));
    if (state != HASH_PENDING) {
        hash->state = state;
        return;
    }
    lease_id lease = leases_take(leases, fd, device_of(&stat), stat.stx_ino);
    // Somebody else may have computed it while this one waited for its turn.
    if (lease != 0 && leases_visit(leases, lease, take_known, hash) && hash->state == HASH_KNOWN)
        return;
    if (!read_all(fd, order, lease != 0, hash->sha256))
        return;
    hash->state = HASH_KNOWN;
    hash->unstable = lease == 0 || !leases_visit(leases, lease, keep_digest, hash->sha256);
}

// ---- what a request asks about

// In an exec the process is the file asked about.
static bool is_one(const struct hash_order *order)
{
    return strcmp(order->action, "exec") == 0;
}

void content_hash_open(void *context, const struct hash_order *order, struct hash_sources *sources)
{
    (void)context;
    char name[LINK_BYTES];
    if (is_one(order) || order->wanted & HASH_OF_FILE)
        sources->file = fcntl((int)(order->token & UINT32_MAX), F_DUPFD_CLOEXEC, 0);
    if (is_one(order) || !(order->wanted & HASH_OF_PROCESS))
        return;
    snprintf(name, sizeof name, "/proc/%u/exe", order->pid);
    sources->process = open(name, O_PATH | O_CLOEXEC);
    snprintf(name, sizeof name, "/proc/%u/mountinfo", order->pid);
    sources->mounts = open(name, O_RDONLY | O_CLOEXEC);
}

// By the type that the process's own mountinfo gives to the mount: to ask a hung server's filesystem would hang.
static bool is_on_local(int mountinfo, uint64_t mount_id)
{
    struct mount_table table;
    bool is_local = false;
    if (mountinfo < 0)
        return false;
    mount_table_read(&table, mountinfo, MOUNTS_MAX, MOUNTS_TEXT_MAX);
    for (size_t i = 0; i < table.count; i++)
        if (table.items[i].mount_id == mount_id)
            is_local = table.items[i].kind == FILESYSTEM_LOCAL;
    mount_table_free(&table);
    return is_local;
}

static int open_for_reading(int place)
{
    char link[LINK_BYTES];
    snprintf(link, sizeof link, "/proc/self/fd/%d", place);
    int fd = open(link, O_RDONLY | O_CLOEXEC | O_NOATIME);
    if (fd < 0 && errno == EPERM)
        fd = open(link, O_RDONLY | O_CLOEXEC);  // another user's, without CAP_FOWNER
    return fd;
}

static void hash_program(struct leases *leases, const struct hash_order *order, const struct hash_sources *sources,
                         struct content_hash *hash)
{
    struct statx stat;
    *hash = (struct content_hash){.state = HASH_UNREADABLE};
    if (sources->process < 0 ||
        statx(sources->process, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STAT_OF_CONTENT, &stat) != 0 ||
        !S_ISREG(stat.stx_mode))
        return;
    if (!is_on_local(sources->mounts, stat.stx_mnt_id)) {
        hash->state = HASH_UNLISTED_FILESYSTEM;
        return;
    }
    int fd = open_for_reading(sources->process);
    if (fd < 0)
        return;
    content_hash_compute(leases, fd, order, hash);
    close(fd);
}

static void let_go(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void content_hash_answer(void *context, const struct hash_order *order, struct hash_sources *sources,
                         struct content_hashes *found)
{
    struct linux_state *state = context;
    if (found) {
        found->is_one = is_one(order);
        if (found->is_one || order->wanted & HASH_OF_FILE)
            content_hash_compute(&state->leases, sources->file, order, &found->file);
        if (!found->is_one && order->wanted & HASH_OF_PROCESS)
            hash_program(&state->leases, order, sources, &found->process);
    }
    let_go(&sources->file);
    let_go(&sources->process);
    let_go(&sources->mounts);
}
