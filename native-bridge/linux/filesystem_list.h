// `picket-bridge --filesystems`: what each mounted filesystem lets the bridge do, for `picket doctor`.
//
// The kernel is asked by marks for notify events alone, in groups that are closed again at once: nobody ever waits for
// them, the root filesystem's users included.
#ifndef PICKET_LINUX_FILESYSTEM_LIST_H
#define PICKET_LINUX_FILESYSTEM_LIST_H

#include <stdio.h>

// Writes a line for each filesystem where somebody may have files, those of other mount namespaces too, tabs between:
// mount point, type, major:minor, all|some|none, sentence. 0, or 1 where the mounts can't be read. To be called while the
// process has one thread.
int filesystem_list(FILE *out);

#endif
