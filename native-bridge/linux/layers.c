#include "layers.h"

#include <stdlib.h>
#include <string.h>

enum { LAYERS_BYTES = 65536 };

// `list`: paths with colons between them, which a backslash makes part of a name.
static char *next_path(char **list)
{
    char *path = *list, *to = path, *at = path;
    if (*path == 0)
        return NULL;
    for (; *at && *at != ':'; at++) {
        if (*at == '\\' && at[1])
            at++;
        *to++ = *at;
    }
    *list = *at ? at + 1 : at;
    *to = 0;
    return path;
}

static bool passes(const struct mount_table *own, const char *path, layer_test test, void *context)
{
    const struct mount *layer = *path == '/' ? mount_table_over(own, path) : NULL;
    return layer && test(context, layer);
}

bool layers_all(const struct mount_table *own, const struct mount *overlay, layer_test test, void *context)
{
    static const struct {
        const char *name;
        bool is_list;
    } options[] = {{"lowerdir", true}, {"lowerdir+", false}, {"datadir+", false}, {"upperdir", false}};
    char *value = malloc(LAYERS_BYTES);
    bool all = value != NULL, any = false;
    for (size_t i = 0; all && i < sizeof options / sizeof *options; i++) {
        const char *rest = overlay->options;
        while (all && mount_option_next(&rest, options[i].name, value, LAYERS_BYTES)) {
            any = true;
            char *list = value, *path = value;
            if (!options[i].is_list)
                all = passes(own, value, test, context);
            // Data-only layers stand behind a double colon: an empty path is no layer.
            while (options[i].is_list && all && (path = next_path(&list)) != NULL)
                all = *path == 0 || passes(own, path, test, context);
        }
    }
    free(value);
    return all && any;
}

static bool is_local(void *context, const struct mount *layer)
{
    if (layer->kind != FILESYSTEM_LOCAL)
        *(enum filesystem_kind *)context = layer->kind;
    return layer->kind == FILESYSTEM_LOCAL;
}

const char *layers_refusal(const struct mount_table *own, const struct mount *overlay)
{
    enum filesystem_kind problem = FILESYSTEM_UNKNOWN;
    if (strcmp(overlay->type, "overlay") != 0)
        return "it stacks on other filesystems in a way that is not known";
    if (layers_all(own, overlay, is_local, &problem))
        return NULL;
    switch (problem) {
    case FILESYSTEM_SERVED:
        return "one of its layers is served by another process or machine, which could hold up every question by not "
               "answering";
    case FILESYSTEM_STACKED:
        return "one of its layers lies on another overlay";
    default:
        return "it can't be told on which filesystems its layers lie";
    }
}
