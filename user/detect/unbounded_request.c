// SPDX-License-Identifier: Apache-2.0
/*
 * unbounded-request: a request that has been served for longer than --min-age, with no deadline on its path nor on any
 * live context below it: when what it waits for never comes, it waits for ever. Hijacked connections, answers sent in
 * pieces, and what reads from its client or writes to it last as long as the client wants; a handler that waits for a timer
 * beside what it waits for (a long poll) has a bound of its own, and so had one in which a deadline has passed; a request whose server task is not known is not spoken of.
 */
#include "detect/detector.h"

static bool has_deadline_above(const struct ct_detect_input *input, const struct ct_context *context)
{
	for (int hop = 0; context; hop++) {
		if (context->deadline_ns || hop == CT_ANCESTORS_MAX)
			return true;
		context = ct_tree_parent(input->tree, context);
	}
	return false;
}

static bool claims_request(const struct ct_detect_input *input, uint32_t index, struct ct_work *work)
{
	const struct ct_request *request = ct_tree_request(input->tree, index);
	const struct ct_context *context = ct_tree_find(input->tree, request->context);
	const uint8_t by_design = CT_REQUEST_IS_STREAM | CT_REQUEST_IS_DETACHED | CT_REQUEST_AWAITS_CLIENT |
				  CT_REQUEST_AWAITS_TIMER | CT_REQUEST_HAD_DEADLINE;

	if (request->flags & by_design || request->cancelled_ns)
		return false;
	if (input->now_ns < request->begin_ns + input->options->min_age_ns || !context ||
	    context->id != request->context_id)
		return false;
	if (has_deadline_above(input, context) || (input->bounded_requests && input->bounded_requests[index]))
		return false;
	return ct_work_of_handler(input, index, request->begin_ns, work);
}

static bool judge(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding)
{
	(void)input;
	(void)group;
	finding->severity = CT_SEVERITY_WARNING;
	return true;
}

static void explain(const struct ct_detect_input *input, const struct ct_group *group,
		    const struct ct_finding *finding, struct ct_sentences *sentences)
{
	(void)input;
	(void)group;
	ct_text_add_grouped(&sentences->evidence, finding->count);
	ct_text_add(&sentences->evidence, finding->count == 1 ? " request has" : " requests have");
	ct_text_add(&sentences->evidence, " been served for up to ");
	ct_text_add_duration(&sentences->evidence, finding->oldest_ns);
	ct_text_add(&sentences->evidence, ", and no context above or below has a deadline");
	ct_text_add(&sentences->advice, "give the request a deadline where it enters, and pass its context to everything that "
					"blocks");
}

const struct ct_detector ct_detector_unbounded_request = {
	.kind = CT_FINDING_UNBOUNDED_REQUEST,
	.claims_request = claims_request,
	.judge = judge,
	.explain = explain,
};
