// SPDX-License-Identifier: Apache-2.0
/* Passes over links between contexts: down through the children maps, up to the parent that can be cancelled. */
#include "memory/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Slots of all children maps together, for each candidate: maps that once were large stay large. */
#define SLOTS_PER_CANDIDATE 256
#define SLOTS_LEAST (UINT64_C(1) << 22)

#define HOPS_MAX UINT16_MAX
#define HOPS_PER_CONTEXT 256
#define HOPS_LEAST (UINT64_C(1) << 18) /* a few contexts on a chain that has grown for days */
#define BREATHE 4096

static uint8_t kind_of(uint8_t concrete)
{
	switch (concrete) {
	case CT_CONCRETE_TIMER:
		return CT_KIND_DEADLINE;
	case CT_CONCRETE_AFTER_FUNC:
		return CT_KIND_AFTER_FUNC;
	default:
		return CT_KIND_CANCEL;
	}
}

struct visiting {
	struct ct_scan *scan;
	struct ct_candidate *parent;
	uint64_t visited, odd_keys;
};

/* One that was made or has ended since the contexts were read is of its size all the same. */
static void weigh_place(struct ct_scan *scan, uint64_t address, uint8_t concrete)
{
	if (concrete == CT_CONCRETE_CANCEL || concrete == CT_CONCRETE_TIMER || concrete == CT_CONCRETE_AFTER_FUNC)
		ct_weigh_size(scan, scan->evidence.linked, address, kind_of(concrete));
}

/* A key {itab of context.canceler, context}: only the library makes such itabs. */
static void visit_child(void *opaque, uint64_t word, uint64_t data)
{
	struct visiting *visiting = opaque;
	struct ct_itab itab = ct_itabs_look(&visiting->scan->census->itabs, word);
	struct ct_candidate *child;

	if (++visiting->visited % BREATHE == 0)
		ct_scan_breathe(visiting->scan);
	if (itab.interface != CT_INTERFACE_CANCELER) {
		visiting->odd_keys++;
		return;
	}
	visiting->parent->flags |= CT_SEEN_HAS_CHILDREN;
	child = ct_scan_note(visiting->scan, data, CT_SEEN_IN_MAP);
	if (!child)
		weigh_place(visiting->scan, data, itab.concrete);
	if (!child || child == visiting->parent)
		return;
	visiting->scan->evidence.keys++;
	child->seen.kind = kind_of(itab.concrete);
	child->seen.retained_by |= CT_RETAINED_PARENT;
}

/* What a parent and its map say: as long as that stands, the map is the parent's own and nobody changes it. */
struct map_state {
	uint64_t parent[CT_CONTEXT_ERR / 8 + 1];
	uint64_t map[4];
};

static bool read_state(struct ct_scan *scan, const struct ct_candidate *parent, struct map_state *state)
{
	return !ct_memory_read(scan->memory, parent->object, state->parent, sizeof(state->parent)) &&
	       !ct_memory_read(scan->memory, parent->children, state->map, sizeof(state->map)) &&
	       state->parent[CT_CONTEXT_CHILDREN / 8] == parent->children && !state->parent[CT_CONTEXT_ERR / 8];
}

/* The map of a parent that ended is somebody else's memory soon: what no library makes counts only where all stood still. */
static void weigh_odd_keys(struct visiting *visiting, const struct map_state *before)
{
	struct map_state after;

	if (visiting->odd_keys && read_state(visiting->scan, visiting->parent, &after) &&
	    !memcmp(before, &after, sizeof(after)))
		visiting->scan->evidence.odd_keys += visiting->odd_keys;
}

static int read_children(struct ct_scan *scan, struct ct_candidate *parent)
{
	struct ct_children_reader *reader = &scan->census->children;
	struct visiting visiting = { .scan = scan, .parent = parent };
	struct map_state before;
	bool is_sure = false;
	int rc = -EAGAIN;

	for (int tries = 0; tries < 3 && (rc == -EAGAIN || (visiting.odd_keys && !is_sure)); tries++) {
		if (tries) {
			reader->headers.valid = reader->groups.valid = 0;
			is_sure = read_state(scan, parent, &before); // copies from here on are of one moment
		}
		visiting.odd_keys = 0;
		rc = ct_children_read(reader, parent->children, visit_child, &visiting);
	}
	if (is_sure)
		weigh_odd_keys(&visiting, &before);
	if (rc == -EAGAIN || rc == -EFAULT)
		parent->flags |= CT_SEEN_TORN_MAP;
	return rc == -EAGAIN || rc == -EFAULT ? 0 : rc;
}

int ct_scan_children(struct ct_scan *scan)
{
	struct ct_children_reader *reader = &scan->census->children;
	int rc = 0;

	reader->memory = scan->memory;
	reader->has_swiss_maps = scan->census->layout.context->has_swiss_maps;
	reader->slots_left = SLOTS_LEAST + (uint64_t)scan->count * SLOTS_PER_CANDIDATE;
	reader->headers.valid = reader->groups.valid = 0;
	for (size_t i = 0; i < scan->count && !rc; i++) {
		if (scan->candidates[i].children)
			rc = read_children(scan, &scan->candidates[i]);
		if (i % BREATHE == 0)
			ct_scan_breathe(scan);
	}
	if (rc == -EOVERFLOW) {
		ct_scan_incomplete(scan, "children maps are larger than %d slots for each context", SLOTS_PER_CANDIDATE);
		rc = 0;
	}
	return rc;
}

