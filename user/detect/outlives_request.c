// SPDX-License-Identifier: Apache-2.0
/*
 * outlives-request: a goroutine or thread that was started with a context of a request, and still runs when the request
 * has been over for the grace. Nobody waits for what it does, and what it holds is not given back.
 *
 * Silent by design: work that was started without a context of the request, or with one behind a detached link (pools,
 * workers started lazily, jobs detached on purpose, by themselves too); what the standard library starts, which minds its
 * contexts itself; what a hijacked connection left behind. Where memory was read, only what it shows running counts.
 */
#include "detect/detector.h"

static bool claims_task(const struct ct_detect_input *input, const struct ct_task *task, struct ct_work *work)
{
	const struct ct_request *request = ct_tree_request(input->tree, task->request);

	return request && ct_work_of_task(input, task, request->over_ns, work);
}

static bool judge(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding)
{
	(void)input;
	(void)group;
	finding->severity = CT_SEVERITY_LEAK;
	return true;
}

static void explain(const struct ct_detect_input *input, const struct ct_group *group,
		    const struct ct_finding *finding, struct ct_sentences *sentences)
{
	ct_text_add_tasks(&sentences->evidence, input, finding->count);
	ct_text_add(&sentences->evidence, finding->count == 1 ? " that was" : " that were");
	ct_text_add(&sentences->evidence, " started with a context of a request still run");
	ct_text_add(&sentences->evidence, finding->count == 1 ? "s " : ", the longest ");
	ct_text_add_duration(&sentences->evidence, finding->oldest_ns);
	ct_text_add(&sentences->evidence, " after its handler returned");
	if (ct_work_is_read(input) && !group->is_weak)
		ct_text_add(&sentences->evidence, "; memory shows each of them");
	ct_text_add(&sentences->advice, "end when the context does, or hand it one that is detached on purpose ");
	ct_text_add(&sentences->advice, input->window->runtime == CT_RUNTIME_GO ? "(context.WithoutCancel)" :
										       "(cctx_without_cancel)");
}

const struct ct_detector ct_detector_outlives_request = {
	.kind = CT_FINDING_OUTLIVES_REQUEST,
	.claims_task = claims_task,
	.judge = judge,
	.explain = explain,
};
