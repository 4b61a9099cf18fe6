// SPDX-License-Identifier: Apache-2.0
#include "memory/c_library.h"

#include "ctxtrace/context_census.h"
#include "ctxtrace/event.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct cctx_census) <= CT_C_LIBRARY_CONSTANT_BYTES, "all of it is read");

#define CONTEXTS_MAX (UINT32_C(1) << 24)
#define CONTEXT_BYTES_MAX 1024
#define LISTS_MAX 4096
#define COUNTERS_MAX 256
#define TRIES 4
#define IN_BETWEEN 64 /* threads that have counted a context and not yet linked it */
#define BREATHE 4096

/* enum cctx_kind of the library, version 1 */
#define C_KIND_ROOT 1
#define C_KIND_CANCEL 2
#define C_KIND_DEADLINE 3
#define C_KIND_VALUE 4
#define C_KIND_DETACHED 5
#define C_KIND_AFTER_FUNC 6

struct ct_c_library {
	struct ct_memory *memory;
	struct cctx_census layout;
};

/* A context as it stands in memory. */
struct c_context {
	uint64_t parent, scope, children, next, deadline_ns;
	uint32_t users, state, kind;
	bool is_armed;
};

/* One walk over all lists. */
struct c_walk {
	struct ct_c_library *library;
	struct ct_census_context *list;
	uint64_t *children; /* by context: its list, to be walked */
	size_t count, room;
	uint32_t *slots; /* open addressing by address: index + 1 */
	size_t slots_count;
	bool has_moved;
	struct ct_memory_window window;
	struct ct_memory_window above; /* parents lie elsewhere than their children */
	ct_census_known breathe;
	void *opaque;
};

static bool fits(const struct cctx_census *layout, uint16_t offset, unsigned int bytes)
{
	return offset % bytes == 0 && offset + bytes <= layout->context_bytes;
}

static bool makes_sense(const struct cctx_census *layout)
{
	const uint16_t words[] = { layout->parent, layout->scope, layout->deadline_ns, layout->children, layout->next };
	bool is_good = layout->magic == CCTX_CENSUS_MAGIC && layout->version == 1 && layout->bytes >= sizeof(*layout) &&
		       layout->context_bytes <= CONTEXT_BYTES_MAX && layout->tops_count <= LISTS_MAX &&
		       layout->tops_first < layout->tops_bytes && layout->counters_count <= LISTS_MAX &&
		       layout->tops_bytes <= 4096 && layout->counters_bytes <= COUNTERS_MAX * 8;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		is_good &= fits(layout, words[i], 8);
	return is_good && fits(layout, layout->users, 4) && fits(layout, layout->state, 4) && fits(layout, layout->kind, 4) &&
	       fits(layout, layout->armed, 1);
}

int ct_c_library_new(struct ct_memory *memory, uint64_t address, struct ct_c_library **ret_library)
{
	struct ct_c_library *library = calloc(1, sizeof(*library));

	if (!library)
		return -ENOMEM;
	library->memory = memory;
	if (ct_memory_read(memory, address, &library->layout, sizeof(library->layout)) || !makes_sense(&library->layout)) {
		free(library);
		return -EOPNOTSUPP;
	}
	*ret_library = library;
	return 0;
}

void ct_c_library_free(struct ct_c_library *library)
{
	free(library);
}

