// Runs a program from memory: memfd_exec PROGRAM [ARGUMENT…]
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    char buffer[65536];
    ssize_t length;
    int program = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    int memory = memfd_create("picket-test", MFD_CLOEXEC);
    if (program < 0 || memory < 0) {
        perror(argc > 1 ? argv[1] : "usage: memfd_exec PROGRAM [ARGUMENT…]");
        return 2;
    }
    while ((length = read(program, buffer, sizeof buffer)) > 0)
        if (write(memory, buffer, (size_t)length) != length)
            return 2;
    fexecve(memory, argv + 1, environ);
    perror("fexecve");
    return 2;
}
