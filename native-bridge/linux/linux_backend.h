// The Linux backend: fanotify for permission and file events, the proc connector for processes.
//
// core/backend.h says what its functions promise; core/backends.h declares linux_backend(), the one there is.
#ifndef PICKET_LINUX_BACKEND_H
#define PICKET_LINUX_BACKEND_H

#include "core/backends.h"

#endif