/* A context whose parent chain is still to be followed: the next link's data pointer. */
struct climb {
	uint64_t link;
	size_t candidate;
};

static bool is_link(uint8_t concrete)
{
	return concrete == CT_CONCRETE_VALUE || concrete == CT_CONCRETE_DETACHED || concrete == CT_CONCRETE_STOP;
}

/* The chain ends at {concrete, data}. */
static void set_parent(const struct ct_census *census, struct ct_census_context *seen, uint8_t concrete, uint64_t data)
{
	seen->parent = 0;
	switch (concrete) {
	case CT_CONCRETE_BACKGROUND:
		seen->parent_kind = CT_KIND_BACKGROUND;
		return;
	case CT_CONCRETE_TODO:
		seen->parent_kind = CT_KIND_TODO;
		return;
	case CT_CONCRETE_EMPTY:
		seen->parent_kind = census->todo && data == census->todo ? CT_KIND_TODO : CT_KIND_BACKGROUND;
		return;
	case CT_CONCRETE_CANCEL:
	case CT_CONCRETE_TIMER:
	case CT_CONCRETE_AFTER_FUNC:
		seen->parent_kind = CT_KIND_CANCEL;
		break;
	default:
		seen->parent_kind = CT_KIND_FOREIGN;
	}
	seen->parent = data;
}

static int by_link(const void *a, const void *b)
{
	uint64_t left = ((const struct climb *)a)->link, right = ((const struct climb *)b)->link;

	return left < right ? -1 : left > right;
}

/* One link further. @return true while the chain goes on. */
static bool climb_one(struct ct_scan *scan, struct climb *climb)
{
	struct ct_census *census = scan->census;
	struct ct_census_context *seen = &scan->candidates[climb->candidate].seen;
	uint64_t words[2];
	struct ct_itab itab;

	seen->parent = 0;
	seen->parent_kind = 0;
	if (ct_memory_window_read(&census->window, scan->memory, climb->link, words, sizeof(words)))
		return false;
	itab = ct_itabs_look(&census->itabs, words[0]);
	if (itab.interface != CT_INTERFACE_CONTEXT)
		return false;
	seen->hops += seen->hops < UINT16_MAX;
	if (!is_link(itab.concrete)) {
		set_parent(census, seen, itab.concrete, words[1]);
		return false;
	}
	climb->link = words[1];
	return true;
}

static struct climb *collect_climbs(struct ct_scan *scan, size_t *ret_count)
{
	struct climb *climbs;
	size_t count = 0;

	for (size_t i = 0; i < scan->count; i++)
		count += is_link(scan->candidates[i].parent_concrete);
	climbs = calloc(count + 1, sizeof(*climbs));
	if (!climbs)
		return NULL;
	count = 0;
	for (size_t i = 0; i < scan->count; i++) {
		struct ct_candidate *candidate = &scan->candidates[i];

		if (candidate->flags & CT_SEEN_PROOF)
			weigh_place(scan, candidate->seen.parent, candidate->parent_concrete);
		if (is_link(candidate->parent_concrete))
			climbs[count++] = (struct climb){ candidate->seen.parent, i };
		else
			set_parent(scan->census, &candidate->seen, candidate->parent_concrete, candidate->seen.parent);
	}
	*ret_count = count;
	return climbs;
}

/* The program sets it before main.main; a value that cannot be read is one more Background. */
static void read_todo(struct ct_scan *scan)
{
	struct ct_census *census = scan->census;

	if (!census->facts.todo || ct_memory_read_word(scan->memory, census->facts.todo, &census->todo))
		census->todo = 0;
}

/* All chains climb together, one link a round in the order of addresses: siblings share what is read. */
int ct_scan_parents(struct ct_scan *scan)
{
	size_t count = 0, left;
	struct climb *climbs;
	uint64_t hops;

	read_todo(scan);
	climbs = collect_climbs(scan, &count);
	if (!climbs)
		return -ENOMEM;
	hops = HOPS_LEAST + (uint64_t)count * HOPS_PER_CONTEXT;
	for (int round = 0; round < HOPS_MAX && count && hops >= count; round++) {
		qsort(climbs, count, sizeof(*climbs), by_link);
		hops -= count;
		left = 0;
		scan->census->window.valid = 0;
		for (size_t i = 0; i < count; i++)
			if (climb_one(scan, &climbs[i]))
				climbs[left++] = climbs[i];
		count = left;
		ct_scan_breathe(scan);
	}
	for (size_t i = 0; i < count; i++) // deeper than the bound: unread
		scan->candidates[climbs[i].candidate].seen.parent = 0;
	free(climbs);
	return 0;
}
