// SPDX-License-Identifier: Apache-2.0
/*
 * One run of all detectors. The contexts are walked twice: once to see where crowds are possible, once to gather the
 * groups. A detector that needs a crowd costs nothing but that count on a program that has none. Where a group has no
 * site, a third walk looks for the one that tells it.
 */
#include "detect/findings.h"

#include <errno.h>

/* Everything of one run. */
struct run {
	struct ct_detect_input input;
	struct ct_crowd crowd;
	struct ct_groups groups;
	uint64_t *lifetimes;
	bool *bounded;
	uint64_t young_lost;
	const struct ct_allocator *allocator;
};

/* Reasons whose moment was seen; a reused address tells only that the end was earlier. */
static uint64_t ended_in_sight(const struct ct_site *site)
{
	return site->ended[CT_REASON_EXPLICIT] + site->ended[CT_REASON_DEADLINE] + site->ended[CT_REASON_PARENT];
}

static int learn_lifetimes(struct run *run)
{
	const struct ct_tree *tree = run->input.tree;
	uint32_t sites = ct_tree_sites(tree);

	run->lifetimes = ct_allocate(run->allocator, (sites ? sites : 1) * sizeof(*run->lifetimes));
	if (!run->lifetimes)
		return -ENOMEM;
	for (uint32_t i = 0; i < sites; i++) {
		const struct ct_site *site = ct_tree_site(tree, i);

		if (ended_in_sight(site) >= CT_LIFETIMES_MIN)
			run->lifetimes[i] = ct_site_lifetime(site, 0.99);
	}
	run->input.lifetime_p99_ns = run->lifetimes;
	return 0;
}

/*
 * A jump in a CPU's numbers gives a gap, and the contexts alive across it carry CT_CONTEXT_GAP. What was dropped
 * without a number, what the caps refused, and a drop that is counted but has no gap yet leave no such trace.
 */
static bool has_untraced_loss(const struct ct_totals *totals)
{
	if (totals->refused_contexts || totals->counters[CT_COUNTER_RING_FULL] > totals->lost_events)
		return true;
	for (unsigned int i = 0; i < CT_COUNTER_END; i++)
		if (i != CT_COUNTER_RING_FULL && ct_counter_is_drop(i) && totals->counters[i])
			return true;
	return false;
}

static void count_crowds(struct run *run)
{
	const struct ct_tree *tree = run->input.tree;
	uint32_t end = ct_tree_end(tree);

	for (uint32_t i = 0; i < end; i++) {
		const struct ct_context *context = ct_tree_context(tree, i);

		for (uint8_t d = 0; context && d < CT_DETECTORS; d++) {
			struct ct_claim claim = { 0 };

			if (ct_detectors[d]->crowd && ct_detectors[d]->claims(&run->input, context, &claim))
				ct_crowd_add(&run->crowd, d, context->site, &claim);
		}
	}
}

static bool is_young_and_lost(const struct ct_detect_input *input, const struct ct_context *context)
{
	return context->state & CT_CONTEXT_LOST && !(context->state & (CT_CONTEXT_ENDED | CT_CONTEXT_UNRETAINED)) &&
	       ct_context_age(input, context) < input->options->min_age_ns && !ct_context_is_judged(input, context);
}

static int gather_context(struct run *run, const struct ct_context *context)
{
	run->young_lost += is_young_and_lost(&run->input, context);
	for (uint8_t d = 0; d < CT_DETECTORS; d++) {
		const struct ct_detector *detector = ct_detectors[d];
		struct ct_claim claim = { 0 };
		int rc;

		if (!detector->claims || !detector->claims(&run->input, context, &claim))
			continue;
		if (detector->crowd && ct_crowd_count(&run->crowd, d, context->site, &claim) < detector->crowd)
			continue;
		rc = ct_groups_add(&run->groups, &run->input, d, context, &claim);
		if (rc)
			return rc;
	}
	return 0;
}

static int gather_sites(struct run *run)
{
	uint32_t sites = ct_tree_sites(run->input.tree);
	int rc = 0;

	for (uint8_t d = 0; d < CT_DETECTORS; d++)
		for (uint32_t i = 0; i < sites && !rc && ct_detectors[d]->claims_site; i++) {
			struct ct_claim claim = { 0 };

			if (ct_detectors[d]->claims_site(&run->input, i, &claim))
				rc = ct_groups_touch(&run->groups, d, i, &claim);
		}
	return rc;
}