static uint64_t word_at(const uint8_t *bytes, uint16_t offset)
{
	uint64_t word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

static uint32_t half_at(const uint8_t *bytes, uint16_t offset)
{
	uint32_t half;

	memcpy(&half, bytes + offset, sizeof(half));
	return half;
}

static int read_context(struct ct_c_library *library, struct ct_memory_window *window, uint64_t address, struct c_context *ret)
{
	const struct cctx_census *layout = &library->layout;
	uint8_t bytes[CONTEXT_BYTES_MAX];
	int rc = address % 8 ? -EFAULT :
			       ct_memory_window_read(window, library->memory, address, bytes, layout->context_bytes);

	if (rc)
		return rc;
	*ret = (struct c_context){
		.parent = word_at(bytes, layout->parent),
		.scope = word_at(bytes, layout->scope),
		.children = word_at(bytes, layout->children),
		.next = word_at(bytes, layout->next),
		.deadline_ns = word_at(bytes, layout->deadline_ns),
		.users = half_at(bytes, layout->users),
		.state = half_at(bytes, layout->state),
		.kind = half_at(bytes, layout->kind),
		.is_armed = bytes[layout->armed],
	};
	return 0;
}

static uint8_t kind_of(uint32_t kind)
{
	switch (kind) {
	case C_KIND_CANCEL:
		return CT_KIND_CANCEL;
	case C_KIND_DEADLINE:
		return CT_KIND_DEADLINE;
	case C_KIND_AFTER_FUNC:
		return CT_KIND_AFTER_FUNC;
	default:
		return CT_KIND_UNKNOWN;
	}
}

/* Can it end, and has it not? */
static bool is_live(const struct ct_c_library *library, const struct c_context *context, uint64_t address)
{
	return kind_of(context->kind) && context->scope == address && context->state < library->layout.state_ended;
}

/* How many live, and how often something was made or ended so far. */
static int read_counters(struct ct_c_library *library, uint64_t *ret_live, uint64_t *ret_moves)
{
	const struct cctx_census *layout = &library->layout;
	uint64_t table[COUNTERS_MAX], begun = 0, ended = 0;

	for (uint32_t i = 0; i < layout->counters_count; i++) {
		uint64_t at = (uint64_t)(uintptr_t)layout->counters + (uint64_t)i * layout->counters_bytes;
		int rc = ct_memory_read(library->memory, at, table, layout->counters_bytes);

		if (rc)
			return rc;
		for (size_t j = 0; j < CCTX_CENSUS_BEGINS; j++)
			begun += layout->begins[j] * 8u < layout->counters_bytes ? table[layout->begins[j]] : 0;
		for (size_t j = 0; j < CCTX_CENSUS_ENDS; j++)
			ended += layout->ends[j] * 8u < layout->counters_bytes ? table[layout->ends[j]] : 0;
	}
	*ret_live = begun - ended;
	*ret_moves = begun + ended;
	return 0;
}

static size_t slot_of(const struct c_walk *walk, uint64_t address)
{
	size_t slot = (address * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (walk->slots_count - 1);

	while (walk->slots[slot] && walk->list[walk->slots[slot] - 1].address != address)
		slot = (slot + 1) & (walk->slots_count - 1);
	return slot;
}

static int grow(struct c_walk *walk)
{
	size_t room = walk->room ? walk->room * 2 : 1024;
	struct ct_census_context *list;
	uint64_t *children;

	if (walk->count < walk->room)
		return 0;
	if (room > CONTEXTS_MAX)
		return -EOVERFLOW;
	list = realloc(walk->list, room * sizeof(*list));
	walk->list = list ? list : walk->list;
	children = list ? realloc(walk->children, room * sizeof(*children)) : NULL;
	walk->children = children ? children : walk->children;
	if (!children)
		return -ENOMEM;
	free(walk->slots);
	walk->slots = calloc(room * 2, sizeof(*walk->slots));
	walk->slots_count = walk->slots ? room * 2 : 0;
	if (!walk->slots)
		return -ENOMEM;
	walk->room = room;
	for (size_t i = 0; i < walk->count; i++)
		walk->slots[slot_of(walk, walk->list[i].address)] = (uint32_t)i + 1;
	return 0;
}

/* Over values and detached contexts to the nearest ancestor that can end, or the root. */
static void find_parent(struct c_walk *walk, const struct c_context *context, struct ct_census_context *seen)
{
	const struct cctx_census *layout = &walk->library->layout;
	uint64_t at = context->parent;
	struct c_context above;

	for (seen->hops = 0; seen->hops < UINT16_MAX; seen->hops++) {
		if (!at || read_context(walk->library, &walk->above, at, &above))
			return;
		if (above.kind == C_KIND_ROOT) {
			seen->parent_kind = at == (uint64_t)(uintptr_t)layout->todo ? CT_KIND_TODO : CT_KIND_BACKGROUND;
			return;
		}
		if (above.kind != C_KIND_VALUE && above.kind != C_KIND_DETACHED) {
			seen->parent_kind = kind_of(above.kind) ? CT_KIND_CANCEL : 0;
			seen->parent = kind_of(above.kind) ? at : 0;
			return;
		}
		at = above.parent;
	}
}

/* The scope whose list it belongs to is that of its parent; `owner` is 0 for the topmost. */
static bool is_child_of(struct c_walk *walk, const struct c_context *context, uint64_t owner)
{
	struct c_context parent;

	return !read_context(walk->library, &walk->above, context->parent, &parent) && parent.scope == owner;
}

static void describe(struct c_walk *walk, const struct c_context *context, uint64_t address, uint64_t owner)
{
	struct ct_census_context *seen = &walk->list[walk->count];

	*seen = (struct ct_census_context){ .address = address, .kind = kind_of(context->kind) };
	find_parent(walk, context, seen);
	if (context->kind == C_KIND_DEADLINE)
		seen->deadline_ns = context->deadline_ns;
	seen->retained_by = (owner ? CT_RETAINED_PARENT : 0) | (context->is_armed ? CT_RETAINED_TIMER : 0);
	seen->state = CT_OBSERVED_HELD;
	if (!context->users)
		seen->state = seen->retained_by ? CT_OBSERVED_LOST : CT_OBSERVED_UNRETAINED;
}

/* One list. What does not fit was moved while it was read, or somebody lies: the rest of the list is given up. */
static int walk_list(struct c_walk *walk, uint64_t first, uint64_t owner)
{
	struct c_context context;

	for (uint64_t at = first, hops = 0; at; at = context.next, hops++) {
		int rc = grow(walk);

		if (rc)
			return rc;
		rc = read_context(walk->library, &walk->window, at, &context);
		if (rc == -ESRCH)
			return rc;
		if (rc || hops > CONTEXTS_MAX || walk->slots[slot_of(walk, at)] || !is_child_of(walk, &context, owner)) {
			walk->has_moved = true;
			return 0;
		}
		if (!is_live(walk->library, &context, at)) {
			walk->has_moved = true; // it has ended and is about to leave
			continue;
		}
		describe(walk, &context, at, owner);
		walk->children[walk->count] = context.children;
		walk->slots[slot_of(walk, at)] = (uint32_t)++walk->count;
		if (walk->count % BREATHE == 0 && walk->breathe)
			walk->breathe(walk->opaque, 0);
	}
	return 0;
}

static int walk_all(struct c_walk *walk)
{
	const struct cctx_census *layout = &walk->library->layout;
	int rc = 0;

	walk->count = 0;
	walk->has_moved = false;
	walk->window.valid = walk->above.valid = 0;
	if (walk->slots)
		memset(walk->slots, 0, walk->slots_count * sizeof(*walk->slots));
	for (uint32_t i = 0; i < layout->tops_count && !rc; i++) {
		uint64_t at = (uint64_t)(uintptr_t)layout->tops + (uint64_t)i * layout->tops_bytes, first;

		rc = ct_memory_read_word(walk->library->memory, at + layout->tops_first, &first);
		if (!rc)
			rc = walk_list(walk, first, 0);
	}
	for (size_t i = 0; i < walk->count && !rc; i++)
		if (walk->children[i])
			rc = walk_list(walk, walk->children[i], walk->list[i].address);
	return rc;
}

/* What was read as lost is asked again: it may have ended while the rest was read. */
static void confirm(struct c_walk *walk, struct ct_census_result *result)
{
	size_t kept = 0;

	walk->window.valid = 0;
	for (size_t i = 0; i < walk->count; i++) {
		struct ct_census_context *seen = &walk->list[i];
		struct c_context now;

		if (seen->state == CT_OBSERVED_LOST) {
			if (read_context(walk->library, &walk->window, seen->address, &now) ||
			    !is_live(walk->library, &now, seen->address) || now.users)
				continue;
			result->lost++;
		}
		walk->list[kept++] = *seen;
	}
	walk->count = kept;
}

static int by_address(const void *a, const void *b)
{
	uint64_t left = ((const struct ct_census_context *)a)->address;
	uint64_t right = ((const struct ct_census_context *)b)->address;

	return left < right ? -1 : left > right;
}

/* Walk until nothing moved meanwhile; then count and counters agree. The last try counts as far as it goes. */
static int walk_until_still(struct c_walk *walk, struct ct_census_result *result)
{
	uint64_t live, moves, live_after = 0, moves_after = 0, off, most = 0;
	int rc = 0;

	result->is_torn = true;
	for (int i = 0; i < TRIES && !rc && result->is_torn; i++) {
		rc = read_counters(walk->library, &live, &moves);
		rc = rc ?: walk_all(walk);
		rc = rc ?: read_counters(walk->library, &live_after, &moves_after);
		most = moves_after - moves;
		result->is_torn = most || walk->count != live || walk->has_moved;
	}
	off = walk->count > live_after ? walk->count - live_after : live_after - walk->count;
	result->is_complete = !rc && off <= most + IN_BETWEEN;
	if (!result->is_complete)
		snprintf(result->reason, sizeof(result->reason), "%zu contexts in the library's lists, %llu by its counters",
			 walk->count, (unsigned long long)live_after);
	return rc;
}

int ct_c_library_scan(struct ct_c_library *library, ct_census_known breathe, void *opaque,
		      struct ct_census_result *result)
{
	struct c_walk *walk = calloc(1, sizeof(*walk));
	int rc = -ENOMEM;

	if (!walk)
		return rc;
	walk->library = library;
	walk->breathe = breathe;
	walk->opaque = opaque;
	rc = walk_until_still(walk, result);
	if (!rc) {
		confirm(walk, result);
		if (walk->count)
			qsort(walk->list, walk->count, sizeof(*walk->list), by_address);
		result->contexts = walk->list;
		result->count = walk->count;
		walk->list = NULL;
	}
	free(walk->list);
	free(walk->children);
	free(walk->slots);
	free(walk);
	return rc;
}

enum ct_observed_state ct_c_library_state_of(struct ct_c_library *library, uint64_t address)
{
	struct ct_memory_window window = { 0 };
	struct c_context context;

	if (read_context(library, &window, address, &context))
		return CT_OBSERVED_FREED;
	if (is_live(library, &context, address))
		return CT_OBSERVED_UNDECIDED;
	return kind_of(context.kind) && context.scope == address ? CT_OBSERVED_CANCELLED : CT_OBSERVED_FREED;
}
