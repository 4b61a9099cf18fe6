// SPDX-License-Identifier: Apache-2.0
/* First pass: everything alive that looks like a context that is not cancelled. */
#include "memory/scan.h"
#include "memory/span_feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CANDIDATES_MAX (UINT64_C(1) << 23) /* 700 MB; --max-contexts is half of it by default */
#define TIME_HAS_MONOTONIC (UINT64_C(1) << 63) /* src/time/time.go, hasMonotonic */
#define BREATHE_SPANS 64
#define HELPED_SPANS 8192 /* 64 MB: below, threads take longer than what they save */

/* cancelCtx.done, an atomic.Value {type, data}: src/sync/atomic/value.go */
#define DONE_TYPE 24
#define DONE_DATA 32

/* Room for one more of a growing array. */
static int reserve(void **items, size_t count, size_t *room, size_t item_bytes)
{
	size_t more;
	void *bigger;

	if (count < *room)
		return 0;
	if (count >= CANDIDATES_MAX)
		return -EOVERFLOW;
	more = *room + *room / 4 + 1024;
	bigger = realloc(*items, more * item_bytes);
	if (!bigger)
		return -ENOMEM;
	*items = bigger;
	*room = more;
	return 0;
}

ct_sizes ct_scan_sizes(const struct ct_census *census)
{
	const struct ct_context_layout *layout = census->layout.context;
	ct_sizes sizes = ct_size_bit(layout->cancel_class) | ct_size_bit(layout->timer_class) | ct_size_bit(16) |
			 ct_size_bit(24) | ct_size_bit(32) | ct_size_bit(48);

	// a creator that was inlined may leave the context's pointer in any closure around it
	if (census->facts.has_inlined_creators)
		sizes |= ct_size_bit(64) | ct_size_bit(80) | ct_size_bit(96) | ct_size_bit(112) | ct_size_bit(128);
	return sizes;
}

uint64_t ct_scan_deadline(const struct ct_census *census, uint64_t wall, uint64_t ext)
{
	if (!census->facts.time_base_ns || !(wall & TIME_HAS_MONOTONIC) || ext > INT64_MAX - census->facts.time_base_ns)
		return 0;
	return census->facts.time_base_ns + ext;
}

/* Fields only a timerCtx has; kept when its kind turns out to be that. */
static void take_timer(const struct ct_census *census, const uint8_t *object, struct ct_candidate *candidate)
{
	const struct ct_context_layout *layout = census->layout.context;
	uint64_t wall = ct_load64(object + layout->deadline), ext = ct_load64(object + layout->deadline + 8);

	candidate->seen.deadline_ns = ct_scan_deadline(census, wall, ext);
	candidate->is_armed = ct_load64(object + layout->timer) % 8 == 0 && ct_load64(object + layout->timer) > 4096 &&
			      ct_heap_contains(&census->heap, ct_load64(object + layout->timer));
}

/* In a frozen process marks decide, whatever the collector has done so far. */
static uint16_t age_flags(const struct ct_scan *scan, uint32_t index)
{
	const struct ct_span_view *view = scan->view;

	if (scan->census->freeze)
		return ct_scan_is_live(scan, index) ? 0 : CT_SEEN_GARBAGE;
	return (uint16_t)((view->is_swept ? 0 : CT_SEEN_UNSWEPT) |
			  (ct_view_has_survived(view, index) ? 0 : CT_SEEN_YOUNG));
}

static int add_candidate(struct ct_scan *scan, uint32_t index, struct ct_itab parent)
{
	const struct ct_census *census = scan->census;
	const struct ct_span_view *view = scan->view;
	const uint8_t *object = view->data + (size_t)index * view->span.element_bytes;
	uint64_t address = view->span.start + (uint64_t)index * view->span.element_bytes;
	struct ct_candidate candidate = {
		.seen = { .address = address, .parent = ct_load64(object + CT_CONTEXT_PARENT_DATA) },
		.object = address,
		.children = ct_load64(object + CT_CONTEXT_CHILDREN),
		.flags = age_flags(scan, index),
		.parent_concrete = parent.concrete,
	};
	int rc = reserve((void **)&scan->candidates, scan->count, &scan->room, sizeof(candidate));

	if (rc)
		return rc;
	if (!census->layout.context->is_timer_indirect &&
	    view->span.element_bytes == census->layout.context->timer_class)
		take_timer(census, object, &candidate);
	scan->candidates[scan->count++] = candidate;
	return 0;
}

/*
 * Structs of users that begin with a context.Context may be a hundred times as many as contexts. Where a cancelCtx has
 * its channel and its children they have something else, mostly.
 */
