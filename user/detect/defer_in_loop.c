// SPDX-License-Identifier: Apache-2.0
/*
 * defer-in-loop: 50 or more cancel functions of one site wait on one running goroutine's defer list, all for one call
 * of a function that does not return, and they grow. Memory shows the list itself, so this is proven whatever events
 * were lost. A recursion has each in a call of its own, and a fan-out that makes a hundred at once and waits for them
 * returns: both are correct.
 *
 * A census knows no site. What it knows is as good: memory counts a pile only when it waits for one call, and that call
 * has one place. There the pile must have grown from reading to reading.
 */
#include "detect/detector.h"

#define PENDING_MIN 50

/* Of those whose site is unknown the latest reading's count too: the pile must be old enough, not each of them. */
static bool is_in_census(const struct ct_detect_input *input, const struct ct_context *context)
{
	bool can_be_cancelled = context->kind == CT_KIND_CANCEL || context->kind == CT_KIND_DEADLINE ||
				context->kind == CT_KIND_AFTER_FUNC;

	return ct_window_is_census(input->window) && !(context->state & CT_CONTEXT_ENDED) && can_be_cancelled;
}

static bool claims(const struct ct_detect_input *input, const struct ct_context *context, struct ct_claim *claim)
{
	if (!(context->state & CT_CONTEXT_DEFERRED) || context->state & CT_CONTEXT_MAKER_GONE || !context->task)
		return false;
	if (context->site == CT_SITE_UNKNOWN ? !is_in_census(input, context) : !ct_context_is_judged(input, context))
		return false;
	claim->anchor = context->task;
	return true;
}

static bool judge(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding)
{
	finding->severity = CT_SEVERITY_LEAK;
	if (group->site != CT_SITE_UNKNOWN)
		return ct_group_is_growing(input, group);
	return ct_group_grows_by_readings(input, group) && finding->oldest_ns >= input->options->min_age_ns;
}

static void explain(const struct ct_detect_input *input, const struct ct_group *group,
		    const struct ct_finding *finding, struct ct_sentences *sentences)
{
	bool is_unknown = group->site == CT_SITE_UNKNOWN;

	(void)finding;
	ct_text_add_grouped(&sentences->evidence, group->count);
	ct_text_addf(&sentences->evidence,
		     " cancel functions of %s wait on the defer list of goroutine %llu, which still runs",
		     is_unknown ? "one call" : "this site", (unsigned long long)group->anchor);
	if (is_unknown) {
		ct_text_add(&sentences->evidence, ", and ");
		ct_text_add_growth_by_readings(&sentences->evidence, group);
	}
	ct_text_add(&sentences->evidence, is_unknown ? " (last read " : " (memory read ");
	ct_text_add_moment(&sentences->evidence, input, input->window->last_scan_ns);
	ct_text_add(&sentences->evidence, ")");
	if (is_unknown) {
		ct_advise_watching(input, &sentences->advice);
		return;
	}
	ct_text_add(&sentences->advice, "call the cancel function ");
	if (!ct_text_add_place(&sentences->advice, ct_tree_site(input->tree, group->site)))
		ct_text_add(&sentences->advice, "of this site");
	ct_text_add(&sentences->advice,
		    " at the end of each round, or move the body of the loop into a function of its own");
}

const struct ct_detector ct_detector_defer_in_loop = {
	.kind = CT_FINDING_DEFER_IN_LOOP,
	.crowd = PENDING_MIN,
	.claims = claims,
	.judge = judge,
	.explain = explain,
};
