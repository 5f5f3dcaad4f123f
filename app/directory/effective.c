/*
 * Effective: finds the groups of a user.
 *
 * Reads memberOf of the user, then of all groups of one level with one search, and so on. The
 * matching rule 1.2.840.113556.1.4.1941, by which the directory itself finds nested groups, gives
 * no paths, and Samba returns a part of the groups with it if its Recycle Bin is on.
 *
 * The groups form a graph: an edge leads from a group to each group that has it as a member. Each
 * group is read once. Paths are found in a second pass without requests, in the order of their
 * lengths (breadth first), each by extending the paths to the members of a group.
 *
 * For a caller that does not see all entries, the graph consists of the groups that it sees: a
 * hidden group is not read, so that neither a group to which it leads nor the number of searches
 * shows it.
 */
#include "directory/effective.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/config.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/entry.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/primary.h"
#include "directory/query.h"
#include "directory/result.h"

#include <ldap.h>
#include <string.h>

enum {
    FIRST_NODES = 64, /* initial capacity of the graph */
    /* Limits of one search: a controller returns at most 1,000 objects, and Samba accepts requests
     * of at most 256,000 bytes. */
    BATCH_GROUPS = 200,
    BATCH_BYTES = 60000,
};

/* --- the graph ------------------------------------------------------------------------------- */

/* A path to a group: the last step, which is linked to the steps before it. */
struct step {
    struct step *next; /* the next path to the same group */
    const struct step *before;
    size_t node, length;
};

struct node {
    const char *dn, *cn, *guid;
    enum directory_group_kind kind;
    const size_t *parents; /* indices of the groups that have this group as a member */
    size_t parents_count;
    size_t level; /* length of the shortest path */
    struct step *paths, **paths_end;
    size_t paths_count;
    bool more_paths;
};

struct graph {
    const struct directory *directory;
    struct arena *arena;
    struct node *nodes;
    size_t count, size;
    size_t *slots; /* hash table: index of a node plus one; 0: free */
    size_t slots_size;
};

/* Returns a hash (FNV-1a) of a DN without regard to the case of ASCII letters. */
static size_t hash_dn(const char *dn)
{
    static const uint64_t prime = 1099511628211U;
    uint64_t hash = 14695981039346656037U;
    for (const char *c = dn; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        hash = (hash ^ (byte >= 'A' && byte <= 'Z' ? byte | 0x20U : byte)) * prime;
    }
    return hash;
}

/* Returns the slot of the DN, or a free one. */
static size_t *find_node_slot(const struct graph *graph, const char *dn)
{
    size_t at = hash_dn(dn) % graph->slots_size;
    while (graph->slots[at] && strcasecmp(graph->nodes[graph->slots[at] - 1].dn, dn) != 0) {
        at = (at + 1) % graph->slots_size;
    }
    return &graph->slots[at];
}

static void grow_graph(struct graph *graph)
{
    size_t size = graph->size ? 2 * graph->size : FIRST_NODES;
    struct node *nodes = arena_array(graph->arena, size, sizeof *nodes);
    if (graph->count) {
        memcpy(nodes, graph->nodes, graph->count * sizeof *nodes);
    }
    graph->nodes = nodes;
    graph->size = size;
    graph->slots_size = 2 * size;
    graph->slots = arena_array(graph->arena, graph->slots_size, sizeof *graph->slots);
    for (size_t i = 0; i < graph->count; i++) {
        *find_node_slot(graph, nodes[i].dn) = i + 1;
    }
}