static bool has_shape(const struct ct_heap *heap, const uint8_t *object)
{
	uint64_t type = ct_load64(object + DONE_TYPE), data = ct_load64(object + DONE_DATA);
	uint64_t children = ct_load64(object + CT_CONTEXT_CHILDREN);

	if (type ? ct_heap_contains(heap, type) : data != 0)
		return false;
	return !children || (children % 8 == 0 && ct_heap_contains(heap, children));
}

static int collect_contexts(struct ct_scan *scan)
{
	const struct ct_span_view *view = scan->view;
	int rc = 0;

	for (uint32_t i = 0; i < view->span.elements && !rc; i++) {
		const uint8_t *object = view->data + (size_t)i * view->span.element_bytes;
		struct ct_itab itab;

		if (!(ct_view_is_live(view, i) || ct_scan_is_live(scan, i)) || ct_load64(object + CT_CONTEXT_ERR))
			continue;
		itab = ct_itabs_look(&scan->census->itabs, ct_load64(object + CT_CONTEXT_PARENT_ITAB));
		if (itab.interface == CT_INTERFACE_CONTEXT && has_shape(&scan->census->heap, object))
			rc = add_candidate(scan, i, itab);
	}
	return rc;
}

/* A 40-byte object whose first word is a cancelCtx; what else says that it is one comes from later passes. */
static int collect_outers(struct ct_scan *scan)
{
	const struct ct_span_view *view = scan->view;
	const struct ct_context_layout *layout = scan->census->layout.context;
	int rc = 0;

	for (uint32_t i = 0; i < view->span.elements && !rc; i++) {
		const uint8_t *object = view->data + (size_t)i * view->span.element_bytes;
		struct ct_outer outer = { .inner = ct_load64(object) };

		if (!ct_scan_is_live(scan, i) || !ct_scan_find(scan, outer.inner, NULL))
			continue;
		outer.address = view->span.start + (uint64_t)i * view->span.element_bytes;
		outer.deadline_ns = ct_scan_deadline(scan->census, ct_load64(object + layout->deadline),
						     ct_load64(object + layout->deadline + 8));
		rc = reserve((void **)&scan->outers, scan->outer_count, &scan->outer_room, sizeof(outer));
		if (!rc)
			scan->outers[scan->outer_count++] = outer;
	}
	return rc;
}

/* Freed or reused since the spans were listed: what it held is gone. Else what it holds is unknown. */
static void weigh_unread(struct ct_scan *scan, const struct ct_span *span)
{
	if (!ct_heap_is_current(&scan->census->heap, span))
		return;
	scan->evidence.odd_counted++;
	ct_scan_incomplete(scan, "a span of %u-byte objects could not be read", span->element_bytes);
}

/* A full span is full whatever the layout: only others tell. */
static void weigh_count(struct ct_scan *scan)
{
	const struct ct_span_view *view = scan->view;

	if (view->is_counted && view->live == view->span.elements)
		return;
	scan->evidence.counted += view->is_counted;
	scan->evidence.odd_counted += !view->is_counted;
}

static int take_view(struct ct_scan *scan, int (*collect)(struct ct_scan *scan))
{
	if (scan->view->is_torn) {
		weigh_unread(scan, &scan->view->span);
		return 0;
	}
	weigh_count(scan);
	return collect(scan);
}

/* Run `collect` over every span of these sizes. */
static int each_span(struct ct_scan *scan, ct_sizes sizes, int (*collect)(struct ct_scan *scan))
{
	struct ct_census *census = scan->census;
	bool is_own = scan->memory == &census->process.memory && !scan->memory->listener; // who listens hears one reader
	struct ct_process_memory *process = is_own ? &census->process : NULL;
	unsigned int helpers = census->heap.span_count < HELPED_SPANS ? 0 : census->helpers;
	struct ct_span_feed *feed;
	int rc = ct_span_feed_open(&feed, &census->heap, process, sizes, helpers);

	if (rc)
		return rc;
	while ((rc = ct_span_feed_next(feed, &scan->view)) > 0) {
		rc = take_view(scan, collect);
		if (rc)
			break;
		if (census->spans_read++ % BREATHE_SPANS)
			continue;
		ct_scan_breathe(scan);
		if (ct_scan_is_late(scan))
			break;
	}
	ct_span_feed_close(feed);
	return rc;
}

static ct_sizes context_sizes(const struct ct_census *census)
{
	const struct ct_context_layout *layout = census->layout.context;

	return ct_size_bit(layout->cancel_class) | (layout->is_timer_indirect ? 0 : ct_size_bit(layout->timer_class));
}

