// picket-bridge: takes events from the system, asks the agent, answers by itself when the agent is late or absent.
// A bridge for whose answers syscalls wait runs under a watchdog; a replay holds nobody up and runs by itself.
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "core/control_client.h"
#include "core/log.h"
#include "core/process_guard.h"
#include "core/thread.h"
#include "options.h"
#ifdef __linux__
#include "linux/no_children.h"
#include "watchdog.h"
#endif

struct job {
    struct options options;
    struct backend *backend;
};

#ifdef __linux__
static int run_watched(void *context) {
    const struct job *job = context;
    if (job->backend->prepare != NULL) job->backend->prepare(job->backend->state);
    // Before anything is opened: whoever would hold the permission group besides us can never come to be.
    no_children();
    if (geteuid() == 0) process_guard_lock_memory();
    (void)thread_raise_priority(false);     // to come to serve while others keep the machine busy
    return bridge_run(&job->options, job->backend);
}
#endif

int main(int argc, char **argv) {
    struct job job;
    int status;
    if (!options_parse(argc, argv, &job.options, &status)) return status;
    if (job.options.control != NULL)
        return control_client_run(job.options.socket, job.options.control, job.options.reason);
    job.backend = bridge_backend(&job.options);
    if (job.backend == NULL) return options_usage("this build has no such backend", job.options.backend);
    log_init();
    process_guard_harden(geteuid() == 0);
#ifdef __linux__
    if (strcmp(job.backend->name, "linux") == 0) return watchdog_run(run_watched, &job);
#endif
    return bridge_run(&job.options, job.backend);
}
