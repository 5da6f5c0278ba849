#include "no_children.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/log.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define HIGHEST_NUMBER 0x3fffffff       // above: the x32 calls, under other numbers
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define HIGHEST_NUMBER 0xffffffff
#endif

#if defined(ARCHITECTURE) && !defined(__SANITIZE_ADDRESS__)     // a sanitizer forks to look for leaks
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define IF(test, value) BPF_JUMP(BPF_JMP | (test) | BPF_K, (value), 0, 1)
#define KILL_AT(number) IF(BPF_JEQ, (number)), RETURN(SECCOMP_RET_KILL_PROCESS)

bool no_children(void)
{
    // The low half of clone's first argument holds all its flags, on machines with the low half first.
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the half of an argument that holds flags");
    struct sock_filter filter[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        IF(BPF_JGT, HIGHEST_NUMBER),
        RETURN(SECCOMP_RET_KILL_PROCESS),
#ifdef SYS_fork
        KILL_AT(SYS_fork),
        KILL_AT(SYS_vfork),
#endif
        KILL_AT(SYS_execve),
        KILL_AT(SYS_execveat),
        // Its flags lie in memory, where a filter can't look. Told that there is no such call, glibc uses clone.
        IF(BPF_JEQ, SYS_clone3),
        RETURN(SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        RETURN(SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    // Without CAP_SYS_ADMIN a filter needs the promise that no exec gives new rights; there is none in any case.
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0)
        return true;
    log_line(LOG_LEVEL_WARN, "the process may fork: this kernel takes no filter of system calls", "error=\"%s\"",
             strerror(errno));
    return false;
}
#else
bool no_children(void)
{
    return false;
}
#endif
