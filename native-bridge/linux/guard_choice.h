// Which of the filesystems that are mounted a policy has guarded, besides those it names.
//
// Threading: guard_only_below() once, before the backend starts; all else only reads.
#ifndef PICKET_LINUX_GUARD_CHOICE_H
#define PICKET_LINUX_GUARD_CHOICE_H

#include "core/policy.h"
#include "mount_inventory.h"

// Nothing that has a mount outside of this folder is ever marked, whoever asks for it. False: it can't be resolved.
bool guard_only_below(const char *folder);

// Why that limit forbids to mark the filesystem; NULL: it does not.
const char *guard_limit_refusal(const struct found_filesystem *found);

// Is it to be guarded, if it can be?
bool guard_is_wanted(const struct policy *policy, const struct found_filesystem *found);

// Says that and why a filesystem is not guarded.
void guard_sentence(const struct found_filesystem *found, const char *why, char *sentence, size_t size);

// Can somebody have files there, so that it is worth a word that nobody is asked about them?
bool guard_is_worth_a_word(const struct found_filesystem *found);

#endif
