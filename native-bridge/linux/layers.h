// What an overlay is made of. A stacked filesystem has no disk of its own: each of its opens is an open of a file of a
// layer, too, which is asked about where the layer's filesystem is marked.
//
// Threading: pure but for memory.
#ifndef PICKET_LINUX_LAYERS_H
#define PICKET_LINUX_LAYERS_H

#include "mount_table.h"

// Looks up the filesystem of each layer by its path's text. NULL: all are local; else why the overlay is never marked.
const char *layers_refusal(const struct mount_table *own, const struct mount *overlay);

typedef bool (*layer_test)(void *context, const struct mount *layer);

// Does each layer's filesystem pass? False also where one is not known.
bool layers_all(const struct mount_table *own, const struct mount *overlay, layer_test test, void *context);

#endif
