// What the bridge makes of mountinfo: kinds of filesystems, tables, layers of overlays; and its memory of the execs that were
// asked about. All of it pure, on text that anybody who mounts may choose.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core_check.h"
#include "linux/asked_execs.h"
#include "linux/layers.h"
#include "linux/mount_changes.h"

static int mountinfo_of(const char *text)
{
    int fd = memfd_create("mountinfo", MFD_CLOEXEC);
    size_t length = strlen(text);
    CHECK(fd >= 0 && write(fd, text, length) == (ssize_t)length);
    return fd;
}

static struct mount_table table_of(const char *text)
{
    struct mount_table table;
    int fd = mountinfo_of(text);
    mount_table_read(&table, fd, 100, 1 << 20);
    close(fd);
    return table;
}

static void kinds(void)
{
    CHECK_EQUAL(filesystem_kind_of("ext4", 8), FILESYSTEM_LOCAL);
    CHECK_EQUAL(filesystem_kind_of("some-new-disk-format", 8), FILESYSTEM_LOCAL);
    CHECK_EQUAL(filesystem_kind_of("tmpfs", 0), FILESYSTEM_LOCAL);
    CHECK_EQUAL(filesystem_kind_of("btrfs", 0), FILESYSTEM_LOCAL);
    CHECK_EQUAL(filesystem_kind_of("overlay", 0), FILESYSTEM_STACKED);
    CHECK_EQUAL(filesystem_kind_of("fuse.sshfs", 0), FILESYSTEM_SERVED);
    CHECK_EQUAL(filesystem_kind_of("fuseblk", 8), FILESYSTEM_SERVED);
    CHECK_EQUAL(filesystem_kind_of("nfs4", 0), FILESYSTEM_SERVED);
    CHECK_EQUAL(filesystem_kind_of("ocfs2", 8), FILESYSTEM_SERVED);
    CHECK_EQUAL(filesystem_kind_of("proc", 0), FILESYSTEM_KERNEL);
    CHECK_EQUAL(filesystem_kind_of("some-new-network-format", 0), FILESYSTEM_UNKNOWN);
    CHECK(filesystem_kind_refusal(FILESYSTEM_LOCAL) == NULL && filesystem_kind_refusal(FILESYSTEM_STACKED) == NULL);
    CHECK(filesystem_kind_refusal(FILESYSTEM_SERVED) && filesystem_kind_refusal(FILESYSTEM_UNKNOWN));
    holds("a filesystem's kind is known by its type alone, and what is not known to be local is not taken for it");
}

static void tables(void)
{
    struct mount_table table = table_of(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "not a mount\n"
        "2 1 0:20 / /mnt/a\\040b rw,nosuid,noexec,relatime shared:1 master:2 - tmpfs none rw,size=4k\n"
        "3 1 0:21 /sub /mnt rw,noexecutive - nfs4 host:/x rw\n"
        "4 1 0:22 / /mnt rw - fuse.x x rw\n");
    CHECK_EQUAL(table.count, 4);
    CHECK(!table.is_cut);
    CHECK(strcmp(table.items[1].point, "/mnt/a b") == 0 && table.items[1].no_exec && table.items[1].is_whole);
    CHECK(!table.items[2].no_exec && !table.items[2].is_whole && table.items[2].kind == FILESYSTEM_SERVED);
    CHECK_EQUAL(mount_table_over(&table, "/mnt/a b/c")->mount_id, 2);
    CHECK_EQUAL(mount_table_over(&table, "/mnt/a")->mount_id, 4);    // what lies on top
    CHECK_EQUAL(mount_table_over(&table, "/mntx")->mount_id, 1);
    CHECK_EQUAL(mount_table_over(&table, "/")->mount_id, 1);
    mount_table_free(&table);

    int fd = mountinfo_of("1 0 8:1 / / rw - ext4 x rw\n2 1 8:2 / /a rw - ext4 x rw\n3 1 8:3 / /b rw - ext4 x rw\n");
    mount_table_read(&table, fd, 2, 1 << 20);
    CHECK(table.count == 2 && table.is_cut);
    mount_table_free(&table);
    mount_table_read(&table, fd, 100, 12);
    CHECK(table.count == 1 && table.is_cut);
    mount_table_free(&table);
    close(fd);
    holds("a mountinfo is read up to its bounds, and a path lies on the mount that is on top of it");
}

static char changes_told[256];

static void note_change(void *context, bool is_mounted, const struct mount *mount)
{
    (void)context;
    size_t length = strlen(changes_told);
    snprintf(changes_told + length, sizeof changes_told - length, "%c%s ", is_mounted ? '+' : '-', mount->point);
}

static const char *changes_of(const char *before, const char *now)
{
    struct mount_table old = table_of(before), new = table_of(now);
    changes_told[0] = 0;
    mount_changes(&old, &new, note_change, NULL);
    mount_table_free(&old);
    mount_table_free(&new);
    return changes_told;
}

