// SPDX-License-Identifier: Apache-2.0
#include "memory/known_contexts.h"

#include <errno.h>
#include <stdlib.h>

#define CONTEXT_DONE 32 /* cancelCtx.done, an atomic.Value: type at 24, the channel at 32 (all releases) */

static size_t slot_of(const struct ct_known_contexts *known, uint64_t word)
{
	return word * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (known->slots - 1);
}

static uint64_t key_of(const struct ct_known_contexts *known, const uint32_t *table, uint32_t index)
{
	return table == known->by_done ? known->done[index] : known->contexts[index].address;
}

static void put(struct ct_known_contexts *known, uint32_t *table, uint32_t index)
{
	size_t at = slot_of(known, key_of(known, table, index));

	while (table[at])
		at = (at + 1) & (known->slots - 1);
	table[at] = index + 1;
}

static const struct ct_known_context *find(const struct ct_known_contexts *known, const uint32_t *table, uint64_t word)
{
	for (size_t at = slot_of(known, word); word && table[at]; at = (at + 1) & (known->slots - 1))
		if (key_of(known, table, table[at] - 1) == word)
			return &known->contexts[table[at] - 1];
	return NULL;
}

/* Its cancelCtx: 1.20's timerCtx only points to it. */
static uint64_t read_done(struct ct_known_contexts *known, const struct ct_known_context *context)
{
	struct ct_memory *memory = known->census->memory;
	uint64_t object = context->address, done = 0;

	if (known->census->layout.context->is_timer_indirect && context->kind == CT_KIND_DEADLINE &&
	    ct_memory_window_read(&known->window, memory, object, &object, sizeof(object)))
		return 0;
	if (ct_memory_window_read(&known->window, memory, object + CONTEXT_DONE, &done, sizeof(done)) || done % 8)
		return 0;
	return done;
}

int ct_known_contexts_init(struct ct_known_contexts *known, struct ct_census *census, const struct ct_objects *objects,
			   const struct ct_known_context *contexts, size_t count)
{
	known->census = census;
	known->objects = objects;
	known->contexts = contexts;
	known->count = count;
	known->slots = 64;
	while (known->slots < count * 2)
		known->slots *= 2;
	known->by_address = calloc(known->slots, sizeof(*known->by_address));
	known->by_done = calloc(known->slots, sizeof(*known->by_done));
	known->done = calloc(count + 1, sizeof(*known->done));
	if (!known->by_address || !known->by_done || !known->done)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		known->done[i] = read_done(known, &contexts[i]);
		put(known, known->by_address, (uint32_t)i);
		if (known->done[i])
			put(known, known->by_done, (uint32_t)i);
	}
	known->window.valid = 0;
	return 0;
}

void ct_known_contexts_done(struct ct_known_contexts *known)
{
	free(known->by_address);
	free(known->by_done);
	free(known->done);
}

const struct ct_known_context *ct_known_contexts_waited(const struct ct_known_contexts *known, uint64_t channel)
{
	return find(known, known->by_done, channel);
}

/* A cancelCtx (or a timerCtx around one) that is allocated and whose error word is set. */
static uint8_t look_at_object(struct ct_known_contexts *known, const struct ct_object_span *span, uint64_t word)
{
	struct ct_memory *memory = known->census->memory;
	uint64_t words[CT_CONTEXT_ERR / 8 + 1], index = (word - span->start) / span->element_bytes;
	uint8_t bits = 0;

	if (index >= span->free_index && (ct_memory_read(memory, span->alloc_bits + index / 8, &bits, 1) ||
					  !(bits >> (index % 8) & 1)))
		return CT_OBSERVED_END;
	if (ct_memory_window_read(&known->window, memory, word, words, sizeof(words)) || !words[CT_CONTEXT_ERR / 8] ||
	    ct_itabs_look(&known->census->itabs, words[0]).interface != CT_INTERFACE_CONTEXT)
		return CT_OBSERVED_END;
	return CT_OBSERVED_CANCELLED;
}

static uint8_t look_at_stranger(struct ct_known_contexts *known, uint64_t word)
{
	const struct ct_context_layout *layout = known->census->layout.context;
	const struct ct_object_span *span = ct_objects_find(known->objects, word);

	if (!span || !span->has_pointers || ct_object_start(span, word) != word)
		return CT_OBSERVED_END;
	if (span->element_bytes != layout->cancel_class &&
	    (span->element_bytes != layout->timer_class || layout->is_timer_indirect))
		return CT_OBSERVED_END;
	return look_at_object(known, span, word);
}

bool ct_known_contexts_is_boxed(struct ct_known_contexts *known, uint64_t word)
{
	const struct ct_object_span *span = word % 8 ? NULL : ct_objects_find(known->objects, word);
	uint64_t words[2];

	if (!span || !span->has_pointers || span->element_bytes != sizeof(words) || ct_object_start(span, word) != word)
		return false;
	return !ct_memory_window_read(&known->window, known->census->memory, word, words, sizeof(words)) && words[1] &&
	       ct_itabs_look(&known->census->itabs, words[0]).interface == CT_INTERFACE_CONTEXT;
}

uint8_t ct_known_contexts_look(struct ct_known_contexts *known, uint64_t word)
{
	const struct ct_objects *objects = known->objects;
	const struct ct_known_context *context;
	struct ct_context_word *answer;

	if (word % 8 || !objects->count || word < objects->spans[0].start ||
	    word >= objects->spans[objects->count - 1].start + objects->spans[objects->count - 1].bytes)
		return CT_OBSERVED_END;
	context = find(known, known->by_address, word);
	if (context)
		return context->state;
	answer = &known->strangers[word * UINT64_C(0x9e3779b97f4a7c15) >> 52];
	if (answer->word != word)
		*answer = (struct ct_context_word){ word, look_at_stranger(known, word) };
	return answer->state;
}
