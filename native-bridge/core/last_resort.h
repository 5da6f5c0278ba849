// What is left where a bridge does not answer: its end, upon which the kernel lets everything through.
// Threading: any; reads /proc.
#ifndef PICKET_LAST_RESORT_H
#define PICKET_LAST_RESORT_H

#define LAST_RESORT 96

// The command that ends the bridge at that socket. Its lock file names its process; a watchdog above it, which would
// start it again, is to go first.
void last_resort(const char *socket_path, char command[LAST_RESORT]);

#endif
