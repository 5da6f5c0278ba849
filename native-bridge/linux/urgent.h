// The calling thread goes before others when it wakes up: what it is for is gone a moment later. A program such as
// /bin/true lives half a millisecond, and nothing of it can be read afterwards.
//
// Threading: of the calling thread alone.
#ifndef PICKET_LINUX_URGENT_H
#define PICKET_LINUX_URGENT_H

// Real-time priorities, each before the ones above it; what the kernel leaves to the rest of the machine
// (sched_rt_runtime_us) stays. The deadline guard (core/thread.h) and the watchdog come before all of them.
enum urgency {
    URGENT_TO_TELL = 1,         // the notify thread
    URGENT_TO_READ = 1,         // those who read processes' memory for it
    URGENT_TO_ANSWER = 2,       // the permission reader: somebody's open waits
};

// Where that is refused (a container): by its niceness and, since Linux 6.12, by asking for short slices of time, which
// lets it in before another's slice ends.
void urgent_thread(enum urgency urgency);

#endif
