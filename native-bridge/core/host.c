#include "core/host.h"

#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

static void copy(char *out, size_t size, const char *text) {
    size_t length = strnlen(text, size - 1);
    memcpy(out, text, length);
    out[length] = 0;
}

#ifdef __linux__
static void first_line(const char *path, char *out, size_t size) {
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    if (fgets(out, (int)size, file) != NULL) out[strcspn(out, "\n")] = 0;
    else out[0] = 0;
    (void)fclose(file);
}

// PRETTY_NAME of os-release(5), without its quotes.
static void distribution(char *out, size_t size) {
    char line[256];
    FILE *file = fopen("/etc/os-release", "re");
    if (file == NULL) return;
    while (fgets(line, sizeof line, file) != NULL) {
        static const char key[] = "PRETTY_NAME=";
        if (strncmp(line, key, sizeof key - 1) != 0) continue;
        char *value = line + sizeof key - 1;
        if (*value == '"') value++;
        value[strcspn(value, "\"\n")] = 0;
        copy(out, size, value);
    }
    (void)fclose(file);
}
#endif

void host_read(struct host *host) {
    struct utsname name;
    memset(host, 0, sizeof *host);
    if (uname(&name) == 0) {
        copy(host->name, sizeof host->name, name.nodename);
        copy(host->kernel, sizeof host->kernel, name.release);
        copy(host->architecture, sizeof host->architecture, name.machine);
    }
#ifdef __linux__
    copy(host->os_family, sizeof host->os_family, "linux");
    distribution(host->os_version, sizeof host->os_version);
    first_line("/proc/sys/kernel/random/boot_id", host->boot_id, sizeof host->boot_id);
#elif defined(__APPLE__)
    copy(host->os_family, sizeof host->os_family, "macos");
    size_t size = sizeof host->os_version;
    if (sysctlbyname("kern.osproductversion", host->os_version, &size, NULL, 0) != 0) host->os_version[0] = 0;
    size = sizeof host->boot_id;
    if (sysctlbyname("kern.bootsessionuuid", host->boot_id, &size, NULL, 0) != 0) host->boot_id[0] = 0;
#endif
}