/* Which requests have a deadline somewhere below them? Asked only where one could matter. */
static int learn_bounds(struct run *run)
{
	const struct ct_tree *tree = run->input.tree;
	uint32_t end = ct_tree_end(tree);

	if (!run->input.totals->requests_live)
		return 0;
	run->bounded = ct_allocate(run->allocator, (ct_tree_requests_end(tree) + 1) * sizeof(*run->bounded));
	if (!run->bounded)
		return -ENOMEM;
	for (uint32_t i = 0; i < end; i++) {
		const struct ct_context *context = ct_tree_context(tree, i);
		uint32_t request = CT_INDEX_NONE;

		if (context && context->deadline_ns && !(context->state & CT_CONTEXT_ENDED))
			request = ct_tree_request_of(tree, context);
		if (request != CT_INDEX_NONE)
			run->bounded[request] = true;
	}
	run->input.bounded_requests = run->bounded;
	return 0;
}

static int gather_tasks(struct run *run)
{
	const struct ct_tree *tree = run->input.tree;
	uint32_t end = ct_tree_tasks_end(tree);
	int rc = 0;

	for (uint32_t i = 0; i < end; i++) {
		const struct ct_task *task = ct_tree_task(tree, i);

		for (uint8_t d = 0; task && d < CT_DETECTORS && !rc; d++) {
			struct ct_work work = { 0 };

			if (ct_detectors[d]->claims_task && ct_detectors[d]->claims_task(&run->input, task, &work))
				rc = ct_groups_add_work(&run->groups, d, CT_SUBJECT_TASKS, &work);
		}
	}
	return rc;
}

static int gather_requests(struct run *run)
{
	const struct ct_tree *tree = run->input.tree;
	uint32_t end = ct_tree_requests_end(tree);
	int rc = 0;

	for (uint32_t i = 0; i < end; i++)
		for (uint8_t d = 0; ct_tree_request(tree, i) && d < CT_DETECTORS && !rc; d++) {
			struct ct_work work = { 0 };

			if (ct_detectors[d]->claims_request && ct_detectors[d]->claims_request(&run->input, i, &work))
				rc = ct_groups_add_work(&run->groups, d, CT_SUBJECT_REQUESTS, &work);
		}
	return rc;
}

static int gather(struct run *run)
{
	const struct ct_tree *tree = run->input.tree;
	uint32_t end = ct_tree_end(tree);
	int rc = gather_sites(run);

	if (!rc)
		rc = gather_tasks(run);
	if (!rc)
		rc = gather_requests(run);
	count_crowds(run);
	for (uint32_t i = 0; i < end && !rc; i++) {
		const struct ct_context *context = ct_tree_context(tree, i);

		if (context)
			rc = gather_context(run, context);
	}
	return rc;
}

static void note_twins(struct run *run)
{
	const struct ct_tree *tree = run->input.tree;
	uint32_t end = run->groups.unknown_count ? ct_tree_end(tree) : 0;

	for (uint32_t i = 0; i < end; i++) {
		const struct ct_context *context = ct_tree_context(tree, i);

		for (uint8_t d = 0; context && context->site != CT_SITE_UNKNOWN && d < CT_FINDING_END; d++) {
			struct ct_claim claim = { 0 };

			if (ct_detectors[d]->claims && ct_detectors[d]->claims(&run->input, context, &claim))
				ct_groups_note_twin(&run->groups, &run->input, d, context, &claim);
		}
	}
}

static void run_done(struct run *run)
{
	ct_crowd_done(&run->crowd);
	ct_groups_done(&run->groups);
	ct_release(run->allocator, run->lifetimes);
	ct_release(run->allocator, run->bounded);
}

int ct_detect_run(const struct ct_tree *tree, uint64_t now_ns, const struct ct_detect_options *options,
		  const struct ct_allocator *allocator, struct ct_findings *ret_findings)
{
	struct ct_findings findings = { .allocator = allocator };
	struct run run = {
		.input = { .tree = tree,
			   .window = ct_tree_window(tree),
			   .totals = ct_tree_totals(tree),
			   .options = options,
			   .now_ns = now_ns,
			   .is_weakened = has_untraced_loss(ct_tree_totals(tree)) },
		.allocator = allocator,
	};
	int rc;

	ct_groups_init(&run.groups, allocator);
	rc = ct_crowd_init(&run.crowd, allocator);
	if (!rc)
		rc = learn_lifetimes(&run);
	if (!rc)
		rc = learn_bounds(&run);
	if (!rc)
		rc = gather(&run);
	if (!rc)
		note_twins(&run);
	if (!rc)
		rc = ct_findings_build(&findings, &run.groups, &run.input);
	run_done(&run);
	if (rc) {
		ct_findings_done(&findings);
		return rc;
	}
	findings.young_lost = run.young_lost;
	*ret_findings = findings;
	return 0;
}
