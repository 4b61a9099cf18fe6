// SPDX-License-Identifier: Apache-2.0
/* Last pass: what is a context at all, and in which state; and the answer about one that no reading lists. */
#include "memory/scan.h"

#include <errno.h>

/* A kind nothing named: by what its own words and size say. */
static void guess_kind(const struct ct_scan *scan, struct ct_candidate *candidate, bool is_outer)
{
	const struct ct_context_layout *layout = scan->census->layout.context;
	const struct ct_span *span = ct_heap_find(&scan->census->heap, candidate->object);

	if (candidate->seen.kind)
		return;
	candidate->seen.kind = CT_KIND_CANCEL;
	if (is_outer || (span && span->element_bytes == layout->timer_class && candidate->is_armed))
		candidate->seen.kind = CT_KIND_DEADLINE;
	else if (span && span->element_bytes == layout->timer_class)
		candidate->seen.kind = CT_KIND_AFTER_FUNC;
}

static void ask_known(struct ct_scan *scan, struct ct_candidate *candidate)
{
	if (candidate->flags & CT_SEEN_PROOF || !scan->known)
		return;
	if (scan->known(scan->opaque, candidate->object))
		candidate->flags |= CT_SEEN_KNOWN;
}

/* 1.20: contexts go by the address of the timerCtx, where there is one. */
static void rename_outers(struct ct_scan *scan)
{
	for (size_t i = 0; i < scan->outer_count; i++) {
		const struct ct_outer *outer = &scan->outers[i];
		struct ct_candidate *candidate = ct_scan_find(scan, outer->inner, NULL);
		bool is_known = candidate && scan->known && scan->known(scan->opaque, outer->address);

		if (!candidate || !(is_known || candidate->seen.address == outer->address))
			continue;
		candidate->seen.address = outer->address;
		candidate->seen.deadline_ns = outer->deadline_ns;
		candidate->flags |= CT_SEEN_VIA_OUTER | (is_known ? CT_SEEN_KNOWN : 0);
		guess_kind(scan, candidate, true);
	}
}

/* May the parent's map have lost it while it was being read? */
static bool is_parent_torn(struct ct_scan *scan, const struct ct_candidate *candidate)
{
	const struct ct_candidate *parent = ct_scan_find(scan, candidate->seen.parent, NULL);

	return parent && parent->flags & CT_SEEN_TORN_MAP;
}

/* Nothing can be told this time, and what was told before is not contradicted. */
static void set_in_flux(struct ct_candidate *candidate)
{
	candidate->seen.state = CT_OBSERVED_UNDECIDED;
	candidate->seen.is_in_flux = true;
}

static void set_state(struct ct_scan *scan, struct ct_candidate *candidate)
{
	if (candidate->flags & CT_SEEN_GARBAGE)
		candidate->seen.state = CT_OBSERVED_UNRETAINED;
	else if (candidate->flags & CT_SEEN_OWNED)
		candidate->seen.state = CT_OBSERVED_HELD;
	else if (candidate->flags & CT_SEEN_REACHED)
		candidate->seen.state = CT_OBSERVED_UNDECIDED;
	else if (candidate->flags & CT_SEEN_UNSWEPT || (candidate->seen.retained_by && candidate->flags & CT_SEEN_YOUNG))
		set_in_flux(candidate);
	else if (candidate->seen.retained_by)
		candidate->seen.state = CT_OBSERVED_LOST;
	else if (is_parent_torn(scan, candidate))
		set_in_flux(candidate);
	else
		candidate->seen.state = CT_OBSERVED_UNRETAINED;
}

/* Is it still allocated, swept and not cancelled, now that everything else was read? */
static void confirm(struct ct_scan *scan, struct ct_candidate *candidate)
{
	const struct ct_span_view *view = &scan->census->view;
	uint64_t offset = candidate->object - view->span.start;
	uint32_t index = (uint32_t)(offset / view->span.element_bytes);

	if (index >= view->span.elements || !ct_scan_is_live(scan, index) ||
	    ct_load64(view->data + (size_t)index * view->span.element_bytes + CT_CONTEXT_ERR))
		candidate->seen.state = CT_OBSERVED_CANCELLED; // ended meanwhile: left out of the result
	else if (!scan->census->freeze && (!view->is_swept || !ct_view_has_survived(view, index)))
		set_in_flux(candidate);
}

