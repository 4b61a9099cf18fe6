// SPDX-License-Identifier: Apache-2.0
/*
 * lost-cancel: a derived context whose cancel function was never called and never will be.
 *
 * Go: two readings of the memory agree that it lives, is not cancelled, is retained, and that no cancel function for it
 * exists. C: the library said that its last user reference was dropped uncancelled. What nothing retains is garbage
 * waiting (net/http makes one per client request) and never reported. A loss that was proven stays one when the parent,
 * not the owner, ends the context later.
 */
#include "detect/detector.h"

static bool claims(const struct ct_detect_input *input, const struct ct_context *context, struct ct_claim *claim)
{
	return ct_context_is_lost(input, context, claim) && context->kind != CT_KIND_AFTER_FUNC &&
	       ct_context_is_judged(input, context) && !ct_context_is_armed(input, context) &&
	       !ct_context_is_ending(input, context) && ct_context_retention(input, context);
}

static bool claims_site(const struct ct_detect_input *input, uint32_t index, struct ct_claim *claim)
{
	return ct_site_has_losses(input, index, CT_LOSS_CANCEL, claim);
}

static bool judge(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding)
{
	finding->severity = ct_loss_severity(input, group);
	return true;
}

static void explain(const struct ct_detect_input *input, const struct ct_group *group,
		    const struct ct_finding *finding, struct ct_sentences *sentences)
{
	(void)finding;
	ct_explain_loss(input, group, &sentences->evidence);
	ct_advise_loss(input, group, &sentences->advice);
}

const struct ct_detector ct_detector_lost_cancel = {
	.kind = CT_FINDING_LOST_CANCEL,
	.claims = claims,
	.claims_site = claims_site,
	.judge = judge,
	.explain = explain,
};
