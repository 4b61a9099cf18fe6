// SPDX-License-Identifier: Apache-2.0
#include "report/trace_lanes.h"

#include <errno.h>
#include <stdlib.h>

/* What is open on one lane of the task at hand, outermost first. */
struct open_lane {
	uint64_t ends[CT_LANE_DEPTH_MAX];
	uint32_t depth;
	uint32_t lane; /* its number over all tasks */
};

void ct_timeline_done(struct ct_timeline *timeline)
{
	free(timeline->lives);
	free(timeline->lanes);
	*timeline = (struct ct_timeline){ 0 };
}

static int by_place(const void *a, const void *b)
{
	const struct ct_lifetime *left = &((const struct ct_life *)a)->of, *right = &((const struct ct_life *)b)->of;

	if (left->task != right->task)
		return left->task - 1 < right->task - 1 ? -1 : 1; // unknown makers, 0, come last
	if (left->begin_ns != right->begin_ns)
		return left->begin_ns < right->begin_ns ? -1 : 1;
	if (left->end_ns != right->end_ns)
		return left->end_ns > right->end_ns ? -1 : 1;
	return left->id < right->id ? -1 : left->id > right->id;
}

static void add_life(struct ct_timeline *timeline, struct ct_lifetime life)
{
	if (life.end_ns < life.begin_ns) // events of two CPUs may come out of order
		life.end_ns = life.begin_ns;
	timeline->lives[timeline->count++].of = life;
}

static struct ct_lifetime life_of(const struct ct_snapshot *snapshot, const struct ct_context *context)
{
	return (struct ct_lifetime){
		.id = context->id,
		.begin_ns = context->created_ns,
		.end_ns = snapshot->now_ns,
		.task = context->task,
		.site = context->site,
		.state = context->state,
		.kind = context->kind,
	};
}

/* As many live ones as ended ones at most: a leak of millions is seen in fewer, too. */
static int collect(const struct ct_snapshot *snapshot, struct ct_timeline *timeline)
{
	uint32_t end = ct_tree_end(snapshot->tree), most = end < CT_REPORT_LIFETIMES_MAX ? end : CT_REPORT_LIFETIMES_MAX;
	uint64_t forgotten;
	size_t ended, live = 0;
	const struct ct_lifetime *list = ct_tree_lifetimes(snapshot->tree, &ended, &forgotten);

	timeline->lives = calloc(ended + most + 1, sizeof(*timeline->lives));
	if (!timeline->lives)
		return -ENOMEM;
	timeline->left_out = forgotten;
	for (uint32_t i = 0; i < end; i++) {
		const struct ct_context *context = ct_tree_context(snapshot->tree, i);

		if (!context || context->state & CT_CONTEXT_ENDED)
			continue;
		if (live++ < most)
			add_life(timeline, life_of(snapshot, context));
		else
			timeline->left_out++;
	}
	for (size_t i = 0; i < ended; i++)
		add_life(timeline, list[i]);
	qsort(timeline->lives, timeline->count, sizeof(*timeline->lives), by_place);
	return 0;
}

/* Close what has ended by then. @return whether the life fits into what is left open. */
static bool fits(struct open_lane *open, const struct ct_lifetime *life)
{
	while (open->depth && open->ends[open->depth - 1] <= life->begin_ns)
		open->depth--;
	return !open->depth || (open->depth < CT_LANE_DEPTH_MAX && open->ends[open->depth - 1] >= life->end_ns);
}

static int new_lane(struct ct_timeline *timeline, struct open_lane *open, uint64_t task, uint32_t number)
{
	struct ct_lane *lanes = timeline->lanes;

	if (!(timeline->lanes_count & (timeline->lanes_count - 1))) { // at each power of two
		size_t room = timeline->lanes_count ? 2 * (size_t)timeline->lanes_count : 1;

		lanes = reallocarray(lanes, room, sizeof(*lanes));
		if (!lanes)
			return -ENOMEM;
		timeline->lanes = lanes;
	}
	lanes[timeline->lanes_count++] = (struct ct_lane){ .task = task, .number = number };
	*open = (struct open_lane){ .lane = timeline->lanes_count };
	return 0;
}

/* The first lane of its task on which it fits. */
static int place(struct ct_timeline *timeline, struct open_lane *open, uint32_t *count, struct ct_life *life)
{
	uint32_t i = 0;

	while (i < *count && !fits(&open[i], &life->of))
		i++;
	if (i == CT_LANES_MAX) {
		timeline->left_out++;
		return 0;
	}
	if (i == *count && new_lane(timeline, &open[(*count)++], life->of.task, i + 1))
		return -ENOMEM;
	open[i].ends[open[i].depth++] = life->of.end_ns;
	life->lane = open[i].lane;
	return 0;
}

int ct_timeline_make(const struct ct_snapshot *snapshot, struct ct_timeline *ret)
{
	struct open_lane *open = calloc(CT_LANES_MAX, sizeof(*open));
	uint32_t count = 0;
	int rc;

	*ret = (struct ct_timeline){ 0 };
	rc = open ? collect(snapshot, ret) : -ENOMEM;
	for (size_t i = 0; i < ret->count && !rc; i++) {
		if (i && ret->lives[i].of.task != ret->lives[i - 1].of.task)
			count = 0;
		rc = place(ret, open, &count, &ret->lives[i]);
	}
	free(open);
	if (rc)
		ct_timeline_done(ret);
	return rc;
}
