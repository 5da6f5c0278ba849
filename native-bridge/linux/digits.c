#include "digits.h"

char *put_decimal(char *at, uint32_t number)
{
    int count = 1;
    for (uint32_t rest = number; rest > 9; rest /= 10)
        count++;
    for (int i = count - 1; i >= 0; i--, number /= 10)
        at[i] = (char)('0' + number % 10);
    return at + count;
}

char *put_hex(char *at, uint64_t number, int digits)
{
    for (int i = digits - 1; i >= 0; i--, number >>= 4)
        at[i] = "0123456789abcdef"[number & 15];
    return at + digits;
}
