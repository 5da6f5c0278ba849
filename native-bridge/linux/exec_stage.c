#include "exec_stage.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "canonical_path.h"

// What the kernel itself reads of a file first (BINPRM_BUF_SIZE): no more is in memory for sure. Headers as it bounds them.
enum { HEAD_BYTES = 256, HEADERS_BYTES = 4096 };

struct program_header {
    uint32_t type;
    uint64_t offset, size;
};

static bool script_next(const uint8_t *head, size_t length, struct exec_next *next)
{
    // The kernel's own reading: blanks are skipped, the path ends at a blank or the line's end, within 256 bytes.
    const uint8_t *at = head + 2, *end = head + (length < EXEC_NEXT_BYTES ? length : EXEC_NEXT_BYTES);
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    size_t size = 0;
    while (at + size < end && at[size] != ' ' && at[size] != '\t' && at[size] != '\n' && at[size] != 0)
        size++;
    if (size == 0 || size >= sizeof next->path)
        return true;
    memcpy(next->path, at, size);
    next->path[size] = 0;
    next->stage = EXEC_STAGE_INTERPRETER;
    return true;
}

static struct program_header header_at(const uint8_t *headers, bool wide, size_t at)
{
    if (wide) {
        Elf64_Phdr raw;
        memcpy(&raw, headers + at, sizeof raw);
        return (struct program_header){raw.p_type, raw.p_offset, raw.p_filesz};
    }
    Elf32_Phdr raw;
    memcpy(&raw, headers + at, sizeof raw);
    return (struct program_header){raw.p_type, raw.p_offset, raw.p_filesz};
}

static bool loader_next(exec_peek peek, void *context, const struct program_header *header, struct exec_next *next)
{
    if (header->size < 2 || header->size > sizeof next->path)
        return true;
    char path[EXEC_NEXT_BYTES];
    long got = peek(context, path, (size_t)header->size, header->offset);
    if (got < 0)
        return false;
    if ((uint64_t)got != header->size || path[got - 1] != 0)
        return true;
    memcpy(next->path, path, (size_t)got);
    next->stage = EXEC_STAGE_LOADER;
    return true;
}

static bool program_next(exec_peek peek, void *context, const uint8_t *head, size_t length, struct exec_next *next)
{
    bool wide = head[EI_CLASS] == ELFCLASS64;
    uint64_t offset;
    size_t size, count, least = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    if (wide && length >= sizeof(Elf64_Ehdr)) {
        Elf64_Ehdr raw;
        memcpy(&raw, head, sizeof raw);
        offset = raw.e_phoff, size = raw.e_phentsize, count = raw.e_phnum;
    } else if (!wide && length >= sizeof(Elf32_Ehdr)) {
        Elf32_Ehdr raw;
        memcpy(&raw, head, sizeof raw);
        offset = raw.e_phoff, size = raw.e_phentsize, count = raw.e_phnum;
    } else {
        return true;
    }
    uint8_t headers[HEADERS_BYTES];
    if (size < least || count == 0 || size * count > sizeof headers)
        return true;
    long got = peek(context, headers, size * count, offset);
    if (got < 0)
        return false;
    for (size_t at = 0; at + least <= (size_t)got; at += size) {
        struct program_header header = header_at(headers, wide, at);
        if (header.type == PT_INTERP)
            return loader_next(peek, context, &header, next);
    }
    return true;
}

bool exec_next_of(exec_peek peek, void *context, struct exec_next *next)
{
    uint8_t head[HEAD_BYTES];
    next->stage = EXEC_STAGE_NONE;
    next->path[0] = 0;
    long length = peek(context, head, sizeof head, 0);
    if (length < 0)
        return false;
    if (length >= 2 && head[0] == '#' && head[1] == '!')
        return script_next(head, (size_t)length, next);
    if (length > EI_CLASS && memcmp(head, ELFMAG, SELFMAG) == 0)
        return program_next(peek, context, head, (size_t)length, next);
    return true;
}

// ---- over real files

struct peeked_file {
    int fd;
    bool reads_never_block;
};

