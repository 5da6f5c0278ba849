// The command line. Ownership: what is parsed points into argv. Threading: the first thread, before there are others.
#ifndef PICKET_OPTIONS_H
#define PICKET_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/backends.h"
#include "core/core.h"
#include "core/session.h"

struct options {
    const char *backend, *socket, *state_directory;
    uid_t agent_uid;
    gid_t agent_gid;
    struct core_options core;
    struct replay_options replay;
    struct enforcement_options way_out;
    const char *control;                // not NULL: no bridge, but a word to the one that runs
    const char *reason;
};

// True: go on. False: the process ends with *status; what there was to say is said.
bool options_parse(int argc, char **argv, struct options *options, int *status);
// Says what is wrong with the command line, and gives the exit status for it.
int options_usage(const char *what, const char *value);

#endif
