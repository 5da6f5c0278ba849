// In the kernel: tells each process's beginning, new image and end, with what is gone a moment later: arguments,
// variables, working directory, program. By raw tracepoints, which need neither tracefs nor BTF of their arguments; fields
// are found by CO-RE, so one build runs on kernels that lay them out differently.
//
// A record is made elsewhere and copied into the ring whole: whoever reads never waits there for the end of a long one.
#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/magic.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

typedef __u8 uint8_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
typedef __s32 int32_t;
#include "linux/process_record.h"

char LICENSE[] SEC("license") = "GPL";  // of this program in the kernel: its helpers want it

// ---- the kernel's structures, as far as they are read

#define KERNELS __attribute__((preserve_access_index))

struct dentry;
struct qstr { uint32_t len; const unsigned char *name; } KERNELS;
struct hlist_bl_node { struct hlist_bl_node **pprev; } KERNELS;
struct super_block { uint32_t s_dev; unsigned long s_magic; } KERNELS;
struct inode { uint64_t i_ino; struct super_block *i_sb; } KERNELS;
struct dentry {
    struct hlist_bl_node d_hash;
    struct dentry *d_parent;
    struct qstr d_name;
    struct inode *d_inode;
} KERNELS;
struct vfsmount { struct dentry *mnt_root; } KERNELS;
struct mount { struct mount *mnt_parent; struct dentry *mnt_mountpoint; struct vfsmount mnt; } KERNELS;
struct path { struct vfsmount *mnt; struct dentry *dentry; } KERNELS;
struct file { struct path f_path; struct inode *f_inode; } KERNELS;
struct fs_struct { struct path pwd; } KERNELS;
struct mm_struct {
    uint64_t arg_start, arg_end, env_start, env_end, start_code, start_stack;
    struct file *exe_file;
} KERNELS;
typedef struct { uint32_t val; } KERNELS kuid_t;
typedef struct { uint32_t val; } KERNELS kgid_t;
struct cred { kuid_t uid, euid; kgid_t egid; } KERNELS;
typedef struct { int counter; } KERNELS atomic_t;
struct signal_struct { atomic_t live; } KERNELS;
struct ns_common { uint32_t inum; } KERNELS;
struct mnt_namespace { struct ns_common ns; } KERNELS;
struct nsproxy { struct mnt_namespace *mnt_ns; } KERNELS;
struct task_struct {
    int pid, tgid, exit_code;
    uint64_t start_boottime;
    struct task_struct *real_parent, *group_leader;
    const struct cred *real_cred;
    struct mm_struct *mm;
    struct fs_struct *fs;
    struct signal_struct *signal;
    struct nsproxy *nsproxy;
    char comm[RECORD_NAME_BYTES];
} KERNELS;

// ---- maps

enum {
    RING_BYTES = 8 << 20,
    TEXTS_BYTES = 2 * RECORD_STRINGS_BYTES + 2 * RECORD_PATH_BYTES,
    DEPTH_MAX = 128,                    // folders and mounts of one path; of a deeper one nothing is told
    NAME_MAX_BYTES = 255,
};

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, RING_BYTES);
} ring SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct process_status);
} status SEC(".maps");

struct workplace {
    struct process_record record;
    uint8_t texts[TEXTS_BYTES];
    // Written from its end. Where it begins is kept here and not in a register, where the verifier would follow it through
    // every way that a path may take.
    uint32_t path_from;
    uint8_t path[RECORD_PATH_BYTES + NAME_MAX_BYTES + 1];
};

// Where an exec is written down, one for each processor: the kernel runs a program there once at a time. The bridge sets
// the number.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct workplace);
} workplaces SEC(".maps");

static __always_inline struct process_status *the_status(void)
{
    uint32_t first = 0;
    return bpf_map_lookup_elem(&status, &first);
}

static __always_inline struct workplace *my_workplace(void)
{
    uint32_t processor = bpf_get_smp_processor_id();
    return bpf_map_lookup_elem(&workplaces, &processor);
}

static __always_inline void count_lost(void)
{
    struct process_status *told = the_status();
    if (told)
        __sync_fetch_and_add(&told->lost, 1);
}