/* Returns the index of the group, which is added at this level if the graph does not have it. */
static size_t add_node(struct graph *graph, const char *dn, enum directory_group_kind kind,
                       size_t level)
{
    if (graph->count == graph->size) {
        grow_graph(graph);
    }
    size_t *slot = find_node_slot(graph, dn);
    if (!*slot) {
        graph->nodes[graph->count++] = (struct node){.dn = dn, .kind = kind, .level = level};
        *slot = graph->count;
    }
    return *slot - 1;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Adds the groups of memberOf that the caller sees at this level. Returns their indices. */
static const size_t *add_parents(struct graph *graph, const struct attribute *groups,
                                 enum directory_group_kind kind, size_t level, size_t *count_r)
{
    size_t *parents = arena_array(graph->arena, groups ? groups->count : 0, sizeof *parents);
    *count_r = 0;
    for (size_t i = 0; groups && i < groups->count; i++) {
        const char *dn = groups->values[i].bv_val;
        if (caller_sees(graph->directory, dn)) {
            parents[(*count_r)++] = add_node(graph, dn, kind, level);
        }
    }
    return parents;
}

/* Reads the remaining values of long attributes, as memberOf may be. */
static struct error *complete_attributes(struct directory *directory, struct arena *arena,
                                         const struct raw_entry *raw)
{
    struct error *error = NULL;
    for (size_t i = 0; !error && i < raw->count; i++) {
        error = entry_complete_attribute(directory, arena, raw->dn, &raw->attributes[i]);
    }
    return error;
}

/* Returns the index of the group plus one; 0 if the graph does not have it. Because the directory
 * may spell a DN in two ways, also compares it with each group from index `first` to `end`. */
static size_t find_node(const struct graph *graph, const char *dn, size_t first, size_t end)
{
    size_t found = *find_node_slot(graph, dn);
    while (!found && first < end) {
        found = names_equal(graph->nodes[first].dn, dn) ? first + 1 : 0;
        first++;
    }
    return found;
}

/* Completes the group at an index of the graph, and adds the groups that it is a member of. */
static struct error *add_group_entry(struct directory *directory, struct graph *graph, size_t index,
                                     const struct raw_entry *raw)
{
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    const struct attribute *cn = attribute_get(raw, "cn");
    size_t level = graph->nodes[index].level + 1, count;
    struct error *error = complete_attributes(directory, graph->arena, raw);
    if (error) {
        return error;
    }
    const size_t *parents =
        add_parents(graph, attribute_get(raw, "memberOf"), DIRECTORY_GROUP_NESTED, level, &count);
    struct node *node = &graph->nodes[index]; /* add_parents() may have moved the nodes */
    node->parents = parents;
    node->parents_count = count;
    node->cn = cn ? cn->values->bv_val : NULL;
    if (guid && !codec_guid(graph->arena, guid->values, &node->guid)) {
        node->guid = NULL;
    }
    return NULL;
}

/* Returns a filter that matches the groups from index *at_r on, as many as one search may read, and
 * moves *at_r behind them. */
static const char *format_batch_filter(const struct graph *graph, size_t end, size_t *at_r)
{
    struct buffer filter = {.arena = graph->arena};
    buffer_add_string(&filter, "(|");
    for (size_t count = 0; *at_r < end && count < BATCH_GROUPS && filter.length < BATCH_BYTES;
         count++) {
        buffer_format(&filter, "(distinguishedName=%s)",
                      names_filter_value(graph->arena, graph->nodes[(*at_r)++].dn));
    }
    buffer_add_char(&filter, ')');
    return filter.bytes;
}

/* Reads the groups of one level: from index `first` to `end`. */
static struct error *read_level(struct directory *directory, struct graph *graph, size_t first,
                                size_t end)
{
    char *attributes[] = {"cn", "objectGUID", "memberOf", NULL};
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    const char *base = connection_config(directory)->ldap_base_dn;
    const char *domain = names_domain(graph->arena, base);
    for (size_t at = first; at < end;) {
        struct answer answer;
        const struct query search = {
            .base = domain ? domain : base,
            .scope = LDAP_SCOPE_SUBTREE,
            .filter = format_batch_filter(graph, end, &at),
            .attributes = attributes,
            .controls = controls,
        };
        struct error *error = query_run(directory, graph->arena, &search, &answer);
        if (!error && answer.code != LDAP_SUCCESS) {
            error = result_error(graph->arena, &answer, NULL, "search for groups");
        }
        for (size_t i = 0; !error && i < answer.count; i++) {
            size_t found = find_node(graph, answer.entries[i].dn, first, end);
            if (found) { /* otherwise the group was renamed meanwhile */
                error = add_group_entry(directory, graph, found - 1, &answer.entries[i]);
            }
        }
        if (error) {
            return error;
        }
    }
    return NULL;
}

/* Finds the user, and adds the direct groups and the primary group. */
static struct error *read_user_groups(struct directory *directory, struct graph *graph,
                                      const char *name, const char *parent_dn)
{
    char *attributes[] = {"objectGUID", "objectSid", "primaryGroupID", "memberOf", NULL};
    struct raw_entry *raw;
    const char *primary = NULL;
    size_t count;
    struct error *error = query_user(directory, graph->arena, name, parent_dn, attributes, &raw);
    if (!error) {
        error = complete_attributes(directory, graph->arena, raw);
    }
    if (!error) {
        error = primary_group_dn(directory, graph->arena, raw, &primary);
    }
    if (error) {
        return error;
    }
    if (primary && caller_sees(directory, primary)) {
        add_node(graph, primary, DIRECTORY_GROUP_PRIMARY, 1);
    }
    (void)add_parents(graph, attribute_get(raw, "memberOf"), DIRECTORY_GROUP_DIRECT, 1, &count);
    return NULL;
}

/* --- paths ----------------------------------------------------------------------------------- */

/* Numbers of DNs that may still be added: in shortest paths, and in further paths. */
struct allowance {
    size_t shortest, further;
};

/* Shares DIRECTORY_PATH_DNS_MAX: a shortest path to each group has priority. */
static struct allowance compute_allowance(const struct graph *graph)
{
    size_t needed = 0;
    for (size_t i = 0; i < graph->count; i++) {
        needed += graph->nodes[i].level;
    }
    size_t further = needed < DIRECTORY_PATH_DNS_MAX ? DIRECTORY_PATH_DNS_MAX - needed : 0;
    return (struct allowance){DIRECTORY_PATH_DNS_MAX - further, further};
}

/* True if the path contains the group. */
static bool has_step(const struct step *step, size_t node)
{
    while (step && step->node != node) {
        step = step->before;
    }
    return step;
}

/* Adds a path to a group: a path to one of its members and one step more. Returns NULL if the path
 * would run in a circle or exceed a limit. */
static struct step *add_path(struct graph *graph, const struct step *before, size_t index,
                             struct allowance *allowance)
{
    struct node *node = &graph->nodes[index];
    size_t length = before ? before->length + 1 : 1;
    size_t *left = node->paths_count ? &allowance->further : &allowance->shortest;
    if (has_step(before, index)) {
        return NULL;
    }
    if (node->paths_count == DIRECTORY_PATHS_MAX || length > *left) {
        node->more_paths = true;
        return NULL;
    }
    *left -= length;
    struct step *step = arena_alloc(graph->arena, sizeof *step);
    *step = (struct step){.before = before, .node = index, .length = length};
    *node->paths_end = step;
    node->paths_end = &step->next;
    node->paths_count++;
    return step;
}

/* A queue of steps, in the order of their lengths. */
struct step_queue {
    const struct step **steps;
    size_t count;
};

static void queue_step(struct step_queue *queue, const struct step *step)
{
    if (step) {
        queue->steps[queue->count++] = step;
    }
}

/* Finds the paths, the shortest ones first. */
static void find_paths(struct graph *graph)
{
    struct allowance allowance = compute_allowance(graph);
    struct step_queue queue = {
        .steps =
            arena_array(graph->arena, graph->count * DIRECTORY_PATHS_MAX, sizeof *queue.steps)};
    for (size_t i = 0; i < graph->count; i++) {
        graph->nodes[i].paths_end = &graph->nodes[i].paths;
    }
    for (size_t i = 0; i < graph->count && graph->nodes[i].level == 1; i++) {
        queue_step(&queue, add_path(graph, NULL, i, &allowance));
    }
    for (size_t at = 0; at < queue.count; at++) {
        const struct node *node = &graph->nodes[queue.steps[at]->node];
        for (size_t i = 0; i < node->parents_count; i++) {
            queue_step(&queue, add_path(graph, queue.steps[at], node->parents[i], &allowance));
        }
    }
}

/* Sets `more_paths` of groups without a path, and of all groups above a group with `more_paths`: a
 * path that was omitted below is missing above, too. */
static void spread_more_paths(struct graph *graph)
{
    size_t *marked = arena_array(graph->arena, graph->count, sizeof *marked), count = 0;
    for (size_t i = 0; i < graph->count; i++) {
        graph->nodes[i].more_paths |= !graph->nodes[i].paths_count;
        if (graph->nodes[i].more_paths) {
            marked[count++] = i;
        }
    }
    for (size_t at = 0; at < count; at++) {
        const struct node *node = &graph->nodes[marked[at]];
        for (size_t i = 0; i < node->parents_count; i++) {
            struct node *parent = &graph->nodes[node->parents[i]];
            if (!parent->more_paths) {
                parent->more_paths = true;
                marked[count++] = node->parents[i];
            }
        }
    }
}

/* --- results --------------------------------------------------------------------------------- */

static struct field_strings list_steps(const struct graph *graph, const struct step *step)
{
    const char **dns = arena_array(graph->arena, step->length, sizeof *dns);
    struct field_strings path = {dns, step->length};
    for (size_t i = step->length; i > 0; i--) {
        dns[i - 1] = graph->nodes[step->node].dn;
        step = step->before;
    }
    return path;
}

static void list_groups(const struct graph *graph, struct directory_groups *groups_r)
{
    struct directory_group *list = arena_array(graph->arena, graph->count, sizeof *list);
    for (size_t i = 0; i < graph->count; i++) {
        const struct node *node = &graph->nodes[i];
        struct directory_group *group = &list[i];
        *group = (struct directory_group){
            .dn = node->dn,
            .cn = node->cn,
            .guid = node->guid,
            .kind = node->kind,
            .paths = arena_array(graph->arena, node->paths_count, sizeof *group->paths),
            .more_paths = node->more_paths,
        };
        for (const struct step *step = node->paths; step; step = step->next) {
            group->paths[group->paths_count++] = list_steps(graph, step);
        }
    }
    *groups_r = (struct directory_groups){list, graph->count};
}

/* Removes the nested groups, which the request does not ask for. */
static void drop_nested_groups(struct graph *graph, size_t count)
{
    graph->count = count;
    for (size_t i = 0; i < count; i++) {
        graph->nodes[i].parents_count = 0;
    }
}

struct error *directory_read_groups(struct directory *directory, struct arena *arena,
                                    const char *name, const char *parent_dn, bool nested,
                                    struct directory_groups *groups_r)
{
    struct graph graph = {.directory = directory, .arena = arena};
    connection_begin_call(directory);
    struct error *error = read_user_groups(directory, &graph, name, parent_dn);
    size_t direct = graph.count;
    for (size_t first = 0, end = direct; !error && first < end; end = graph.count) {
        error = read_level(directory, &graph, first, end);
        first = nested ? end : graph.count;
    }
    if (error) {
        return error;
    }
    if (!nested) {
        drop_nested_groups(&graph, direct);
    }
    find_paths(&graph);
    spread_more_paths(&graph);
    list_groups(&graph, groups_r);
    return NULL;
}
