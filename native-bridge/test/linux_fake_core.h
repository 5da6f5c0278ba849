// A core for the Linux backend's tests: records what it is given, answers by the last part of the file's path.
//   …denied…  deny        …held…  no answer        all else  allow
// Included by one test each; all functions are its own.
#ifndef PICKET_TEST_LINUX_FAKE_CORE_H
#define PICKET_TEST_LINUX_FAKE_CORE_H

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/backends.h"
#include "core/event_encoder.h"
#include "core/policy.h"
#include "core/wire.h"

enum { RECORDS_MAX = 4096, TEXT_MAX = 600, RECORD_ARGS = 8, WAIT_SECONDS = 60 };

struct record_process {
    char executable[TEXT_MAX], cwd[TEXT_MAX], entity_id[64], user[64];
    char args[RECORD_ARGS][64];
    size_t args_count, variables_count;
    uint32_t pid, uid;
    uint64_t start_ns;
    bool unresolved, has_user;
    int exit_code;
};

struct record {
    uint32_t kind;
    char action[16];
    struct record_process process, parent, previous;
    char path[TEXT_MAX], target[TEXT_MAX], script[TEXT_MAX];
    bool path_unresolved, exempt, never_denied;
    uint64_t inode, size;
    uint32_t links, stage;
    bool has_previous, mount_guarded;
};

static struct backend *backend;
static pthread_mutex_t record_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t record_added = PTHREAD_COND_INITIALIZER;
static struct record records[RECORDS_MAX];
static size_t records_count;
static uint64_t held_tokens[64];
static size_t held_count;
static unsigned losses;
// Not NULL: judges instead of the path, and may have the backend remember, or answer later (VERDICT_DEFER).
static enum verdict (*judge)(uint64_t token);

static void copy_text(char *out, size_t capacity, struct bytes text)
{
    size_t length = text.length < capacity - 1 ? text.length : capacity - 1;
    if (length > 0)
        memcpy(out, text.data, length);
    out[length] = 0;
}

// Field numbers are those of proto/picket/v1/event.proto.
static void decode_process(struct bytes message, struct record *record, struct record_process *out)
{
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        switch (field.tag) {
        case 1: copy_text(out->executable, sizeof out->executable, field.bytes); break;
        case 2: out->pid = (uint32_t)field.number; break;
        case 3: copy_text(out->entity_id, sizeof out->entity_id, field.bytes); break;
        case 4:
            if (out->args_count < RECORD_ARGS)
                copy_text(out->args[out->args_count], sizeof out->args[0], field.bytes);
            out->args_count++;
            break;
        case 5: copy_text(out->cwd, sizeof out->cwd, field.bytes); break;
        case 6: out->start_ns = field.number; break;
        case 7: {
            struct wire_reader user;
            struct wire_field part;
            out->has_user = true;
            wire_reader_init(&user, field.bytes);
            while (wire_next(&user, &part)) {
                if (part.tag == 1) out->uid = (uint32_t)part.number;
                if (part.tag == 2) copy_text(out->user, sizeof out->user, part.bytes);
            }
            break;
        }
        case 10: decode_process(field.bytes, record, &record->parent); break;
        case 11:
            record->has_previous = true;
            decode_process(field.bytes, record, &record->previous);
            break;
        case 14: out->exit_code = (int)(field.number >> 1) ^ -(int)(field.number & 1); break;
        case 15: out->unresolved = field.number != 0; break;
        case 16: out->variables_count++; break;
        default: break;
        }
    }
}

static void decode_file(struct bytes message, struct record *record)
{
    struct wire_reader reader;
    struct wire_field field;
    wire_reader_init(&reader, message);
    while (wire_next(&reader, &field)) {
        switch (field.tag) {
        case 1: copy_text(record->path, sizeof record->path, field.bytes); break;
        case 2: record->path_unresolved = field.number != 0; break;
        case 3: copy_text(record->target, sizeof record->target, field.bytes); break;
        case 4: record->inode = field.number; break;
        case 6: record->size = field.number; break;
        case 10: record->links = (uint32_t)field.number; break;
        default: break;
        }
    }
}