// ---- a record

static __always_inline void begin(struct process_record *record, uint32_t kind, struct task_struct *task)
{
    const struct cred *cred = BPF_CORE_READ(task, real_cred);
    __builtin_memset(record, 0, sizeof *record);
    record->monotonic_ns = bpf_ktime_get_ns();
    record->kind = kind;
    record->pid = BPF_CORE_READ(task, tgid);
    record->parent_pid = BPF_CORE_READ(task, real_parent, tgid);
    record->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
    record->uid = BPF_CORE_READ(cred, euid.val);
    record->real_uid = BPF_CORE_READ(cred, uid.val);
    record->gid = BPF_CORE_READ(cred, egid.val);
}

static __always_inline void tell(void *record, uint64_t length)
{
    if (bpf_ringbuf_output(&ring, record, length, 0) != 0)
        count_lost();
}

SEC("raw_tp/sched_process_fork")
int process_forked(struct bpf_raw_tracepoint_args *context)
{
    struct task_struct *maker = (struct task_struct *)context->args[0];
    struct task_struct *child = (struct task_struct *)context->args[1];
    if (BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid))
        return 0;  // a thread
    struct process_record record;
    begin(&record, RECORD_FORKED, child);
    record.maker_pid = BPF_CORE_READ(maker, tgid);
    tell(&record, sizeof record);
    return 0;
}

SEC("raw_tp/sched_process_exit")
int process_exited(struct bpf_raw_tracepoint_args *context)
{
    struct task_struct *task = (struct task_struct *)context->args[0];
    if (BPF_CORE_READ(task, signal, live.counter) != 0)
        return 0;  // others of its threads go on
    struct process_record record;
    begin(&record, RECORD_EXITED, task);
    record.wait_status = BPF_CORE_READ(task, exit_code);
    tell(&record, sizeof record);
    return 0;
}

// ---- the texts of an exec

// For the verifier, which must find a bound where the compiler sees that it holds anyway.
#define KEEP(variable) __asm__ volatile("" : "+r"(variable))

static __always_inline int end_path(struct workplace *place)
{
    if (place->path_from == RECORD_PATH_BYTES) {
        place->path_from = RECORD_PATH_BYTES - 1;
        place->path[RECORD_PATH_BYTES - 1] = '/';
    }
    return RECORD_PATH_BYTES - place->path_from;
}

// The path that the kernel would show, up to the root of the mount namespace, at the end of `path`; its length, 0: too
// long or too deep. A function of its own, with numbers for pointers, is verified once.
__noinline int walk(uint64_t of_mount, uint64_t of_dentry)
{
    struct workplace *place = my_workplace();
    if (!place)
        return 0;
    struct dentry *dentry = (struct dentry *)of_dentry;
    struct mount *mount = (struct mount *)(of_mount - bpf_core_field_offset(struct mount, mnt));
    struct dentry *root = BPF_CORE_READ(mount, mnt.mnt_root);
    place->path_from = RECORD_PATH_BYTES;
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
        if (dentry == root) {
            struct mount *above = BPF_CORE_READ(mount, mnt_parent);
            if (above == mount)
                return end_path(place);
            dentry = BPF_CORE_READ(mount, mnt_mountpoint);
            mount = above;
            root = BPF_CORE_READ(mount, mnt.mnt_root);
            continue;
        }
        uint64_t length = BPF_CORE_READ(dentry, d_name.len);
        if (dentry == parent || length > NAME_MAX_BYTES)
            return 0;  // mounted nowhere
        uint64_t at = place->path_from - length - 1;
        KEEP(at);
        KEEP(length);
        if (at >= RECORD_PATH_BYTES || length > NAME_MAX_BYTES)
            return 0;
        place->path_from = at;
        uint8_t *name = &place->path[at];
        *name = '/';
        if (bpf_probe_read_kernel(name + 1, length, BPF_CORE_READ(dentry, d_name.name)) != 0)
            return 0;
        dentry = parent;
    }
    return 0;
}

static __always_inline bool is_deleted(struct dentry *dentry)
{
    return BPF_CORE_READ(dentry, d_hash.pprev) == 0 && BPF_CORE_READ(dentry, d_parent) != dentry;
}

