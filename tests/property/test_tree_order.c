// SPDX-License-Identifier: Apache-2.0
/*
 * The order in which independent tasks are told does not matter. Each lane is a task with contexts, a path and a
 * request of its own below one common parent; the same lanes are told by time, and mixed at random, so that what one
 * task says comes later than younger events of another.
 */
#include "stream.h"
#include "tree_check.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define LANES_MAX      6
#define LANE_ADDRESSES 9
#define COMMON	       1 /* address number of the parent of all */
#define ROUNDS	       4 /* other orders tried */

/* One lane in the making. */
struct lane {
	uint32_t number; /* from 1 */
	uint64_t *state;
};

static uint64_t lane_address(const struct lane *lane)
{
	return stream_address(COMMON + 1 + (lane->number - 1) * LANE_ADDRESSES +
			      (uint32_t)stream_below(lane->state, LANE_ADDRESSES));
}

static void add_create(struct stream *stream, const struct lane *lane, uint64_t now_ns)
{
	struct ct_event_create create = {
		.header = {.type = CT_EVENT_CREATE, .time_ns = now_ns},
		.context = lane_address(lane),
		.parent = stream_below(lane->state, 2) ? lane_address(lane) : stream_address(COMMON),
		.task = lane->number,
		.path = lane->number,
		.kind = CT_KIND_CANCEL,
		.parent_kind = CT_KIND_CANCEL,
	};

	stream_add(stream, &create, sizeof(create), lane->number);
}

static void add_other(struct stream *stream, const struct lane *lane, uint64_t now_ns)
{
	static const uint8_t types[] = {CT_EVENT_CANCEL,  CT_EVENT_CANCEL,  CT_EVENT_CANCEL, CT_EVENT_CANCEL_CALL,
					CT_EVENT_ABANDON, CT_EVENT_REQUEST, CT_EVENT_FREE};
	union {
		struct ct_event_header header;
		struct ct_event_context context;
		struct ct_event_cancel cancel;
		struct ct_event_request request;
	} event = {.context = {.context = lane_address(lane)}};

	event.header.type = types[stream_below(lane->state, sizeof(types))];
	event.header.time_ns = now_ns;
	if (event.header.type == CT_EVENT_CANCEL) {
		event.cancel.reason = (uint8_t)(CT_REASON_EXPLICIT + stream_below(lane->state, 3));
		event.cancel.path = lane->number;
	}
	if (event.header.type == CT_EVENT_REQUEST && stream_below(lane->state, 2))
		event.header.flags = CT_REQUEST_END;
	stream_add(stream, &event, sizeof(event.cancel), lane->number);
}

static void add_task(struct stream *stream, uint32_t lane, uint64_t now_ns, bool is_end)
{
	struct ct_event_task_start start = {.header = {.type = CT_EVENT_TASK_START, .time_ns = now_ns}, .task = lane};
	struct ct_event_task_end end = {.header = {.type = CT_EVENT_TASK_END, .time_ns = now_ns}, .task = lane};

	if (is_end)
		stream_add(stream, &end, sizeof(end), lane);
	else
		stream_add(stream, &start, sizeof(start), lane);
}

/* By time; what cannot be left out (the common parent, the beginnings of the tasks) comes first. */
static void make(struct stream *stream, uint64_t seed)
{
	uint64_t state = seed ^ UINT64_C(0x04de4), now_ns = 1000000000;
	uint32_t lanes = 2 + (uint32_t)stream_below(&state, LANES_MAX - 1);
	struct ct_event_create common = {
		.header = {.type = CT_EVENT_CREATE, .time_ns = now_ns++},
		.context = stream_address(COMMON),
		.kind = CT_KIND_CANCEL,
		.parent_kind = CT_KIND_BACKGROUND,
	};

	*stream = (struct stream){.seed = seed};
	stream_add(stream, &common, sizeof(common), 0);
	for (uint32_t lane = 1; lane <= lanes; lane++)
		add_task(stream, lane, now_ns++, false);
	stream->kept = stream->count;
	for (uint64_t left = 20 + stream_below(&state, 200); left; left--, now_ns += 1 + stream_below(&state, 50)) {
		struct lane lane = {.number = 1 + (uint32_t)stream_below(&state, lanes), .state = &state};

		if (stream_below(&state, 2))
			add_create(stream, &lane, now_ns);
		else
			add_other(stream, &lane, now_ns);
	}
	for (uint32_t lane = 1; lane < lanes; lane++)
		add_task(stream, lane, now_ns++, true);
}

