#include "process_program.h"

#include <stdio.h>
#include <string.h>

#include "proc_connector.h"

#ifdef PICKET_EBPF

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

// The program as clang made it, in the bridge itself: there is no file that somebody could replace.
__asm__(".pushsection .rodata\n"
        ".balign 8\n"
        "process_events_program:\n"
        ".incbin \"" PICKET_EBPF "\"\n"
        "process_events_program_end:\n"
        ".popsection\n");
extern const uint8_t process_events_program[], process_events_program_end[];

static const char *const names[PROCESS_TRACEPOINTS] = {"process_forked", "process_executed", "process_exited"};

// What libbpf has to say is for its developers: the kernel's reason is in errno.
static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
    (void)level, (void)format, (void)arguments;
    return 0;
}

static int map_of(const struct process_program *program, const char *name)
{
    return bpf_object__find_map_fd_by_name(program->object, name);
}

#ifdef PICKET_TEST
uint32_t process_program_ring_bytes;

static bool set_ring_size(struct process_program *program)
{
    struct bpf_map *ring = bpf_object__find_map_by_name(program->object, "ring");
    return process_program_ring_bytes == 0 || bpf_map__set_max_entries(ring, process_program_ring_bytes) == 0;
}
#else
static bool set_ring_size(struct process_program *program)
{
    (void)program;
    return true;
}
#endif

static bool load(struct process_program *program)
{
    (void)libbpf_set_print(say_nothing);
    size_t size = (size_t)(process_events_program_end - process_events_program);
    program->object = bpf_object__open_mem(process_events_program, size, NULL);
    if (!program->object)
        return false;
    struct bpf_map *workplaces = bpf_object__find_map_by_name(program->object, "workplaces");
    int processors = libbpf_num_possible_cpus();
    return workplaces && processors > 0 && bpf_map__set_max_entries(workplaces, (uint32_t)processors) == 0 &&
           set_ring_size(program) && bpf_object__load(program->object) == 0;
}

static bool map_ring(struct process_ring *ring, int fd, int status)
{
    struct bpf_map_info information = {0};
    uint32_t length = sizeof information;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (fd < 0 || status < 0 || bpf_obj_get_info_by_fd(fd, &information, &length) != 0)
        return false;
    ring->size = information.max_entries;
    void *consumed = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void *produced = mmap(NULL, page + 2 * ring->size, PROT_READ, MAP_SHARED, fd, (off_t)page);
    void *shared = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, status, 0);
    ring->consumed = consumed == MAP_FAILED ? NULL : consumed;
    ring->produced = produced == MAP_FAILED ? NULL : produced;
    ring->status = shared == MAP_FAILED ? NULL : shared;
    if (!ring->consumed || !ring->produced || !ring->status)
        return false;
    ring->data = (const uint8_t *)produced + page;
    ring->fd = fd;
    return true;
}

static void unmap_ring(struct process_ring *ring)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (ring->consumed)
        (void)munmap(ring->consumed, page);
    if (ring->produced)
        (void)munmap((void *)(uintptr_t)ring->produced, page + 2 * ring->size);
    if (ring->status)
        (void)munmap(ring->status, page);
    *ring = (struct process_ring){.fd = -1};
}

// By the descriptors alone: whoever holds them is attached, and with the last one's end nothing is left in the kernel.
static bool attach(struct process_program *program)
{
    for (int i = 0; i < PROCESS_TRACEPOINTS; i++) {
        struct bpf_program *one = bpf_object__find_program_by_name(program->object, names[i]);
        if (!one)
            return false;
        program->programs[i] = bpf_program__fd(one);
        program->links[i] = bpf_raw_tracepoint_open(strchr(bpf_program__section_name(one), '/') + 1,
                                                    program->programs[i]);
        if (program->links[i] < 0)
            return false;
    }
    return true;
}

static bool is_locked_down(void)
{
    char text[128];
    int fd = open("/sys/kernel/security/lockdown", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[length > 0 ? length : 0] = 0;
    return strstr(text, "[confidentiality]") != NULL;
}

static void explain(int failure, char *error, size_t error_size)
{
    const char *why = is_locked_down()                          ? "it is locked down (lockdown=confidentiality)"
                      : access("/sys/kernel/btf/vmlinux", R_OK) ? "it has no BTF of its own (CONFIG_DEBUG_INFO_BTF)"
                      : failure == EPERM || failure == EACCES   ? "CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN, are missing"
                                                                : "Linux 5.15 with CONFIG_BPF_SYSCALL is needed";
    snprintf(error, error_size, "the kernel refuses the eBPF program (%s): %s", strerror(failure), why);
}

bool process_program_open(struct process_program *program, char *error, size_t error_size)
{
    *program = (struct process_program){.programs = {-1, -1, -1}, .links = {-1, -1, -1}, .ring = {.fd = -1}};
    if (!proc_connector_pids_are_ours()) {
        snprintf(error, error_size, "an eBPF program tells the pids of the machine's own pid namespace, and this is another");
        return false;
    }
    errno = 0;
    if (load(program) && map_ring(&program->ring, map_of(program, "ring"), map_of(program, "status")) && attach(program))
        return true;
    explain(errno, error, error_size);
    process_program_close(program);
    return false;
}

void process_program_close(struct process_program *program)
{
    if (!program->object)
        return;
    for (int i = 0; i < PROCESS_TRACEPOINTS; i++)
        if (program->links[i] >= 0)
            (void)close(program->links[i]);
    unmap_ring(&program->ring);
    bpf_object__close(program->object);
    program->object = NULL;
}

uint64_t process_program_misses(struct process_program *program)
{
    uint64_t misses = 0;
    for (int i = 0; program->object && i < PROCESS_TRACEPOINTS; i++) {
        struct bpf_prog_info information = {0};
        uint32_t length = sizeof information;
        if (bpf_obj_get_info_by_fd(program->programs[i], &information, &length) == 0)
            misses += information.recursion_misses;
    }
    uint64_t fresh = misses - program->ring.misses_told;
    program->ring.misses_told = misses;
    return fresh;
}

#else

#ifdef PICKET_TEST
uint32_t process_program_ring_bytes;
#endif

bool process_program_open(struct process_program *program, char *error, size_t error_size)
{
    *program = (struct process_program){.ring = {.fd = -1}};
    snprintf(error, error_size, "this picket-bridge was built without eBPF: clang and libbpf were not there");
    return false;
}

void process_program_close(struct process_program *program)
{
    (void)program;
}

uint64_t process_program_misses(struct process_program *program)
{
    (void)program;
    return 0;
}

#endif
