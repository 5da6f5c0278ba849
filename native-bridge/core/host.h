// What the bridge knows about the machine it runs on.
// Threading: read once at start by the event thread, then immutable.
#ifndef PICKET_HOST_H
#define PICKET_HOST_H

struct host {
    char name[256];
    char os_family[16];
    char os_version[128];
    char kernel[256];
    char architecture[64];
    char boot_id[64];
};

void host_read(struct host *host);

#endif
