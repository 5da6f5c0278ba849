// Numbers as text, for a path or an id that each question needs: snprintf() takes as long for one as the kernel does for
// the look-up.
// Threading: pure.
#ifndef PICKET_LINUX_DIGITS_H
#define PICKET_LINUX_DIGITS_H

#include <stdint.h>

// Without an end; both give where the text goes on. The room is the caller's: 10 bytes, and as many as `digits`.
char *put_decimal(char *at, uint32_t number);
char *put_hex(char *at, uint64_t number, int digits);

#endif
