// A user or a group as an operator writes it: a number, or a name that the system knows.
// Threading: at start, before any thread runs, for the look-up uses static memory.
#ifndef PICKET_IDENTITY_H
#define PICKET_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

// False: neither a number nor a known name.
bool identity_user(const char *text, uid_t *uid);
bool identity_group(const char *text, gid_t *gid);

#endif
