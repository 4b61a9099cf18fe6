// SPDX-License-Identifier: Apache-2.0
/*
 * defer-in-loop: 50 or more cancel functions of one site wait on one running goroutine's defer list, all for one call
 * of a function that does not return, and they grow. Memory shows the list itself, so this is proven whatever events
 * were lost. Contexts without a site are left out: "of one site" cannot be said of them. A recursion has each in a call
 * of its own, and a fan-out that makes a hundred at once and waits for them returns: both are correct.
 */
#include "detect/detector.h"

#define PENDING_MIN 50

static bool claims(const struct ct_detect_input *input, const struct ct_context *context, struct ct_claim *claim)
{
	if (!(context->state & CT_CONTEXT_DEFERRED) || context->state & CT_CONTEXT_MAKER_GONE)
		return false;
	if (context->site == CT_SITE_UNKNOWN || !context->task || !ct_context_is_judged(input, context))
		return false;
	claim->anchor = context->task;
	return true;
}

static bool judge(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding)
{
	finding->severity = CT_SEVERITY_LEAK;
	return ct_group_is_growing(input, group);
}

static void explain(const struct ct_detect_input *input, const struct ct_group *group,
		    const struct ct_finding *finding, struct ct_sentences *sentences)
{
	(void)finding;
	ct_text_add_grouped(&sentences->evidence, group->count);
	ct_text_addf(&sentences->evidence,
		     " cancel functions of this site wait on the defer list of goroutine %llu, which still runs (memory read ",
		     (unsigned long long)group->anchor);
	ct_text_add_moment(&sentences->evidence, input, input->window->last_scan_ns);
	ct_text_add(&sentences->evidence, ")");
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
