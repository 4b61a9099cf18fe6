// SPDX-License-Identifier: Apache-2.0
#include "memory/holders_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CLOSURE_BYTES_MAX 48 /* largest object an owner's closure is looked for in */
#define GRANULE_SHIFT 10
#define PROCESSOR_BYTES_MIN 4096
#define PROCESSOR_BYTES_MAX 32768
#define BITS (sizeof(((struct finding *)0)->bits) * 8)
#define STACK_COPY_BYTES 65536
#define NEIGHBOUR_BYTES 8192 /* between two stacks that are read together */

/* Where a word was found. */
struct place {
	const struct ct_object_span *span;     /* in a heap object of this span, or */
	const struct ct_holder_stack *stack;   /* on this stack, or */
	uint64_t address;		       /* in a variable; always: where */
};

static size_t bit_of(uint64_t granule)
{
	return granule * UINT64_C(0x9e3779b97f4a7c15) >> 40 & (BITS - 1);
}

static void mark(struct finding *finding, const struct node *node)
{
	uint64_t first = node->start >> GRANULE_SHIFT, last = (node->start + node->bytes - 1) >> GRANULE_SHIFT;

	if (last - first >= BITS) {
		memset(finding->bits, 0xff, sizeof(finding->bits));
		return;
	}
	for (uint64_t granule = first; granule <= last; granule++)
		finding->bits[bit_of(granule) / 64] |= UINT64_C(1) << bit_of(granule) % 64;
}

static int by_start(const void *a, const void *b, void *opaque)
{
	const struct node *nodes = opaque;
	uint64_t left = nodes[*(const uint32_t *)a].start, right = nodes[*(const uint32_t *)b].start;

	return left < right ? -1 : left > right;
}

/* The nodes made by the sweep before are looked for by the next. */
static void begin_level(struct finding *finding)
{
	size_t count;

	finding->level_begin = finding->level_end;
	finding->level_end = finding->count;
	count = finding->level_end - finding->level_begin;
	memset(finding->bits, 0, sizeof(finding->bits));
	finding->low = UINT64_MAX;
	finding->high = 0;
	for (size_t i = 0; i < count; i++) {
		const struct node *node = &finding->nodes[finding->level_begin + i];

		finding->order[i] = (uint32_t)(finding->level_begin + i);
		mark(finding, node);
		if (node->start < finding->low)
			finding->low = node->start;
		if (node->start + node->bytes > finding->high)
			finding->high = node->start + node->bytes;
	}
	qsort_r(finding->order, count, sizeof(*finding->order), by_start, finding->nodes);
}

static struct node *look(struct finding *finding, uint64_t word)
{
	size_t low = 0, high = finding->level_end - finding->level_begin;
	size_t bit = bit_of(word >> GRANULE_SHIFT);
	struct node *node;

	if (!(finding->bits[bit / 64] >> bit % 64 & 1))
		return NULL;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (finding->nodes[finding->order[middle]].start <= word)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	node = &finding->nodes[finding->order[low - 1]];
	return word - node->start < node->bytes ? node : NULL;
}

