// SPDX-License-Identifier: Apache-2.0
/*
 * unstopped-after-func: 20 or more AfterFunc registrations of one site on one live parent whose stop functions no
 * longer exist, and growing. A dropped stop function alone is correct code: a shutdown hook, a request's own.
 *
 * A census knows no site, so the hooks of twenty packages on one root would be one pile, and one more of an eleventh
 * subsystem its growth. There as many as make a pile have to come while it looks. A reading in which a map of children
 * was torn may have missed some that the next one finds: then nothing is said.
 */
#include "detect/detector.h"

#define REGISTRATIONS_MIN 20

static bool claims(const struct ct_detect_input *input, const struct ct_context *context, struct ct_claim *claim)
{
	const struct ct_context *parent;

	if (context->kind != CT_KIND_AFTER_FUNC ||
	    (context->site == CT_SITE_UNKNOWN && !ct_window_is_census(input->window)))
		return false;
	if (!ct_context_is_lost(input, context, claim) || !ct_context_is_judged(input, context))
		return false;
	parent = ct_tree_parent(input->tree, context);
	if (!parent || parent->state & CT_CONTEXT_ENDED || !ct_context_retention(input, context))
		return false;
	claim->anchor = parent->id;
	return true;
}

static bool judge(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding)
{
	finding->severity = CT_SEVERITY_LEAK;
	if (group->site != CT_SITE_UNKNOWN)
		return ct_group_is_growing(input, group);
	return ct_group_grows_by_readings(input, group) && !input->window->has_torn_scan &&
	       group->count - group->oldest >= REGISTRATIONS_MIN;
}

static void explain(const struct ct_detect_input *input, const struct ct_group *group,
		    const struct ct_finding *finding, struct ct_sentences *sentences)
{
	struct ct_text *evidence = &sentences->evidence;

	(void)finding;
	ct_text_add_grouped(evidence, group->count);
	if (group->site == CT_SITE_UNKNOWN) {
		ct_text_add(evidence, " registrations hang on one live parent, none has a stop function left, and ");
		ct_text_add_growth_by_readings(evidence, group);
		ct_text_add(evidence, " (last read ");
		ct_text_add_moment(evidence, input, input->window->last_scan_ns);
		ct_text_add(evidence, ")");
		ct_advise_watching(input, &sentences->advice);
		return;
	}
	ct_text_add(evidence, " registrations of this site hang on one live parent, none has a stop function left, and "
			      "they grow: made between ");
	ct_text_add_duration(evidence, ct_group_first_ns(input, group) - input->window->begin_ns);
	ct_text_add(evidence, " and ");
	ct_text_add_moment(evidence, input, group->last_ns);
	if (group->is_weak)
		ct_text_add(evidence, "; events were lost since, so an end may have been missed");
	ct_text_add(&sentences->advice, "keep the stop function of the registration ");
	if (!ct_text_add_place(&sentences->advice, ct_tree_site(input->tree, group->site)))
		ct_text_add(&sentences->advice, "of this site");
	ct_text_add(&sentences->advice, " and call it when what it watches over is done");
}

const struct ct_detector ct_detector_unstopped_after_func = {
	.kind = CT_FINDING_UNSTOPPED_AFTER_FUNC,
	.crowd = REGISTRATIONS_MIN,
	.claims = claims,
	.judge = judge,
	.explain = explain,
};