/* Candidates that look lost are asked again, a span at a time. */
static int confirm_lost(struct ct_scan *scan)
{
	struct ct_census *census = scan->census;
	const struct ct_span *span = NULL;
	int rc = -EAGAIN;

	for (size_t i = 0; i < scan->count; i++) {
		struct ct_candidate *candidate = &scan->candidates[i];
		const struct ct_span *own;

		if (candidate->seen.state != CT_OBSERVED_LOST)
			continue;
		if (candidate->flags & CT_SEEN_IN_CALL) {
			set_in_flux(candidate);
			continue;
		}
		own = ct_heap_find(&census->heap, candidate->object);
		if (own && own != span)
			rc = ct_heap_view(&census->heap, own, &census->view);
		span = own;
		if (rc == -ESRCH)
			return rc;
		if (rc || !own)
			set_in_flux(candidate);
		else
			confirm(scan, candidate);
	}
	return 0;
}

int ct_scan_judge(struct ct_scan *scan)
{
	size_t lost = 0;
	int rc;

	rename_outers(scan);
	for (size_t i = 0; i < scan->count; i++) {
		struct ct_candidate *candidate = &scan->candidates[i];

		ask_known(scan, candidate);
		if (!(candidate->flags & CT_SEEN_PROOF)) {
			candidate->seen.state = CT_OBSERVED_END; // a user's struct, for all we know: left out
			continue;
		}
		guess_kind(scan, candidate, false);
		if (candidate->seen.kind != CT_KIND_DEADLINE)
			candidate->seen.deadline_ns = 0;
		set_state(scan, candidate);
		lost += candidate->seen.state == CT_OBSERVED_LOST;
	}
	rc = lost ? ct_scan_calls(scan) : 0;
	return rc ? rc : confirm_lost(scan);
}

/* The cancelCtx words at an address that is allocated. */
static uint8_t state_of_object(struct ct_census *census, const struct ct_span *span, uint64_t address)
{
	const struct ct_context_layout *layout = census->layout.context;
	struct ct_memory *memory = census->memory;
	uint64_t words[CT_CONTEXT_ERR / 8 + 1], inner;

	if (layout->is_timer_indirect && span->element_bytes == layout->timer_class) {
		if (ct_memory_read_word(memory, address, &inner) || !inner || inner % 8)
			return CT_OBSERVED_FREED;
		address = inner;
	}
	if (ct_memory_read(memory, address, words, sizeof(words)))
		return CT_OBSERVED_UNDECIDED;
	if (ct_itabs_look(&census->itabs, words[0]).interface != CT_INTERFACE_CONTEXT)
		return CT_OBSERVED_FREED;
	return words[CT_CONTEXT_ERR / 8] ? CT_OBSERVED_CANCELLED : CT_OBSERVED_UNDECIDED;
}

enum ct_observed_state ct_census_state_of(struct ct_census *census, const struct ct_census_result *result,
					  uint64_t address)
{
	const struct ct_census_context *seen = ct_census_find(result, address);
	struct ct_memory *memory = census->memory;
	uint64_t swapped = memory->swapped_pages;
	struct ct_span span;
	uint8_t bits = 0, state;
	uint32_t index;
	int rc;

	if (seen)
		return (enum ct_observed_state)seen->state;
	if (census->c_library)
		return ct_c_library_state_of(census->c_library, address);
	rc = ct_heap_span_at(&census->heap, address, &span);
	if (rc)
		return rc == -ENOENT ? CT_OBSERVED_FREED : CT_OBSERVED_UNDECIDED;
	if ((address - span.start) % span.element_bytes)
		return CT_OBSERVED_FREED;
	index = (uint32_t)((address - span.start) / span.element_bytes);
	if (ct_memory_read(memory, span.alloc_bits + index / 8, &bits, 1))
		return CT_OBSERVED_UNDECIDED;
	if (index >= span.free_index && !(bits >> (index % 8) & 1))
		return CT_OBSERVED_FREED;
	state = state_of_object(census, &span, address);
	return memory->swapped_pages != swapped ? CT_OBSERVED_UNDECIDED : (enum ct_observed_state)state;
}
