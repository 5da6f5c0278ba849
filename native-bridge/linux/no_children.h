// A process in which nothing can fork or exec any more. A child would hold the permission group's descriptor open, and
// whoever waits for an answer would wait on after the bridge's death.
// Threading: any; it holds for all threads of the process.
#ifndef PICKET_NO_CHILDREN_H
#define PICKET_NO_CHILDREN_H

#include <stdbool.h>

// For the whole process and for ever: what tries it is killed by the kernel, at once and whole. False, and logged, where
// the kernel knows no such filters.
bool no_children(void);

#endif
