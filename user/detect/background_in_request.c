// SPDX-License-Identifier: Apache-2.0
/*
 * background-in-request: contexts derived from context.Background() by a task that was serving a request: neither the
 * request's deadline nor its end reaches them. context.WithoutCancel says the same on purpose and is silent; so is what
 * the standard library derives, and what a module that the program depends on does for connections, pools, clients that
 * live on: its owner knows why, and the program's cannot change it. Written in the source, so one is enough.
 */
#include "detect/detector.h"

#include <string.h>

/* The files of such a module lie in the module cache, below module@version; -trimpath leaves that. */
static bool is_of_dependency(const struct ct_site *site)
{
	struct ct_frame frame;
	uint32_t cursor = 0;
	const char *at = ct_frame_next(site, &cursor, &frame) ? strstr(frame.file, "@v") : NULL;

	return at && at[2] >= '0' && at[2] <= '9';
}

static bool claims_site(const struct ct_detect_input *input, uint32_t index, struct ct_claim *claim)
{
	(void)claim;
	return ct_tree_site(input->tree, index)->rooted_in_request && !input->window->serves_several &&
	       !ct_site_is_standard(input, index) && !is_of_dependency(ct_tree_site(input->tree, index));
}

static bool judge(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding)
{
	finding->severity = CT_SEVERITY_WARNING;
	finding->count = ct_tree_site(input->tree, group->site)->rooted_in_request;
	finding->confidence = input->is_weakened ? CT_CONFIDENCE_SUSPECTED : CT_CONFIDENCE_CONFIRMED;
	return true;
}

static void explain(const struct ct_detect_input *input, const struct ct_group *group,
		    const struct ct_finding *finding, struct ct_sentences *sentences)
{
	bool is_go = input->window->runtime == CT_RUNTIME_GO;

	ct_text_add_grouped(&sentences->evidence, finding->count);
	ct_text_add(&sentences->evidence, finding->count == 1 ? " context was" : " contexts were");
	ct_text_addf(&sentences->evidence, " derived here from %s while a request was being served",
		     is_go ? "context.Background()" : "the background root");
	ct_text_add(&sentences->advice, "derive the one ");
	ct_text_add_place(&sentences->advice, ct_tree_site(input->tree, group->site));
	ct_text_addf(&sentences->advice, " from the request's context, or from %s where it shall go on",
		     is_go ? "context.WithoutCancel of it" : "cctx_without_cancel() of it");
}

const struct ct_detector ct_detector_background_in_request = {
	.kind = CT_FINDING_BACKGROUND_IN_REQUEST,
	.claims_site = claims_site,
	.judge = judge,
	.explain = explain,
};