static long peek_file(void *context, void *out, size_t length, uint64_t offset)
{
    const struct peeked_file *file = context;
    struct iovec part = {out, length};
    ssize_t got = preadv2(file->fd, &part, 1, (off_t)offset, RWF_NOWAIT);
    if (got < 0 && errno == EOPNOTSUPP && file->reads_never_block)
        got = pread(file->fd, out, length, (off_t)offset);
    return got;
}

static void let_go(struct exec_slot *slot)
{
    if (slot->undecided)
        close(slot->kept_fd);
    slot->undecided = false;
}

static struct exec_slot *find(struct exec_stages *stages, uint32_t pid)
{
    for (size_t i = 0; i < EXEC_SLOTS; i++)
        if (stages->slots[i].pid == pid)
            return &stages->slots[i];
    return NULL;
}

static struct exec_slot *claim(struct exec_stages *stages, uint32_t pid)
{
    struct exec_slot *oldest = &stages->slots[0];
    for (size_t i = 0; i < EXEC_SLOTS && oldest->pid != 0; i++)
        if (stages->slots[i].pid == 0 || stages->slots[i].used < oldest->used)
            oldest = &stages->slots[i];
    let_go(oldest);
    oldest->pid = pid;
    oldest->script_length = 0;
    return oldest;
}

void exec_stages_init(struct exec_stages *stages)
{
    memset(stages, 0, sizeof *stages);
}

// What the file before announced, looked up late if its content was not in memory then: by now the kernel has read it.
static void settle(struct exec_slot *slot)
{
    if (!slot->undecided)
        return;
    struct peeked_file file = {slot->kept_fd, slot->reads_never_block};
    if (!exec_next_of(peek_file, &file, &slot->next))
        slot->next.stage = EXEC_STAGE_NONE;
    let_go(slot);
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_announced(const struct exec_slot *slot, const struct exec_question *question)
{
    if (slot->next.stage == EXEC_STAGE_NONE)
        return false;
    if (is_cached_name_of(question->pid, slot->next.path, question->fd))
        return true;
    const char *name = name_of(slot->next.path);
    size_t length = strlen(name);
    return length > 0 && question->path.length > length &&
           question->path.data[question->path.length - length - 1] == '/' &&
           memcmp(question->path.data + question->path.length - length, name, length) == 0;
}

struct exec_answer exec_stage_ask(struct exec_stages *stages, const struct exec_question *question)
{
    struct exec_answer answer = {EXEC_STAGE_PROGRAM, {NULL, 0}};
    struct exec_slot *slot = find(stages, question->pid);
    if (slot) {
        settle(slot);
        if (is_announced(slot, question)) {
            answer.stage = slot->next.stage;
            answer.script = (struct bytes){slot->script, slot->script_length};
        } else {
            slot->script_length = 0;
        }
    } else {
        slot = claim(stages, question->pid);
    }
    slot->used = ++stages->clock;

    struct peeked_file file = {question->fd, question->reads_never_block};
    if (!exec_next_of(peek_file, &file, &slot->next)) {
        slot->kept_fd = fcntl(question->fd, F_DUPFD_CLOEXEC, 3);
        slot->undecided = slot->kept_fd >= 0;
        slot->reads_never_block = question->reads_never_block;
    }
    if (answer.stage == EXEC_STAGE_PROGRAM && slot->next.stage == EXEC_STAGE_INTERPRETER &&
        question->path.length <= EXEC_SCRIPT_BYTES) {
        slot->script_length = (uint16_t)question->path.length;
        memcpy(slot->script, question->path.data, question->path.length);
    }
    if (slot->next.stage == EXEC_STAGE_NONE && !slot->undecided)
        slot->pid = 0;  // nothing follows; its script stays readable until the slot is claimed
    return answer;
}

void exec_stage_forget(struct exec_stages *stages, uint32_t pid)
{
    struct exec_slot *slot = find(stages, pid);
    if (slot) {
        let_go(slot);
        slot->pid = 0;
    }
}

void exec_stages_close(struct exec_stages *stages)
{
    for (size_t i = 0; i < EXEC_SLOTS; i++)
        let_go(&stages->slots[i]);
}
