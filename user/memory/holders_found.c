// SPDX-License-Identifier: Apache-2.0
/* A word that points at something looked for: who holds it by that? */
#include "memory/holders_private.h"

#include <stdlib.h>

#define STACK_COPY_BYTES 65536
#define PROCESSOR_BYTES_MIN 4096
#define PROCESSOR_BYTES_MAX 32768

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

struct node *ct_holder_node_add(struct finding *finding, uint64_t start, uint64_t bytes, uint8_t level)
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
	if (start == node->start || is_foreign(finding, start) || !is_allocated(finding, place->span, start))
		return;
	if (node->holders_count == CT_NODE_HOLDERS) {
		node->is_full = true;
		return;
	}
	holder = node_at(finding, start);
	if (!holder && is_processor(finding, start, place->span->element_bytes))
		return;
	if (!holder)
		holder = ct_holder_node_add(finding, start, place->span->element_bytes, (uint8_t)(node->level + 1));
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
	    (place->span && (place->span->element_bytes > CT_OWNER_BYTES_MAX ||
			     ct_object_start(place->span, place->address) != place->address - 8)))
		return false;
	return !ct_memory_read_word(finding->search->memory, place->address - 8, &code) &&
	       ct_closure_is_owner(ct_closures_look(finding->search->closures, code));
}

void ct_holder_found(struct finding *finding, struct node *node, uint64_t word, const struct place *place)
{
	uint64_t again = 0;

	if (node->hits == CT_NODE_HITS) {
		node->is_full = true;
		return;
	}
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