static ct_sizes closure_sizes(const struct ct_census *census)
{
	if (census->facts.has_inlined_creators)
		return ct_scan_sizes(census);
	return ct_size_bit(16) | ct_size_bit(24) | ct_size_bit(32) | ct_size_bit(48);
}

/* What the passes will read, for who wants to know how far they are. */
static size_t count_spans(const struct ct_census *census)
{
	ct_sizes first = context_sizes(census), second = closure_sizes(census);
	size_t count = 0;

	for (size_t i = 0; i < census->heap.span_count; i++) {
		ct_sizes size = ct_size_bit(census->heap.spans[i].element_bytes);

		count += !!(first & size) + !!(second & size);
	}
	return count;
}

int ct_scan_contexts(struct ct_scan *scan)
{
	const struct ct_context_layout *layout = scan->census->layout.context;
	int rc;

	scan->census->spans_read = 0;
	scan->census->spans_to_read = count_spans(scan->census);
	rc = each_span(scan, context_sizes(scan->census), collect_contexts);
	if (rc == -EOVERFLOW) {
		ct_scan_incomplete(scan, "more than %llu objects look like contexts", (unsigned long long)CANDIDATES_MAX);
		rc = 0;
	}
	if (!rc)
		rc = ct_scan_index(scan);
	if (!rc && layout->is_timer_indirect)
		rc = each_span(scan, ct_size_bit(layout->timer_class), collect_outers);
	return rc;
}

/* In a program with inlined creators any closure may be the owner; one that holds the context as an interface value
 * (itab before it) cannot cancel it. */
static void note_holders(struct ct_scan *scan, const uint8_t *object, size_t words)
{
	for (size_t i = 1; i < words; i++) {
		uint64_t word = ct_load64(object + i * 8), before = ct_load64(object + i * 8 - 8);

		if (ct_scan_find(scan, word, NULL) &&
		    ct_itabs_look(&scan->census->itabs, before).interface == CT_INTERFACE_NONE)
			ct_scan_note(scan, word, CT_SEEN_REACHED);
	}
}

static uint8_t kind_of(enum ct_closure_role role)
{
	return role == CT_CLOSURE_DEADLINE   ? CT_KIND_DEADLINE :
	       role == CT_CLOSURE_AFTER_FUNC ? CT_KIND_AFTER_FUNC :
					       CT_KIND_CANCEL;
}

static void note_owner(struct ct_scan *scan, enum ct_closure_role role, uint64_t address)
{
	struct ct_candidate *candidate = ct_scan_note(scan, address, CT_SEEN_OWNED);

	if (!candidate)
		ct_weigh_size(scan, scan->evidence.owned, address, kind_of(role));
	if (!candidate)
		return;
	scan->evidence.owners++;
	if (role == CT_CLOSURE_DEADLINE)
		candidate->seen.kind = CT_KIND_DEADLINE;
	else if (role == CT_CLOSURE_AFTER_FUNC)
		candidate->seen.kind = CT_KIND_AFTER_FUNC;
	else if (!candidate->seen.kind)
		candidate->seen.kind = CT_KIND_CANCEL;
}

/* The callback captures the context and, since 1.21, the cause: which comes first is the compiler's choice. */
static void note_timer(struct ct_scan *scan, const uint8_t *object, size_t words)
{
	for (size_t i = 1; i < words && i < 4; i++) {
		struct ct_candidate *candidate = ct_scan_note(scan, ct_load64(object + i * 8), CT_SEEN_TIMER);

		if (!candidate)
			continue;
		candidate->seen.kind = CT_KIND_DEADLINE;
		candidate->seen.retained_by |= CT_RETAINED_TIMER;
	}
}

static int collect_closures(struct ct_scan *scan)
{
	const struct ct_census *census = scan->census;
	const struct ct_span_view *view = scan->view;
	size_t words = view->span.element_bytes / 8;

	for (uint32_t i = 0; i < view->span.elements; i++) {
		const uint8_t *object = view->data + (size_t)i * view->span.element_bytes;
		uint64_t code = ct_load64(object);
		enum ct_closure_role role;

		if (code < census->facts.text || code >= census->facts.etext || !ct_scan_is_live(scan, i))
			continue;
		role = ct_closures_look(&census->facts.closures, code);
		if (ct_closure_is_owner(role))
			note_owner(scan, role, ct_load64(object + 8));
		else if (role == CT_CLOSURE_TIMER)
			note_timer(scan, object, words);
		else if (census->facts.has_inlined_creators)
			note_holders(scan, object, words);
	}
	return 0;
}

int ct_scan_owners(struct ct_scan *scan)
{
	return each_span(scan, closure_sizes(scan->census), collect_closures);
}
