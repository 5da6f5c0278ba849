#include "statmount.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CALL_STATMOUNT = 457, CALL_LISTMOUNT = 458 };
#define ALL_FROM_THE_ROOT UINT64_MAX

_Static_assert(offsetof(struct statmount_reply, namespace_id) == 112, "the kernel's layout");
_Static_assert(offsetof(struct statmount_reply, text) == 512, "the kernel's layout");

struct request {
    uint32_t size, spare;
    uint64_t mount_id, parameter, namespace_id;
};

bool statmount_read(uint64_t mount_id, uint64_t namespace_id, uint64_t wanted, struct statmount_reply *reply)
{
    struct request request = {sizeof request, 0, mount_id, wanted, namespace_id};
    return syscall(CALL_STATMOUNT, &request, reply, sizeof *reply, 0) == 0;
}

const char *statmount_text(const struct statmount_reply *reply, uint32_t offset, size_t *length)
{
    *length = offset < sizeof reply->text ? strnlen(reply->text + offset, sizeof reply->text - offset) : 0;
    return reply->text + (*length > 0 ? offset : 0);
}

size_t listmount_read(uint64_t after, uint64_t *ids, size_t capacity)
{
    struct request request = {sizeof request, 0, ALL_FROM_THE_ROOT, after, 0};
    long count = syscall(CALL_LISTMOUNT, &request, ids, capacity, 0);
    return count > 0 ? (size_t)count : 0;
}