static void changes(void)
{
    static const char first[] = "1 0 8:1 / / rw - ext4 x rw\n2 1 8:2 / /a rw - ext4 x rw\n";
    CHECK(strcmp(changes_of(first, first), "") == 0);
    CHECK(strcmp(changes_of(first, "1 0 8:1 / / rw - ext4 x rw\n"), "-/a ") == 0);
    CHECK(strcmp(changes_of("", first), "+/ +/a ") == 0);
    // The number of what has gone, used again at once; the same filesystem once more; one that was moved.
    CHECK(strcmp(changes_of(first, "2 1 8:3 / /b rw - ext4 x rw\n1 0 8:1 / / rw - ext4 x rw\n"), "-/a +/b ") == 0);
    CHECK(strcmp(changes_of(first, "1 0 8:1 / / rw - ext4 x rw\n2 1 8:2 / /a rw - ext4 x rw\n3 1 8:2 / /a rw - ext4 x rw\n"),
                 "+/a ") == 0);
    CHECK(strcmp(changes_of(first, "1 0 8:1 / / rw - ext4 x rw\n2 1 8:2 / /c rw - ext4 x rw\n"), "-/a +/c ") == 0);
    holds("what has come and gone between two looks is told, whatever its number");
}

static const char *refusal_of(const char *options)
{
    char text[1024];
    snprintf(text, sizeof text,
             "1 0 8:1 / / rw - ext4 x rw\n2 1 0:9 / /net rw - nfs4 x rw\n3 1 0:10 / /over rw - overlay x rw\n"
             "4 1 0:11 / /m rw - overlay overlay rw,%s\n", options);
    struct mount_table table = table_of(text);
    const char *refusal = layers_refusal(&table, &table.items[3]);
    mount_table_free(&table);
    return refusal;
}

static void layers(void)
{
    CHECK(refusal_of("lowerdir=/a:/b,upperdir=/u,workdir=/w") == NULL);
    CHECK(refusal_of("lowerdir+=/a,lowerdir+=/b,datadir+=/c") == NULL);
    CHECK(refusal_of("lowerdir=/a::/data") == NULL);
    CHECK(refusal_of("lowerdir=/net\\134:x/a") == NULL);            // a name with a colon, not the one below /net
    CHECK(strstr(refusal_of("lowerdir=/a:/net/b,upperdir=/u"), "served"));
    CHECK(strstr(refusal_of("lowerdir=/a::/net/data"), "served"));
    CHECK(strstr(refusal_of("lowerdir+=/a,lowerdir+=/net"), "served"));
    CHECK(strstr(refusal_of("lowerdir=/a,upperdir=/net/u"), "served"));
    CHECK(strstr(refusal_of("lowerdir=/over/b"), "another overlay"));
    CHECK(strstr(refusal_of("lowerdir=l/A:l/B"), "can't be told"));
    CHECK(strstr(refusal_of("index=off"), "can't be told"));
    holds("an overlay is refused for a layer that others serve, that is stacked, or that is not known");
}

// Whoever mounts chooses much of this text.
static void random_text(void)
{
    static const char letters[] = "0123456789:/ \\,=-\nabclowerdirupperdiroverlay";
    char text[400];
    for (int round = 0; round < 20000; round++) {
        size_t length = random_below(sizeof text - 1);
        for (size_t i = 0; i < length; i++)
            text[i] = letters[random_below(sizeof letters - 1)];
        text[length] = 0;
        struct mount_line *line = malloc(sizeof *line);
        char value[64];
        if (mount_line_parse(text, line))
            CHECK(strlen(line->type) < sizeof line->type && line->options >= text && line->options <= text + length);
        for (const char *options = text; mount_option_next(&options, "lowerdir", value, sizeof value);)
            CHECK(options <= text + length && strlen(value) < sizeof value);
        free(line);
    }
    holds("any text is read within its bounds");
}

static void asked(void)
{
    static struct asked_execs execs;
    asked_execs_init(&execs);
    asked_execs_note(&execs, 7, 1, 10, 1000);       // a script, its interpreter
    asked_execs_note(&execs, 7, 1, 11, 1001);
    asked_execs_note(&execs, 7, 1, 12, 1005);       // the next exec of the same process, told later
    CHECK_EQUAL(asked_execs_take(&execs, 7, 1, 11, 1003), ASKED_ABOUT_IT);
    CHECK_EQUAL(asked_execs_take(&execs, 7, 1, 12, 1006), ASKED_ABOUT_IT);
    CHECK_EQUAL(asked_execs_take(&execs, 7, 1, 12, 1009), ASKED_ABOUT_NOTHING);
    asked_execs_note(&execs, 7, 1, 10, 1010);
    CHECK_EQUAL(asked_execs_take(&execs, 7, 2, 10, 1011), ASKED_ABOUT_ANOTHER);
    // Many at once whose pids fall into one bucket: what had to be forgotten is not held against anybody.
    for (uint32_t i = 0; i <= ASKED_NOTES; i++)
        asked_execs_note(&execs, 9 + i * ASKED_BUCKETS, 1, i, 2000 + i);
    CHECK_EQUAL(asked_execs_take(&execs, 9, 1, 0, 3000), ASKED_NOT_KNOWN);
    CHECK_EQUAL(asked_execs_take(&execs, 9 + ASKED_BUCKETS, 1, 1, 3000), ASKED_ABOUT_IT);
    CHECK_EQUAL(asked_execs_take(&execs, 9, 1, 0, 3000 + 121 * 1000000LL), ASKED_ABOUT_NOTHING);
    holds("an exec is matched with its own questions, and in doubt with none");
}

int main(void)
{
    kinds();
    tables();
    changes();
    layers();
    random_text();
    asked();
    return 0;
}
