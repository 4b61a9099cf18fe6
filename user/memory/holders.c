// SPDX-License-Identifier: Apache-2.0
#include "memory/holders_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GRANULE_SHIFT 10
#define BITS (sizeof(((struct finding *)0)->bits) * 8)
#define NEIGHBOUR_BYTES 8192 /* between two stacks that are read together */

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

static void look_at_words(struct finding *finding, const uint64_t *words, size_t count, struct place place)
{
	uint64_t start = place.address;

	for (size_t i = 0; i < count; i++) {
		struct node *node = words[i] - finding->low < finding->high - finding->low ? look(finding, words[i]) :
											     NULL;

		place.address = start + i * 8;
		if (node)
			ct_holder_found(finding, node, words[i], &place);
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
	if (rc == -EOVERFLOW) // many small reads before used it up
		finding->bytes_left = 0;
	else if (rc && rc != -EFAULT)
		finding->rc = rc;
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

		if (span->has_pointers && !(is_first && span->element_bytes > CT_OWNER_BYTES_MAX))
			sweep(finding, span->start, span->elements * span->element_bytes,
			      (struct place){ .span = span });
	}
}

/* Has each context a holder that nothing found later could outdo, or nobody who could be asked for his holders? */
static bool is_settled(struct finding *finding, size_t contexts)
{
	for (size_t i = 0; i < contexts; i++)
		if (finding->nodes[i].holders_count && ct_holder_rank(finding, i) > RANK_GLOBAL)
			return false;
	return true;
}

static int search_levels(struct finding *finding, size_t contexts)
{
	for (int level = 0; level <= CT_HOLDERS_DEPTH + 1 && !finding->rc; level++) {
		begin_level(finding);
		if (finding->level_begin == finding->level_end)
			return 0;
		sweep_all(finding);
		if (is_settled(finding, contexts))
			return finding->rc;
	}
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
			ct_holder_node_add(finding, contexts[i], 8, 0);
		rc = count ? search_levels(finding, count) : 0;
	}
	for (size_t i = 0; !rc && i < count; i++)
		ct_holder_chain_make(finding, i, &ret_chains[i]);
	free(finding->nodes);
	free(finding->order);
	free(finding);
	return rc;
}
