// What a filesystem is, by the type that mountinfo gives: whether it may be marked, and whether it can hold programs that
// are worth a word. Decided from the name alone, so that nothing of a hung server's is touched to find out.
//
// Threading: pure.
#ifndef PICKET_LINUX_FILESYSTEM_KINDS_H
#define PICKET_LINUX_FILESYSTEM_KINDS_H

#include <stdbool.h>
#include <stdint.h>

enum filesystem_kind {
    FILESYSTEM_LOCAL,       // on a disk of this machine, or in its memory
    FILESYSTEM_STACKED,     // its files are those of other filesystems (overlay)
    FILESYSTEM_SERVED,      // a process or another machine answers its opens, or does not
    FILESYSTEM_KERNEL,      // the kernel's own, where nobody puts a program
    FILESYSTEM_UNKNOWN,     // none of these by name, and on no block device
};

// `major` is mountinfo's: 0 where there is no block device below.
enum filesystem_kind filesystem_kind_of(const char *type, uint32_t major);

// Why a filesystem of this kind is never marked; NULL: it may be.
const char *filesystem_kind_refusal(enum filesystem_kind kind);

#endif
