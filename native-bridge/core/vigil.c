#include "core/vigil.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#ifdef PICKET_FAULTS
#include "fault/fault.h"
#endif

static struct vigil own;
static struct vigil *used = &own;

struct vigil *vigil_make(void) {
    void *page = mmap(NULL, sizeof(struct vigil), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? NULL : page;
}

void vigil_use(struct vigil *shared) {
    used = shared;
}

struct vigil *vigil(void) {
    return used;
}

void vigil_sit(enum vigil_seat_name seat) {
#ifdef __linux__
    int32_t thread = (int32_t)syscall(SYS_gettid);
#else
    int32_t thread = (int32_t)getpid();
#endif
    vigil_beat(seat);
    atomic_store(&used->seats[seat].thread, thread);
}

void vigil_beat(enum vigil_seat_name seat) {
#ifdef PICKET_FAULTS
    fault_at(seat);
#endif
    // One writer: no read-modify-write is needed.
    uint32_t beats = atomic_load_explicit(&used->seats[seat].beats, memory_order_relaxed);
    atomic_store_explicit(&used->seats[seat].beats, beats + 1, memory_order_relaxed);
}

void vigil_leave(enum vigil_seat_name seat) {
    atomic_store(&used->seats[seat].thread, 0);
}
