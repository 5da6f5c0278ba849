#include "core/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>

// The highest number stands for "unchanged" in chown(2), and is nobody's.
static bool parse_id(const char *text, uint32_t *id) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno != 0 || *end != 0 || value >= UINT32_MAX) return false;
    *id = (uint32_t)value;
    return true;
}

bool identity_user(const char *text, uid_t *uid) {
    uint32_t id;
    const struct passwd *entry = NULL;
    if (!parse_id(text, &id) && (entry = getpwnam(text)) == NULL) return false;
    *uid = entry != NULL ? entry->pw_uid : id;
    return true;
}

bool identity_group(const char *text, gid_t *gid) {
    uint32_t id;
    const struct group *entry = NULL;
    if (!parse_id(text, &id) && (entry = getgrnam(text)) == NULL) return false;
    *gid = entry != NULL ? entry->gr_gid : id;
    return true;
}
