// Faults for tests: what a bridge may come to by a bug or by bad luck, brought about in a chosen thread by a signal. It is
// part of the program `picket-bridge-faulty` alone (-DPICKET_FAULTS), never of the one that is shipped.
//
//   SIGRTMIN + seat          the thread in this seat (enum vigil_seat_name) loops for ever
//   SIGRTMIN + 8 + seat      ... writes to the file PICKET_FAULT_FILE, on a disk that hangs
//   SIGRTMIN + 16            the event thread forks
//   SIGRTMIN + 17            ... starts a program
//   SIGRTMIN + 18            the reader of permission events runs out of stack
//   SIGRTMIN + 19            the event thread aborts, with all that keeps a bridge from dumping core taken back
#ifndef PICKET_FAULT_H
#define PICKET_FAULT_H

#include "core/vigil.h"

// Called at each beat, by the thread in the seat.
void fault_at(enum vigil_seat_name seat);

#endif