static __always_inline uint32_t add_path(struct workplace *place, uint64_t used, const struct path *path)
{
    struct vfsmount *mount = BPF_CORE_READ(path, mnt);
    struct dentry *dentry = BPF_CORE_READ(path, dentry);
    uint64_t length = (uint32_t)walk((uint64_t)mount, (uint64_t)dentry);
    uint64_t from = RECORD_PATH_BYTES - length;
    KEEP(length);
    KEEP(from);
    if (length == 0 || length >= RECORD_PATH_BYTES || from >= RECORD_PATH_BYTES || used > TEXTS_BYTES - RECORD_PATH_BYTES)
        return 0;
    return bpf_probe_read_kernel(&place->texts[used], length, &place->path[from]) == 0 ? length : 0;
}

static __always_inline uint32_t add_strings(struct workplace *place, uint32_t used, uint64_t start, uint64_t end)
{
    uint64_t length = end - start;
    if (end <= start || length > RECORD_STRINGS_BYTES || used > RECORD_STRINGS_BYTES)
        return 0;
    return bpf_probe_read_user(&place->texts[used], length, (const void *)start) == 0 ? length : 0;
}

static __always_inline uint32_t add_texts(struct workplace *place, struct task_struct *task)
{
    struct process_record *record = &place->record;
    struct mm_struct *mm = BPF_CORE_READ(task, mm);
    const struct process_status *told = the_status();
    uint32_t used = add_strings(place, 0, BPF_CORE_READ(mm, arg_start), BPF_CORE_READ(mm, arg_end));
    record->args_length = used;
    record->has |= used > 0 ? RECORD_HAS_ARGS : 0;
    if (told && told->environment_wanted) {
        uint64_t start = BPF_CORE_READ(mm, env_start), end = BPF_CORE_READ(mm, env_end);
        uint32_t length = add_strings(place, used, start, end);
        record->environment_length = length;
        record->has |= length > 0 || start == end ? RECORD_HAS_ENVIRONMENT : 0;
        used += length;
    }
    struct fs_struct *fs = BPF_CORE_READ(task, fs);
    if (!is_deleted(BPF_CORE_READ(fs, pwd.dentry))) {
        record->directory_length = add_path(place, used, __builtin_preserve_access_index(&fs->pwd));
        record->has |= record->directory_length > 0 ? RECORD_HAS_DIRECTORY : 0;
        used += record->directory_length;
    }
    struct file *program = BPF_CORE_READ(mm, exe_file);
    if (!is_deleted(BPF_CORE_READ(program, f_path.dentry))) {
        record->program_length = add_path(place, used, __builtin_preserve_access_index(&program->f_path));
        record->has |= record->program_length > 0 ? RECORD_HAS_PROGRAM : 0;
    }
    return used + record->program_length;
}

// Texts are left out then, so that short records find room for long.
static __always_inline bool is_crowded(void)
{
    return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 2;
}

SEC("raw_tp/sched_process_exec")
int process_executed(struct bpf_raw_tracepoint_args *context)
{
    struct task_struct *task = (struct task_struct *)context->args[0];
    struct workplace *place = my_workplace();
    if (!place) {
        count_lost();
        return 0;
    }
    struct process_record *record = &place->record;
    begin(record, RECORD_EXECUTED, task);
    record->code = BPF_CORE_READ(task, mm, start_code);
    record->stack = BPF_CORE_READ(task, mm, start_stack);
    struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
    unsigned long magic = BPF_CORE_READ(inode, i_sb, s_magic);
    record->inode = BPF_CORE_READ(inode, i_ino);
    if (magic != BTRFS_SUPER_MAGIC && magic != OVERLAYFS_SUPER_MAGIC)
        record->device = BPF_CORE_READ(inode, i_sb, s_dev);
    record->mount_namespace = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
    BPF_CORE_READ_STR_INTO(&record->name, task, comm);
    uint64_t texts_length = is_crowded() ? 0 : add_texts(place, task);
    KEEP(texts_length);
    if (texts_length <= TEXTS_BYTES)
        tell(place, sizeof *record + texts_length);
    return 0;
}