static void decode_event(const struct encoded_event *event, struct record *record)
{
    struct wire_reader reader;
    struct wire_field field;
    memset(record, 0, sizeof *record);
    record->kind = event->kind;
    wire_reader_init(&reader, (struct bytes){event->data, event->length});
    while (wire_next(&reader, &field)) {
        if (field.tag == 4) copy_text(record->action, sizeof record->action, field.bytes);
        if (field.tag == 8) decode_process(field.bytes, record, &record->process);
        if (field.tag == 9) decode_file(field.bytes, record);
        if (field.tag == 23) {
            struct wire_reader mount;
            struct wire_field part;
            wire_reader_init(&mount, field.bytes);
            while (wire_next(&mount, &part)) {
                if (part.tag == 1) copy_text(record->path, sizeof record->path, part.bytes);
                if (part.tag == 4) record->mount_guarded = part.number != 0;
            }
        }
        if (field.tag == 10) {
            struct wire_reader exec;
            struct wire_field part;
            wire_reader_init(&exec, field.bytes);
            while (wire_next(&exec, &part)) {
                if (part.tag == 1) record->stage = (uint32_t)part.number;
                if (part.tag == 2) copy_text(record->script, sizeof record->script, part.bytes);
            }
        }
    }
}

static bool contains(struct bytes text, const char *part)
{
    return text.length > 0 && memmem(text.data, text.length, part, strlen(part)) != NULL;
}

static struct record *add_record(const struct encoded_event *event)
{
    struct record *record = &records[records_count < RECORDS_MAX - 1 ? records_count++ : RECORDS_MAX - 1];
    decode_event(event, record);
    pthread_cond_broadcast(&record_added);
    return record;
}

void core_auth(struct core *core, const struct auth_subject *subject, const struct auth_event *event, uint64_t token)
{
    (void)core;
    event->gather(event->context);
    struct encoded_event encoded = event->encode(event->context);
    pthread_mutex_lock(&record_lock);
    struct record *record = add_record(&encoded);
    record->exempt = subject->actor_exempt;
    record->never_denied = subject->target_never_denied;
    bool spared = subject->actor_exempt || subject->target_never_denied;
    bool held = !spared && contains(subject->file_path, "held") && held_count < 64;
    if (held)
        held_tokens[held_count++] = token;
    pthread_mutex_unlock(&record_lock);
    enum verdict verdict = !spared && contains(subject->file_path, "denied") ? VERDICT_DENY : VERDICT_ALLOW;
    if (judge && !spared)
        verdict = judge(token);
    if (!held && verdict != VERDICT_DEFER)
        backend->respond(backend->state, token, verdict);
}

void core_notify(struct core *core, const struct encoded_event *event)
{
    (void)core;
    pthread_mutex_lock(&record_lock);
    add_record(event);
    pthread_mutex_unlock(&record_lock);
}

uint32_t core_account_bound(const struct core *core)
{
    (void)core;
    return UINT32_MAX;
}

void core_crowd(struct core *core, uint64_t account)
{
    (void)core;
    (void)account;
}

void core_unheard(struct core *core)
{
    (void)core;
}

void core_hashed(struct core *core, const struct content_hash *hash)
{
    (void)core, (void)hash;
}

void core_containers(struct core *core, const struct container_counts *counts)
{
    (void)core;
    (void)counts;
}

void core_loss(struct core *core, const char *cause, uint32_t kind, const char *action, uint64_t count)
{
    (void)core;
    if (strcmp(cause, "arguments_unread") == 0)
        return;  // of any process of this machine, where readers have to wait for a processor
    fprintf(stderr, "  loss: %s kind %u %s %llu\n", cause, kind, action, (unsigned long long)count);
    pthread_mutex_lock(&record_lock);
    losses++;
    pthread_mutex_unlock(&record_lock);
}

void core_end_of_source(struct core *core)
{
    (void)core;
}

typedef bool (*record_test)(const struct record *record, const void *context);

// The first record from `*from` on that passes, copied; waits for it. False: none came in time.
static bool wait_for_record(size_t *from, record_test test, const void *context, struct record *found)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_SECONDS;
    pthread_mutex_lock(&record_lock);
    bool passed = false;
    for (;;) {
        while (!passed && *from < records_count) {
            passed = test(&records[*from], context);
            if (passed)
                *found = records[*from];
            ++*from;
        }
        if (passed || pthread_cond_timedwait(&record_added, &record_lock, &until) != 0)
            break;
    }
    pthread_mutex_unlock(&record_lock);
    return passed;
}

static size_t records_so_far(void)
{
    pthread_mutex_lock(&record_lock);
    size_t count = records_count;
    pthread_mutex_unlock(&record_lock);
    return count;
}

#endif
