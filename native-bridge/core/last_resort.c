#include "core/last_resort.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 256, LINE_BYTES = 512 };

// The first line; false where there is none.
static bool read_line(const char *path, char line[LINE_BYTES]) {
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    bool found = fgets(line, LINE_BYTES, file) != NULL;
    (void)fclose(file);
    return found;
}

static long watchdog_of(long pid) {
    static const char name[] = "picket";
    char path[PATH_BYTES], line[LINE_BYTES];
    long parent = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    if (!read_line(path, line)) return 0;
    // PID (NAME) STATE PPID …; the name may hold anything.
    const char *end_of_name = strrchr(line, ')');
    if (end_of_name == NULL || sscanf(end_of_name + 1, " %*c %ld", &parent) != 1 || parent <= 1) return 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/comm", parent);
    return read_line(path, line) && strncmp(line, name, sizeof name - 1) == 0 ? parent : 0;
}

void last_resort(const char *socket_path, char command[LAST_RESORT]) {
    char path[PATH_BYTES], line[LINE_BYTES];
    long pid = 0;
    int length = snprintf(path, sizeof path, "%s.lock", socket_path);
    if (length > 0 && length < PATH_BYTES && read_line(path, line)) (void)sscanf(line, "%ld", &pid);
    long watchdog = pid > 1 ? watchdog_of(pid) : 0;
    if (pid <= 1) (void)snprintf(command, LAST_RESORT, "kill -KILL $(pidof picket-bridge)");
    else if (watchdog > 0) (void)snprintf(command, LAST_RESORT, "kill -KILL %ld %ld", watchdog, pid);
    else (void)snprintf(command, LAST_RESORT, "kill -KILL %ld", pid);
}
