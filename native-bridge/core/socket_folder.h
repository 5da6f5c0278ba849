// The folder of the control socket: whoever can write to it, or to a folder above it, can put a socket and FIFOs of his
// own in the place of the bridge's.
//
// Ownership: nothing is kept. Threading: any.
#ifndef PICKET_SOCKET_FOLDER_H
#define PICKET_SOCKET_FOLDER_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

// Makes the folder where it is missing, for root and the agent's group alone, and refuses one that others could change.
// 0 with its path without symbolic links, or -1 with a sentence.
int socket_folder_prepare(const char *directory, uid_t agent_uid, gid_t agent_gid, char real[PATH_MAX], char *error,
                          size_t error_size);

#endif
