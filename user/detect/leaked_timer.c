// SPDX-License-Identifier: Apache-2.0
/*
 * leaked-timer: a lost cancel function (see lost_cancel.c) whose context has its own timer, and that timer is still
 * armed. Whatever else retains it, the timer holds it until the deadline. One that the timer has ended since, or the
 * parent before it, was held all the same.
 */
#include "detect/detector.h"

static bool claims(const struct ct_detect_input *input, const struct ct_context *context, struct ct_claim *claim)
{
	return context->kind == CT_KIND_DEADLINE && ct_context_is_lost(input, context, claim) &&
	       ct_context_is_judged(input, context) && ct_context_is_armed(input, context);
}

static bool claims_site(const struct ct_detect_input *input, uint32_t index, struct ct_claim *claim)
{
	return ct_site_has_losses(input, index, CT_LOSS_TIMER, claim);
}

static bool judge(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding)
{
	finding->severity = ct_loss_severity(input, group);
	return true;
}

static void explain(const struct ct_detect_input *input, const struct ct_group *group,
		    const struct ct_finding *finding, struct ct_sentences *sentences)
{
	struct ct_text *evidence = &sentences->evidence;

	(void)finding;
	ct_explain_loss(input, group, evidence);
	if (group->last_deadline_ns > input->now_ns) {
		ct_text_add(evidence, group->count > 1 ? "; the last timer fires in " : "; the timer fires in ");
		ct_text_add_duration(evidence, group->last_deadline_ns - input->now_ns);
	}
	ct_advise_loss(input, group, &sentences->advice);
}

const struct ct_detector ct_detector_leaked_timer = {
	.kind = CT_FINDING_LEAKED_TIMER,
	.claims = claims,
	.claims_site = claims_site,
	.judge = judge,
	.explain = explain,
};
