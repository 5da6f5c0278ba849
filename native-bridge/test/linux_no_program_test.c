// A bridge that was built where clang and libbpf were missing: there is no program, and it says why. Needs no privilege.
#undef PICKET_EBPF
#define process_program_ring_bytes other_ring_bytes     // a sanitizer takes no second one of a name
#include "linux/process_program.c"

#include "core_check.h"

int main(void)
{
    struct process_program program;
    char error[256] = "";
    CHECK(!process_program_open(&program, error, sizeof error));
    CHECK(strstr(error, "built without eBPF") != NULL);
    CHECK(program.ring.fd == -1 && process_program_misses(&program) == 0);
    process_ring_want_environment(&program.ring, true);
    process_program_close(&program);
    holds("without the program there is no ring, and a sentence");
    return 0;
}