static void apply(struct ct_tree *tree, const struct op *op)
{
	struct ct_event event = stream_event(op);

	ct_tree_apply(tree, &event, NULL);
}

/* The lanes mixed anew: each time one of those that have something left says its next. */
static void apply_mixed(struct ct_tree *tree, const struct stream *stream, uint64_t *state)
{
	size_t next[LANES_MAX + 1];
	size_t left = stream->count - stream->kept;

	for (size_t i = 0; i < stream->kept; i++)
		apply(tree, &stream->ops[i]);
	for (size_t lane = 1; lane <= LANES_MAX; lane++)
		next[lane] = stream->kept;
	while (left) {
		size_t lane = 1 + stream_below(state, LANES_MAX);

		while (next[lane] < stream->count && stream->ops[next[lane]].lane != lane)
			next[lane]++;
		if (next[lane] == stream->count)
			continue;
		apply(tree, &stream->ops[next[lane]++]);
		left--;
	}
}

static const char *compare_contexts(const struct ct_tree *one, const struct ct_tree *other)
{
	static char wrong[100];

	for (uint32_t i = 1; i <= COMMON + LANES_MAX * LANE_ADDRESSES; i++) {
		const struct ct_context *a = ct_tree_find(one, stream_address(i));
		const struct ct_context *b = ct_tree_find(other, stream_address(i));
		const struct ct_context *above = a ? ct_tree_parent(one, a) : NULL;
		const struct ct_context *below = b ? ct_tree_parent(other, b) : NULL;

		if (!a && !b)
			continue;
		snprintf(wrong, sizeof(wrong), "0x%" PRIx64 " depends on the order", stream_address(i));
		if (!a || !b || a->created_ns != b->created_ns || a->state != b->state || a->kind != b->kind ||
		    a->children != b->children || a->task != b->task || !above != !below)
			return wrong;
		if (above && (above->address != below->address || above->reason != below->reason))
			return wrong;
	}
	return NULL;
}

static const struct ct_site *site_of(const struct ct_tree *tree, uint32_t path)
{
	for (uint32_t i = 0; i < ct_tree_sites(tree); i++)
		if (ct_tree_site(tree, i)->path == path)
			return ct_tree_site(tree, i);
	return NULL;
}

static const char *compare_sites(const struct ct_tree *one, const struct ct_tree *other)
{
	for (uint32_t path = 0; path <= LANES_MAX; path++) {
		const struct ct_site *a = site_of(one, path), *b = site_of(other, path);

		if (!a != !b)
			return "a site depends on the order";
		if (a && (a->created != b->created || a->live != b->live || a->cancel_called != b->cancel_called ||
			  a->first_ns != b->first_ns || a->last_ns != b->last_ns ||
			   memcmp(a->ended, b->ended, sizeof(a->ended)) ||
			  memcmp(&a->lifetime, &b->lifetime, sizeof(a->lifetime))))
			return "the counts of a site depend on the order";
	}
	return NULL;
}

static const char *order_does_not_matter(const struct stream *stream)
{
	struct ct_tree *by_time = ct_tree_new(&ct_allocator_libc, NULL);
	uint64_t state = stream->seed;
	struct ct_totals totals;
	const char *wrong = NULL;

	assert_non_null(by_time);
	for (size_t i = 0; i < stream->count; i++)
		apply(by_time, &stream->ops[i]);
	totals = *ct_tree_totals(by_time);
	for (int round = 0; round < ROUNDS && !wrong; round++) {
		struct ct_tree *mixed = ct_tree_new(&ct_allocator_libc, NULL);

		assert_non_null(mixed);
		apply_mixed(mixed, stream, &state);
		totals.peak_live = ct_tree_totals(mixed)->peak_live; // of an order
		wrong = memcmp(&totals, ct_tree_totals(mixed), sizeof(totals)) ? "the totals depend on the order"
									       : compare_contexts(by_time, mixed);
		if (!wrong)
			wrong = compare_sites(by_time, mixed);
		if (!wrong)
			wrong = tree_check(mixed);
		ct_tree_free(mixed);
	}
	ct_tree_free(by_time);
	return wrong;
}

static void independent_tasks_come_in_any_order(void **state)
{
	(void)state;
	property_check("tree_order", make, order_does_not_matter, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(independent_tasks_come_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
