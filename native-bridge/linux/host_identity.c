#include "host_identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "digits.h"

// The inode number of the first pid namespace, fixed in the kernel (PROC_PID_INIT_INO).
enum { FIRST_PID_NAMESPACE_INODE = 0xEFFFFFFC };
enum { PID_DIGITS = 8, START_DIGITS = 12 };

static void read_boot_id(char out[17])
{
    char text[64] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    size_t digits = 0;
    for (size_t i = 0; i < length && digits < 16; i++)
        if (text[i] != '-' && text[i] != '\n')
            out[digits++] = text[i];
    while (digits < 16)
        out[digits++] = '0';
    out[16] = 0;
}

void boot_load(struct boot *boot)
{
    memset(boot, 0, sizeof *boot);
    read_boot_id(boot->id);
    long ticks = sysconf(_SC_CLK_TCK);
    boot->tick_ns = 1000000000u / (uint64_t)(ticks > 0 ? ticks : 100);
    boot->boot_unix_ns = clock_unix_ns() - clock_ns(CLOCK_BOOTTIME);
    struct stat namespace;
    boot->is_first_pid_namespace = stat("/proc/self/ns/pid", &namespace) == 0 &&
                                   namespace.st_ino == (ino_t)FIRST_PID_NAMESPACE_INODE;
}

uint64_t boot_start_ns(const struct boot *boot, uint64_t start_ticks)
{
    return start_ticks ? boot->boot_unix_ns + start_ticks * boot->tick_ns : 0;
}

void boot_entity_id(const struct boot *boot, uint32_t pid, uint64_t start_ticks, char out[ENTITY_ID_BYTES])
{
    char *at = put_hex(put_hex(out, pid, PID_DIGITS), start_ticks, START_DIGITS);
    memcpy(at, boot->id, sizeof boot->id);
}

static int compare_users(const void *a, const void *b)
{
    uint32_t left = ((const struct user_name *)a)->id, right = ((const struct user_name *)b)->id;
    return left < right ? -1 : left > right;
}

// name:password:uid:…
static bool parse_line(const char *line, struct user_name *user)
{
    const char *name_end = strchr(line, ':');
    const char *password_end = name_end ? strchr(name_end + 1, ':') : NULL;
    if (!password_end || name_end == line || name_end - line > USER_NAME_BYTES)
        return false;
    char *end;
    errno = 0;
    unsigned long id = strtoul(password_end + 1, &end, 10);
    if (errno || end == password_end + 1 || *end != ':' || id > UINT32_MAX)
        return false;
    user->id = (uint32_t)id;
    user->length = (uint8_t)(name_end - line);
    memcpy(user->name, line, user->length);
    return true;
}

void user_names_load(struct user_names *names, const char *passwd_path)
{
    memset(names, 0, sizeof *names);
    FILE *file = fopen(passwd_path, "re");
    if (!file)
        return;
    char *line = NULL;
    size_t capacity = 0, room = 0;
    while (getline(&line, &capacity, file) > 0) {
        struct user_name user;
        if (!parse_line(line, &user))
            continue;
        if (names->count == room) {
            size_t more = room ? room * 2 : 64;
            struct user_name *grown = realloc(names->names, more * sizeof *grown);
            if (!grown)
                break;
            names->names = grown;
            room = more;
        }
        names->names[names->count++] = user;
    }
    free(line);
    fclose(file);
    if (names->count > 0)
        qsort(names->names, names->count, sizeof *names->names, compare_users);
}

void user_names_free(struct user_names *names)
{
    free(names->names);
    memset(names, 0, sizeof *names);
}

struct bytes user_names_find(const struct user_names *names, uint32_t id)
{
    struct user_name key = {.id = id};
    const struct user_name *found = names->count == 0 ? NULL : bsearch(&key, names->names, names->count,
                                                                       sizeof key, compare_users);
    return found ? (struct bytes){(const uint8_t *)found->name, found->length} : (struct bytes){NULL, 0};
}
