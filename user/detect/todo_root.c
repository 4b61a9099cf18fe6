// SPDX-License-Identifier: Apache-2.0
/*
 * todo-root: contexts that hang off context.TODO(), per site, ended ones included. Written in the source, so one is
 * enough and no age matters. Only sites that derive from TODO itself: what hangs further down is mended with them. The
 * standard library's own use is not the program's to change; a site whose frames are unknown might be such a use and is
 * left out.
 */
#include "detect/detector.h"

static bool claims_site(const struct ct_detect_input *input, uint32_t index, struct ct_claim *claim)
{
	const struct ct_site *site = ct_tree_site(input->tree, index);
	struct ct_frame first;
	uint32_t cursor = 0;

	(void)claim;
	return index != CT_SITE_UNKNOWN && site->is_todo_root && site->todo_rooted &&
	       ct_frame_next(site, &cursor, &first) && !(first.flags & CT_FRAME_STDLIB);
}

static bool claims(const struct ct_detect_input *input, const struct ct_context *context, struct ct_claim *claim)
{
	return context->is_todo && !(context->state & CT_CONTEXT_ENDED) && claims_site(input, context->site, claim);
}

static bool is_in_request(const struct ct_detect_input *input, const struct ct_group *group)
{
	return group->is_in_request ||
	       (ct_tree_site(input->tree, group->site)->todo_in_request && !input->window->serves_several);
}

static bool judge(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding)
{
	const struct ct_site *site = ct_tree_site(input->tree, group->site);

	finding->severity = is_in_request(input, group) ? CT_SEVERITY_WARNING : CT_SEVERITY_HINT;
	finding->count = site->todo_rooted;
	finding->retained_by = 0;
	finding->retained_bytes = 0;
	return true;
}

static const char *root_name(const struct ct_detect_input *input)
{
	return input->window->runtime == CT_RUNTIME_GO ? "context.TODO()" : "the todo root";
}

static void explain(const struct ct_detect_input *input, const struct ct_group *group,
		    const struct ct_finding *finding, struct ct_sentences *sentences)
{
	ct_text_add_grouped(&sentences->evidence, finding->count);
	ct_text_add(&sentences->evidence, finding->count == 1 ? " context was" : " contexts were");
	ct_text_addf(&sentences->evidence, " derived from %s here", root_name(input));
	if (group->is_in_request)
		ct_text_add(&sentences->evidence, ", below a request that is being served");
	else if (is_in_request(input, group))
		ct_text_add(&sentences->evidence, " while a request was being served");
	ct_text_add(&sentences->advice, "hand the caller's context to the one ");
	ct_text_add_place(&sentences->advice, ct_tree_site(input->tree, group->site));
	ct_text_addf(&sentences->advice, " instead of %s", root_name(input));
}

const struct ct_detector ct_detector_todo_root = {
	.kind = CT_FINDING_TODO_ROOT,
	.claims = claims,
	.claims_site = claims_site,
	.judge = judge,
	.explain = explain,
};
