#include "linux/filesystem_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard_choice.h"

enum { SENTENCE_BYTES = 256, ALARM_SECONDS = 8 };

struct finding {
    const char *answer;
    char sentence[SENTENCE_BYTES];
};

// Of questions the kernel is not asked: whoever opened a file meanwhile would wait. A filesystem that it lets be marked
// for closing it lets be marked for them.
static int try_mark(uint32_t group_flags, uint64_t mask, int fd)
{
    int group = fanotify_init(group_flags | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC);
    if (group < 0)
        return errno;
    int failure = fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, mask, fd, NULL) == 0 ? 0 : errno;
    close(group);
    return failure;
}

static bool has_handles(int fd)
{
    union {
        struct file_handle handle;
        char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } found;
    int mount_id;
    found.handle.handle_bytes = MAX_HANDLE_SZ;
    return name_to_handle_at(fd, "", &found.handle, &mount_id, AT_EMPTY_PATH) == 0;
}

static void set(struct finding *finding, const char *answer, const char *sentence)
{
    finding->answer = answer;
    snprintf(finding->sentence, sizeof finding->sentence, "%s", sentence);
}

static void examine(const struct found_filesystem *found, struct finding *finding)
{
    const struct mount *mount;
    if (found->refusal) {
        set(finding, "none", found->refusal);
        return;
    }
    int fd = inventory_open(found, &mount);
    if (fd < 0) {
        set(finding, "none", "no mount of it can be opened as a folder");
        return;
    }
    int opens = try_mark(FAN_CLASS_CONTENT, FAN_CLOSE_WRITE, fd);
    int names = try_mark(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME, FAN_CREATE | FAN_ONDIR, fd);
    if (opens == EPERM) {
        set(finding, "none", "fanotify refuses: CAP_SYS_ADMIN is missing");
    } else if (opens != 0) {
        finding->answer = "none";
        snprintf(finding->sentence, sizeof finding->sentence, "the kernel does not let it be marked: %s", strerror(opens));
    } else if (found->kind == FILESYSTEM_STACKED) {
        set(finding, "some", "create, rename and unlink are told from its upper layer, and a file that was opened through "
                             "another mount of it may stay unresolved");
    } else if (names != 0) {
        finding->answer = "some";
        snprintf(finding->sentence, sizeof finding->sentence, "create, rename and unlink are not told: %s", strerror(names));
    } else if (!has_handles(fd)) {
        set(finding, "some", "its files have no handles: one that was opened through another mount stays unresolved");
    } else {
        set(finding, "all", "");
    }
    close(fd);
}

// Anything may stand in a mount point: a tab would end the field, and an escape would command the terminal.
static void write_text(FILE *out, const char *text)
{
    for (const char *c = text; *c; c++)
        fputc((unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c, out);
}

int filesystem_list(FILE *out)
{
    static struct namespaces namespaces;
    (void)alarm(ALARM_SECONDS);     // whatever may hang on the way: nothing here is worth more
    int mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    struct mount_inventory *inventory = NULL;
    if (mountinfo >= 0 && namespaces_open(&namespaces)) {
        (void)namespaces_look_at_all(&namespaces);
        inventory = inventory_read(mountinfo, &namespaces);
    }
    for (size_t i = 0; inventory && i < inventory->count; i++) {
        const struct found_filesystem *found = &inventory->items[i];
        struct finding finding;
        if (!guard_is_worth_a_word(found))
            continue;
        examine(found, &finding);
        if (found->pid != 0)
            fprintf(out, "/proc/%u/root", found->pid);
        write_text(out, found->mount->point);
        fprintf(out, "\t%s\t%u:%u\t%s\t%s\n", found->mount->type, found->major, found->minor, finding.answer,
                finding.sentence);
    }
    bool is_read = inventory != NULL;
    inventory_free(inventory);
    if (mountinfo >= 0)
        close(mountinfo);
    namespaces_close(&namespaces);
    return is_read && fflush(out) == 0 ? 0 : 1;
}
