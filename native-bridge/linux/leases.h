// Read leases on files: while one is held nobody can change the file's content, since whoever opens it for writing or
// truncates it by truncate(2) waits until the lease is let go. Only open(O_RDONLY | O_TRUNC) passes, which empties a file:
// so a lease is of a size as well, and one of another size is let go when it is met. What is known of the content (a digest, an ignore mark for the kernel) stands
// and falls with its lease: it is forgotten first, and only then may the writer go on.
//
// A writer waits for the keeper, a thread that does nothing else: it takes no other lock, and the last close of a file, which
// may take as long as a disk likes, is another thread's.
//
// Ownership: owns a duplicate of each descriptor. Threading: leases_start() and leases_stop() belong to one thread, which
// blocks the signals of leases for itself and all threads that it starts later; all else is any thread's. Hooks and visitors
// are called under the lock: they must not wait, nor call back.
#ifndef PICKET_LINUX_LEASES_H
#define PICKET_LINUX_LEASES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A held descriptor keeps a deleted file's space and its mount busy: few, and not for long.
enum { LEASES_MAX = 4096, LEASE_BUCKETS = 8192, LEASE_DIGEST_BYTES = 32, LEASE_ID_BITS = 30 };
#define LEASE_IDLE_US 30000000
#define LEASE_ANY_SIZE UINT64_MAX

typedef uint32_t lease_id;      // of this very holding, not of its file; 0: none

struct lease {
    uint64_t device, inode;     // the file's for as long as the lease is held
    uint64_t size;              // when the lease began
    int fd;
    bool has_digest;            // of the content since the lease began, by whoever computed it
    uint8_t digest[LEASE_DIGEST_BYTES];
    uint64_t ignored;           // the questions that the kernel does not ask, as a fanotify mask
    int64_t ignored_us;         // since when
};

typedef void lease_visitor(void *context, struct lease *lease);

struct lease_counts {
    uint32_t held;
    uint64_t taken;
    uint64_t refused;           // by the kernel, since somebody has the file open for writing, or since there are too many
    uint64_t broken;            // let go for a writer, or since the file was emptied
    uint64_t given_up;          // for idleness, for newer ones, or since the file has no name left
};

struct lease_slot {
    struct lease lease;
    uint32_t generation;
    uint16_t next_in_bucket, newer, older;
    bool is_held;
    int64_t used_us;
};

struct leases {
    pthread_mutex_t mutex;
    uint32_t most;
    struct lease_slot *slots;               // LEASES_MAX
    uint16_t buckets[LEASE_BUCKETS];
    uint16_t first_free, last_free;         // in turn, so that an id comes again after all others alone
    uint16_t oldest, newest;
    uint32_t held;
    int *closing;                           // let go, and not closed yet
    uint32_t closing_count;
    bool is_full;                           // somebody found it so: the keeper makes room
    bool is_over;                           // all are to be given up
    lease_visitor *letting_go;
    void *context;
    int64_t idle_us;
    struct lease_counts counts;
    int signals, wake, closer_wake;
    atomic_bool stopping;
    pthread_t keeper, closer;
    bool keeper_started, closer_started;
};

// At most `most` are held, LEASES_MAX if that is less: each takes a descriptor, and a question for which there is none left is
// denied. `letting_go` is called for each before it is let go, and is to take back what depends on it. False with a sentence.
bool leases_start(struct leases *leases, uint32_t most, int64_t idle_us, lease_visitor *letting_go, void *context,
                  char *error, size_t error_size);
// All are let go. Idempotent, also after a start that failed or was never made (zeroed).
void leases_stop(struct leases *leases);

// The lease on the regular file that `fd` is open for reading at, which has this device and inode: the one that is held, or
// a new one. 0: refused. What is to be known of the content is to be read after this. `fd` stays the caller's. Never waits.
lease_id leases_take(struct leases *leases, int fd, uint64_t device, uint64_t inode);

// Visits the lease if it has been held ever since it was given; it counts as used. False: it was let go.
bool leases_visit(struct leases *leases, lease_id id, lease_visitor *visit, void *context);
// The same for the lease that is held on the file of this device, inode and size (or LEASE_ANY_SIZE). False: none is.
bool leases_visit_file(struct leases *leases, uint64_t device, uint64_t inode, uint64_t size, lease_visitor *visit,
                       void *context);
void leases_visit_all(struct leases *leases, lease_visitor *visit, void *context);

// Nobody has a use for any of them: the keeper gives them up, soon.
void leases_give_up_all(struct leases *leases);

struct lease_counts leases_counts(struct leases *leases);

#endif
