// SPDX-License-Identifier: Apache-2.0
/*
 * stale-parent: contexts derived from one that had ended more than the grace before: born dead, so whatever is done with
 * them fails at once or ignores them. The usual cause is a context kept in a struct after its request was over. Detached
 * links end the lineage; what the standard library derives is not the program's to change. Written in the source, so one
 * is enough.
 */
#include "detect/detector.h"

static bool claims_site(const struct ct_detect_input *input, uint32_t index, struct ct_claim *claim)
{
	(void)claim;
	return ct_tree_site(input->tree, index)->stale && !ct_site_is_standard(input, index);
}

static bool judge(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding)
{
	finding->severity = CT_SEVERITY_WARNING;
	finding->count = ct_tree_site(input->tree, group->site)->stale;
	finding->confidence = input->is_weakened ? CT_CONFIDENCE_SUSPECTED : CT_CONFIDENCE_CONFIRMED;
	return true;
}

static void explain(const struct ct_detect_input *input, const struct ct_group *group,
		    const struct ct_finding *finding, struct ct_sentences *sentences)
{
	ct_text_add_grouped(&sentences->evidence, finding->count);
	ct_text_add(&sentences->evidence, finding->count == 1 ? " context was" : " contexts were");
	ct_text_add(&sentences->evidence, " derived here from one that had ended before, up to ");
	ct_text_add_duration(&sentences->evidence, ct_tree_site(input->tree, group->site)->stalest_ns);
	ct_text_add(&sentences->evidence, " earlier");
	ct_text_add(&sentences->advice, "pass the context of the work at hand as a parameter instead of keeping an older one");
}

const struct ct_detector ct_detector_stale_parent = {
	.kind = CT_FINDING_STALE_PARENT,
	.claims_site = claims_site,
	.judge = judge,
	.explain = explain,
};
