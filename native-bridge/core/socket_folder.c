#include "core/socket_folder.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"

// The group passes through and reads no names: those of FIFOs are the secret of whom they were told.
enum { FOLDER_MODE = 0710, OTHERS_MAY_WRITE = S_IWGRP | S_IWOTH };

static bool is_ours(const struct stat *status) {
    return status->st_uid == 0 || status->st_uid == geteuid();
}

static int refuse(const char *folder, const struct stat *status, const char *what, char *error, size_t error_size) {
    (void)snprintf(error, error_size, "%s %s (mode %04o, owner %u); make it root's and chmod go-w it, or choose another "
                   "--socket", folder, what, (unsigned)(status->st_mode & 07777), (unsigned)status->st_uid);
    return -1;
}

// One on the way to it. In a sticky folder nobody but its owner can rename or remove what is root's.
static int check_above(const char *path, char *error, size_t error_size) {
    struct stat status;
    if (lstat(path, &status) != 0) {
        (void)snprintf(error, error_size, "can't look at %s: %s", path, strerror(errno));
        return -1;
    }
    if (!is_ours(&status)) return refuse(path, &status, "belongs to another user, who could replace the socket's folder",
                                         error, error_size);
    if (S_ISDIR(status.st_mode) && (status.st_mode & OTHERS_MAY_WRITE) != 0 && (status.st_mode & S_ISVTX) == 0)
        return refuse(path, &status, "can be written by others, who could replace the socket's folder", error,
                      error_size);
    return 0;
}

// Each prefix of the path, links among them as links: a link of root's is as good as what it leads to.
static int check_all_above(const char *directory, char *error, size_t error_size) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s", directory);
    for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
        *slash = 0;
        if (check_above(path, error, error_size) != 0) return -1;
    }
    return check_above("/", error, error_size);
}

static int check_folder(const char *real, char *error, size_t error_size) {
    struct stat status;
    if (lstat(real, &status) != 0 || !S_ISDIR(status.st_mode)) {
        (void)snprintf(error, error_size, "%s is not a folder", real);
        return -1;
    }
    if (!is_ours(&status)) return refuse(real, &status, "belongs to another user", error, error_size);
    if ((status.st_mode & OTHERS_MAY_WRITE) != 0)
        return refuse(real, &status, "can be written by others, who could replace the socket", error, error_size);
    return 0;
}

static void warn_if_closed_to_agent(const char *directory, uid_t agent_uid, gid_t agent_gid) {
    struct stat status;
    if (agent_uid == 0 || stat(directory, &status) != 0 || status.st_uid == agent_uid) return;
    mode_t needed = status.st_gid == agent_gid ? S_IXGRP : S_IXOTH;
    if ((status.st_mode & needed) == 0)
        log_line(LOG_LEVEL_WARN, "the agent's user can't reach the socket: its folder is closed to it",
                 "folder=%s mode=%04o group=%u agent_gid=%u", directory, (unsigned)(status.st_mode & 07777),
                 (unsigned)status.st_gid, (unsigned)agent_gid);
}

int socket_folder_prepare(const char *directory, uid_t agent_uid, gid_t agent_gid, char real[PATH_MAX], char *error,
                          size_t error_size) {
    bool made = mkdir(directory, FOLDER_MODE) == 0;
    if (!made && errno != EEXIST) {
        (void)snprintf(error, error_size, "can't make the folder %s: %s", directory, strerror(errno));
        return -1;
    }
    if (realpath(directory, real) == NULL) {
        (void)snprintf(error, error_size, "can't look at the folder %s: %s", directory, strerror(errno));
        return -1;
    }
    // As it was named, whose links an agent follows, and as it is called without them, which is what is used from here on.
    if (check_folder(real, error, error_size) != 0 || check_above(directory, error, error_size) != 0) return -1;
    if (check_all_above(directory, error, error_size) != 0 || check_all_above(real, error, error_size) != 0)
        return -1;
    // The umask may have taken the group's rights.
    if (made && (chmod(real, FOLDER_MODE) != 0 || (geteuid() == 0 && chown(real, 0, agent_gid) != 0))) {
        (void)snprintf(error, error_size, "can't set the owner of %s: %s", real, strerror(errno));
        return -1;
    }
    warn_if_closed_to_agent(real, agent_uid, agent_gid);
    return 0;
}
