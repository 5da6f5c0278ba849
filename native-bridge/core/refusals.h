// The log's lines about connections that are refused: few a second, and a count of the rest. Whoever is refused over and
// over must not push everything else out of the log.
// Threading: the event thread.
#ifndef PICKET_REFUSALS_H
#define PICKET_REFUSALS_H

void refusals_log(const char *reason);

// Tells how many of an earlier second had no line of their own. To be called now and then: no further one may come.
void refusals_tell(void);

#endif
