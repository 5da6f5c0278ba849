// What a file is called here, whatever mount of whatever namespace it was reached by. Its second half needs root: without
// it says so and exits with 77.
#include <limits.h>

#include "linux/fd_links.h"
#include "linux/mount_names.h"
#include "linux_harness.h"

static void lines_of_a_mountinfo(void)
{
    uint8_t text[256];
    struct mount_name name;
    const char *line = "36 35 98:7 /a\\040b /mnt/\\134x rw,noatime shared:1 - ext3 /dev/root rw";
    CHECK(mount_name_parse(line, strlen(line), &name, text, sizeof text), "a line parses");
    CHECK(name.mount_id == 36 && name.major == 98 && name.minor == 7, "%u %u:%u", name.mount_id, name.major, name.minor);
    CHECK(name.root_length == 4 && memcmp(text, "/a b", 4) == 0, "%.*s", (int)name.root_length, (char *)text);
    CHECK(name.point_length == 7 && memcmp(text + 4, "/mnt/\\x", 7) == 0, "%.*s", (int)name.point_length, (char *)text + 4);
    for (size_t length = 0; length < strlen("36 35 98:7 /a\\040b /mnt/\\134x "); length++)
        CHECK(!mount_name_parse(line, length, &name, text, sizeof text), "cut at %zu", length);
    for (size_t room = 0; room < 11; room++)
        CHECK(!mount_name_parse(line, strlen(line), &name, text, room), "room for %zu", room);
}

static void paths_that_move(void)
{
    static const struct {
        const char *path, *from, *to, *moved;
    } cases[] = {
        {"/mnt/a/b", "/mnt", "/", "/a/b"},       {"/mnt/a/b", "/mnt", "/x", "/x/a/b"}, {"/a/b", "/", "/x", "/x/a/b"},
        {"/a/b", "/", "/", "/a/b"},              {"/mnt", "/mnt", "/x", "/x"},         {"/mnt", "/mnt", "/", NULL},
        {"/mntx/a", "/mnt", "/x", NULL},         {"/mn", "/mnt", "/x", NULL},          {"/a", "/mnt", "/x", NULL},
        {"/mnt/abc", "/mnt", "/0123456789", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t out[14];
        size_t length = 0;
        bool moved = path_move((const uint8_t *)cases[i].path, strlen(cases[i].path), (const uint8_t *)cases[i].from,
                               strlen(cases[i].from), (const uint8_t *)cases[i].to, strlen(cases[i].to), out, sizeof out,
                               &length);
        CHECK(moved == (cases[i].moved != NULL), "%s from %s to %s", cases[i].path, cases[i].from, cases[i].to);
        if (moved && cases[i].moved)
            CHECK(length == strlen(cases[i].moved) && memcmp(out, cases[i].moved, length) == 0, "%.*s", (int)length,
                  (char *)out);
    }
}

static void name_it(uint32_t pid, const char *path, const char *wanted)
{
    uint8_t text[PATH_MAX];
    size_t length = 0;
    int fd = open(path, O_PATH | O_CLOEXEC);
    CHECK(fd >= 0, "%s: %s", path, strerror(errno));
    bool named = mount_names_settle(pid, fd, text, sizeof text, &length);
    CHECK(named == (wanted != NULL), "%s: %s", path, named ? "has a name" : "has none");
    if (named && wanted)
        CHECK(length == strlen(wanted) && memcmp(text, wanted, length) == 0, "%s: %.*s", path, (int)length, (char *)text);
    close(fd);
}

static const char *in_root_of(uint32_t pid, const char *path)
{
    static char text[PATH_MAX];
    snprintf(text, sizeof text, "/proc/%u/root%s", pid, path);
    return text;
}

// Where the child has bound `folder` over `place`, and has a tmpfs of its own on top of `own`.
static void stay_elsewhere(const char *folder, const char *place, const char *own, int ready)
{
    bool there = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                 mount(folder, place, NULL, MS_BIND, NULL) == 0 && mount("own", own, "tmpfs", 0, NULL) == 0;
    if (there)
        write_file(path_in(own, "file"), "x", 0644);
    (void)!write(ready, there ? "1" : "0", 1);
    alarm(200);
    pause();
    _exit(0);
}

static void names_from_elsewhere(void)
{
    char folder[128], place[128], own[128], file[160];
    snprintf(folder, sizeof folder, "%s/folder", guarded);
    snprintf(place, sizeof place, "%s/place", root);
    snprintf(own, sizeof own, "%s/own", root);
    snprintf(file, sizeof file, "%s/file", folder);
    CHECK(mount("mount-names", guarded, "tmpfs", 0, NULL) == 0, "%s", strerror(errno));
    for (size_t i = 0; i < 3; i++)
        CHECK(mkdir((const char *const[]){folder, place, own}[i], 0755) == 0, "%s", strerror(errno));
    write_file(file, "x", 0644);
    write_file(path_in(place, "file"), "x", 0644);

    int ready[2];
    char answer = 0;
    CHECK(pipe(ready) == 0, "%s", strerror(errno));
    pid_t child = fork();
    if (child == 0)
        stay_elsewhere(folder, place, own, ready[1]);
    CHECK(read(ready[0], &answer, 1) == 1 && answer == '1', "the child's mounts");

    for (int by_list = 0; by_list < 2; by_list++) {
        mount_names_only_lists = by_list;
        name_it((uint32_t)child, in_root_of((uint32_t)child, file), file);
        name_it((uint32_t)child, in_root_of((uint32_t)child, path_in(place, "file")), file);
        // What is there only has no name here, and what is here keeps its own.
        name_it((uint32_t)child, in_root_of((uint32_t)child, path_in(own, "file")), NULL);
        name_it((uint32_t)child, path_in(place, "file"), path_in(place, "file"));
        // In a namespace that it is not in.
        name_it((uint32_t)getpid(), in_root_of((uint32_t)child, path_in(place, "file")), NULL);
    }
    mount_names_only_lists = false;

    // Here, a second mount of a folder gives no second name; a cover over the first takes the name away from it.
    CHECK(mount(folder, place, NULL, MS_BIND, NULL) == 0, "%s", strerror(errno));
    name_it((uint32_t)getpid(), path_in(place, "file"), file);
    CHECK(mount("cover", guarded, "tmpfs", 0, NULL) == 0, "%s", strerror(errno));
    name_it((uint32_t)getpid(), path_in(place, "file"), path_in(place, "file"));
    umount2(guarded, MNT_DETACH);
    umount2(place, MNT_DETACH);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    unlink(path_in(place, "file"));
    rmdir(place);
    rmdir(own);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        _exit(child(argc, argv));
    lines_of_a_mountinfo();
    paths_that_move();
    int skipped = begin_test("linux_mount_names_test");
    if (skipped)
        return skipped;
    CHECK(fd_links_open(), "/proc/self/fd: %s", strerror(errno));
    names_from_elsewhere();
    return end_test("linux_mount_names_test");
}
