#include "core/state_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/state_writer.h"

uint64_t state_file_read(const char *directory) {
    char text[STATE_TEXT];
    uint64_t alive_ns = 0;
    const char *line = state_read(directory, STATE_ALIVE, text) ? strstr(text, "alive_ns ") : NULL;
    if (line == NULL || sscanf(line, "alive_ns %" SCNu64, &alive_ns) != 1) return 0;
    return alive_ns;
}

int state_file_write(const char *directory, const char *bridge_instance, uint64_t alive_ns) {
    char text[STATE_TEXT];
    (void)snprintf(text, sizeof text, "picket-bridge-state 1\ninstance %s\nalive_ns %" PRIu64 "\n", bridge_instance,
                   alive_ns);
    return state_write(directory, STATE_ALIVE, text);
}

void state_file_finish(int bound_ms) {
    (void)state_wait(STATE_ALIVE, bound_ms);
}