static int by_word(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static bool is_foreign(const struct finding *finding, uint64_t object)
{
	const struct ct_holder_search *search = finding->search;

	return search->foreign_count &&
	       bsearch(&object, search->foreign, search->foreign_count, sizeof(object), by_word);
}

/* A record of a defer list that begins at `address`, or NULL. */
static const struct ct_holder_defer *defer_at(const struct finding *finding, uint64_t address)
{
	const struct ct_holder_search *search = finding->search;
	size_t low = 0, high = search->defers_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (search->defers[middle].record < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < search->defers_count && search->defers[low].record == address ? &search->defers[low] : NULL;
}

/*
 * Is it a runtime.p? Its write barrier buffer {next, end, buf} and its caches name objects that nobody holds. It is told
 * by that buffer: `end` is the address of its own end (src/runtime/mwbbuf.go, 512 words; 256 up to 1.20).
 */
static bool is_processor(struct finding *finding, uint64_t start, uint64_t bytes)
{
	uint64_t words[512], here;

	if (bytes < PROCESSOR_BYTES_MIN || bytes > PROCESSOR_BYTES_MAX)
		return false;
	for (uint64_t at = start; at < start + bytes; at += sizeof(words)) {
		size_t part = start + bytes - at < sizeof(words) ? start + bytes - at : sizeof(words);

		if (ct_memory_read(finding->search->memory, at, words, part))
			return false;
		for (size_t i = 1; i < part / 8; i++) {
			here = at + i * 8;
			if ((words[i] == here + 8 + 512 * 8 || words[i] == here + 8 + 256 * 8) &&
			    words[i - 1] > here && words[i - 1] <= words[i])
				return true;
		}
	}
	return false;
}

/* Is element `object` of the span allocated, as its mspan says now? */
static bool is_allocated(struct finding *finding, const struct ct_object_span *span, uint64_t object)
{
	uint64_t index = (object - span->start) / span->element_bytes;
	uint8_t bits = 0;

	if (index < span->free_index)
		return true;
	if (ct_memory_read(finding->search->memory, span->alloc_bits + index / 8, &bits, 1))
		return false;
	return bits >> (index % 8) & 1;
}

static void set_root(struct node *node, uint8_t rank, const struct ct_hop *root)
{
	if (rank >= node->rank)
		return;
	node->rank = rank;
	node->root = *root;
}

static void found_defer(struct node *node, const struct ct_holder_defer *defer)
{
	struct ct_hop root = { .kind = CT_HOLDER_DEFERRED, .task = defer->task, .frames = 1, .pcs = { defer->pc } };

	set_root(node, RANK_DEFERRED, &root);
}

static struct node *add_node(struct finding *finding, uint64_t start, uint64_t bytes, uint8_t level)
{
	struct node *node = &finding->nodes[finding->count];

	if (finding->count == CT_NODES_MAX) {
		finding->is_cut = true;
		return NULL;
	}
	*node = (struct node){ .start = start, .bytes = bytes, .level = level, .rank = RANK_NONE };
	finding->count++;
	return node;
}

/* A few thousand at most, and only hits ask: no index. */
static struct node *node_at(struct finding *finding, uint64_t start)
{
	for (size_t i = 0; i < finding->count; i++)
		if (finding->nodes[i].level && finding->nodes[i].start == start)
			return &finding->nodes[i];
	return NULL;
}

static void found_object(struct finding *finding, struct node *node, const struct place *place)
{
	uint64_t start = ct_object_start(place->span, place->address);
	const struct ct_holder_defer *defer = defer_at(finding, start);
	struct node *holder;

	if (defer) {
		found_defer(node, defer);
		return;
	}
	if (start == node->start || is_foreign(finding, start) || node->holders_count == CT_NODE_HOLDERS ||
	    !is_allocated(finding, place->span, start))
		return;
	holder = node_at(finding, start);
	if (!holder && is_processor(finding, start, place->span->element_bytes))
		return;
	if (!holder)
		holder = add_node(finding, start, place->span->element_bytes, (uint8_t)(node->level + 1));
	if (!holder)
		return;
	for (unsigned int i = 0; i < node->holders_count; i++)
		if (node->holders[i] == (uint32_t)(holder - finding->nodes))
			return;
	node->holders[node->holders_count++] = (uint32_t)(holder - finding->nodes);
}

/* The frame that holds it and those that called it. A running goroutine has no frames to go by: its entry is told. */
static void take_frames(struct finding *finding, const struct place *place, struct ct_hop *root)
{
	const struct ct_stack *stack = &place->stack->stack;
	uint64_t bytes = stack->high - stack->sp;
	struct ct_stack_walk walk = { 0 };
	uint8_t *copy;
	int frame = -1;

	if (bytes > STACK_COPY_BYTES)
		bytes = STACK_COPY_BYTES;
	copy = stack->is_running ? NULL : malloc(bytes);
	if (copy && !ct_memory_read(finding->search->memory, stack->sp, copy, bytes)) {
		ct_stack_walk(stack, copy, bytes, &walk);
		frame = ct_stack_frame_of(stack, &walk, place->address);
	}
	free(copy);
	for (unsigned int i = (unsigned int)frame; frame >= 0 && i < walk.count && root->frames < CT_HOLDER_FRAMES; i++)
		root->pcs[root->frames++] = walk.pcs[i];
	if (!root->frames)
		root->pcs[root->frames++] = place->stack->entry + 1;
}

static void found_on_stack(struct finding *finding, struct node *node, const struct place *place)
{
	struct ct_hop root = { .kind = CT_HOLDER_STACK, .task = place->stack->task, .address = place->address };
	const struct ct_holder_defer *defer = defer_at(finding, place->address - CT_DEFER_FN);
	uint8_t rank = place->stack->is_runtime ? RANK_RUNTIME :
		       place->stack->stack.is_running ? RANK_RUNNING : RANK_WAITING;

	if (defer) {
		found_defer(node, defer);
		return;
	}
	if (rank >= node->rank)
		return;
	take_frames(finding, place, &root);
	set_root(node, rank, &root);
}

static void found_in_variable(struct finding *finding, struct node *node, const struct place *place)
{
	const struct ct_holder_search *search = finding->search;
	struct ct_hop root = { .kind = CT_HOLDER_GLOBAL, .address = place->address };
	bool is_runtime = search->is_runtime && search->is_runtime(search->opaque, place->address);

	set_root(node, is_runtime ? RANK_RUNTIME : RANK_GLOBAL, &root);
}

/* What refers to a context counts only as the captured word of an owner's closure {code, context}. */
static bool is_owner(struct finding *finding, const struct node *node, uint64_t word, const struct place *place)
{
	uint64_t code;

	if (word != node->start ||
	    (place->span && (place->span->element_bytes > CLOSURE_BYTES_MAX ||
			     ct_object_start(place->span, place->address) != place->address - 8)))
		return false;
	return !ct_memory_read_word(finding->search->memory, place->address - 8, &code) &&
	       ct_closure_is_owner(ct_closures_look(finding->search->closures, code));
}

static void hit(struct finding *finding, struct node *node, uint64_t word, const struct place *place)
{
	uint64_t again = 0;

	if (node->hits == CT_NODE_HITS)
		return;
	if (!node->level && !is_owner(finding, node, word, place))
		return;
	node->hits++;
	if (ct_memory_read_word(finding->search->memory, place->address, &again) || again != word)
		return; // gone already
	if (place->span)
		found_object(finding, node, place);
	else if (place->stack)
		found_on_stack(finding, node, place);
	else
		found_in_variable(finding, node, place);
}

static void look_at_words(struct finding *finding, const uint64_t *words, size_t count, struct place place)
{
	uint64_t start = place.address;

	for (size_t i = 0; i < count; i++) {
		struct node *node = words[i] - finding->low < finding->high - finding->low ? look(finding, words[i]) :
											     NULL;

		place.address = start + i * 8;
		if (node)
			hit(finding, node, words[i], &place);
	}
}

/* Fill the buffer. Unreadable parts are skipped: this explains, it does not prove. */
static bool fill(struct finding *finding, uint64_t start, uint64_t bytes)
{
	int rc;

	if (finding->rc || bytes > finding->bytes_left) {
		finding->is_cut = true;
		return false;
	}
	finding->bytes_left -= bytes;
	rc = ct_memory_read(finding->search->memory, start, finding->buffer, bytes);
	if (rc && rc != -EFAULT)
		finding->rc = rc;
	if (finding->search->breathe)
		finding->search->breathe(finding->search->opaque);
	return !rc;
}

/* Every aligned word of a stretch. */
static void sweep(struct finding *finding, uint64_t start, uint64_t bytes, struct place place)
{
	uint64_t part;

	for (uint64_t at = start; bytes && !finding->rc; at += part, bytes -= part) {
		part = bytes < sizeof(finding->buffer) ? bytes : sizeof(finding->buffer);
		place.address = at;
		if (fill(finding, at, part))
			look_at_words(finding, finding->buffer, part / 8, place);
	}
}

/* How many stacks from index `begin` on lie so close together that one read brings them. */
static size_t neighbours(const struct ct_holder_search *search, size_t begin)
{
	const struct ct_holder_stack *stacks = search->stacks;
	uint64_t start = stacks[begin].stack.sp;
	size_t end = begin + 1;

	while (end < search->stacks_count && stacks[end].stack.sp >= stacks[end - 1].stack.high &&
	       stacks[end].stack.sp - stacks[end - 1].stack.high <= NEIGHBOUR_BYTES &&
	       stacks[end].stack.high - start <= sizeof(((struct finding *)0)->buffer))
		end++;
	return end - begin;
}

/* A hundred thousand small stacks want some thousands of reads. */
static void sweep_stacks(struct finding *finding)
{
	const struct ct_holder_search *search = finding->search;

	for (size_t begin = 0, count; begin < search->stacks_count && !finding->rc; begin += count) {
		const struct ct_holder_stack *first = &search->stacks[begin], *last;
		uint64_t start = first->stack.sp;

		count = neighbours(search, begin);
		last = &search->stacks[begin + count - 1];
		if (count == 1 || !fill(finding, start, last->stack.high - start)) {
			for (const struct ct_holder_stack *stack = first; stack <= last; stack++)
				sweep(finding, stack->stack.sp, stack->stack.high - stack->stack.sp,
				      (struct place){ .stack = stack });
			continue;
		}
		for (const struct ct_holder_stack *stack = first; stack <= last; stack++)
			look_at_words(finding, finding->buffer + (stack->stack.sp - start) / 8,
				      (stack->stack.high - stack->stack.sp) / 8,
				      (struct place){ .stack = stack, .address = stack->stack.sp });
	}
}

/* One level: everything that may hold a pointer. */
static void sweep_all(struct finding *finding)
{
	const struct ct_holder_search *search = finding->search;
	const struct ct_objects *objects = search->objects;
	bool is_first = !finding->level_begin;

	for (size_t i = 0; i < 2 && !is_first; i++)
		if (search->globals[i].end > search->globals[i].start)
			sweep(finding, search->globals[i].start, search->globals[i].end - search->globals[i].start,
			      (struct place){ 0 });
	sweep_stacks(finding);
	for (size_t i = 0; i < objects->count && !finding->rc; i++) {
		const struct ct_object_span *span = &objects->spans[i];

		if (span->has_pointers && !(is_first && span->element_bytes > CLOSURE_BYTES_MAX))
			sweep(finding, span->start, span->elements * span->element_bytes,
			      (struct place){ .span = span });
	}
}

static int search_levels(struct finding *finding)
{
	for (int level = 0; level <= CT_HOLDERS_DEPTH + 1 && !finding->rc; level++) {
		begin_level(finding);
		if (finding->level_begin == finding->level_end)
			return 0;
		sweep_all(finding);
	}
	finding->is_cut |= finding->level_end < finding->count;
	return finding->rc;
}

int ct_holders_find(const struct ct_holder_search *search, const uint64_t *contexts, size_t count,
		    struct ct_holder_chain *ret_chains)
{
	struct finding *finding = calloc(1, sizeof(*finding));
	int rc = -ENOMEM;

	if (!finding)
		return rc;
	finding->search = search;
	finding->bytes_left = search->bytes_max;
	finding->nodes = calloc(CT_NODES_MAX, sizeof(*finding->nodes));
	finding->order = calloc(CT_NODES_MAX, sizeof(*finding->order));
	if (count > CT_NODES_MAX / 2)
		count = CT_NODES_MAX / 2;
	if (finding->nodes && finding->order) {
		for (size_t i = 0; i < count; i++)
			add_node(finding, contexts[i], 8, 0);
		rc = count ? search_levels(finding) : 0;
	}
	for (size_t i = 0; !rc && i < count; i++)
		ct_holder_chain_make(finding, i, &ret_chains[i]);
	free(finding->nodes);
	free(finding->order);
	free(finding);
	return rc;
}
