// The watchdog: a process that starts the bridge as its child, looks at its heartbeats from outside, ends one that hangs
// or has died, and starts the next. It shares nothing with the child but the vigil's page, and does nothing that could
// make it wait: it opens nothing, takes no lock, and writes nothing, not even to the log; what it has to say the next
// bridge says at its start. Only of a first bridge that never came to be it speaks itself.
#ifndef PICKET_WATCHDOG_H
#define PICKET_WATCHDOG_H

// Runs `run` in a child, again and again, until a child ends with 0, or the watchdog is told to end (SIGTERM, SIGINT,
// SIGHUP are passed on), or the very first one can't start. Gives the exit status: the child's, or 1 where it had to be
// killed. Call with one thread and nothing open.
int watchdog_run(int (*run)(void *context), void *context);

#endif
