// SPDX-License-Identifier: Apache-2.0
/*
 * ignored-cancel: the context of a request was cancelled while the request was being served (the client went away, a
 * deadline passed), and a task that holds it, the handler included, still runs when the grace is over; or the deadline of
 * the context that a task was started with has passed. Once the handler
 * has returned, what it started is outlives-request instead.
 */
#include "detect/detector.h"

static bool claims_task(const struct ct_detect_input *input, const struct ct_task *task, struct ct_work *work)
{
	const struct ct_request *request = ct_tree_request(input->tree, task->request);
	uint64_t since_ns = request ? request->cancelled_ns : 0;

	if (!request || request->over_ns)
		return false;
	if (!since_ns)
		since_ns = ct_tree_task_deadline_passed(input->tree, task);
	return ct_work_of_task(input, task, since_ns, work) && !work->is_by_parentage;
}

static bool claims_request(const struct ct_detect_input *input, uint32_t index, struct ct_work *work)
{
	const struct ct_request *request = ct_tree_request(input->tree, index);

	if (!ct_work_is_overdue(input, request->cancelled_ns))
		return false;
	// it tidies up, or heeds another context: what it does then is its own decision
	if (request->flags & (CT_REQUEST_IS_DETACHED | CT_REQUEST_AWAITS_CONTEXT))
		return false;
	return ct_work_of_handler(input, index, request->cancelled_ns, work);
}

static bool judge(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding)
{
	(void)input;
	(void)group;
	finding->severity = CT_SEVERITY_WARNING;
	return true;
}

/* Who cancelled it, where that is known. */
static void add_canceller(const struct ct_detect_input *input, const struct ct_request *request, struct ct_text *text)
{
	const struct ct_site *by = ct_tree_site(input->tree, request->cancelled_by);
	struct ct_frame frame;
	uint32_t cursor = 0;

	if (request->cancel_reason == CT_REASON_DEADLINE) {
		ct_text_add(text, " by its deadline");
	} else if (by->flags & CT_SITE_CLIENT_GONE) {
		ct_text_add(text, " because the client went away");
	} else if (request->cancelled_by != CT_SITE_UNKNOWN && ct_frame_next(by, &cursor, &frame)) {
		ct_text_add(text, " by ");
		ct_text_add_escaped(text, frame.function, 96);
	}
}

static void explain(const struct ct_detect_input *input, const struct ct_group *group,
		    const struct ct_finding *finding, struct ct_sentences *sentences)
{
	const struct ct_request *request = ct_tree_request(input->tree, group->work.request);

	ct_text_add_grouped(&sentences->evidence, finding->count);
	ct_text_add(&sentences->evidence, group->work.is_handler ? " request" : " task");
	ct_text_add(&sentences->evidence, finding->count == 1 ? " goes on" : "s go on, the longest");
	ct_text_add(&sentences->evidence, " ");
	ct_text_add_duration(&sentences->evidence, finding->oldest_ns);
	ct_text_add(&sentences->evidence, " after the context was cancelled");
	if (request && request->cancelled_ns)
		add_canceller(input, request, &sentences->evidence);
	else if (request)
		ct_text_add(&sentences->evidence, " by its deadline");
	ct_text_add(&sentences->advice, "look at the context at every blocking point and in every round of a loop, and return "
					"when it is done");
}

const struct ct_detector ct_detector_ignored_cancel = {
	.kind = CT_FINDING_IGNORED_CANCEL,
	.claims_task = claims_task,
	.claims_request = claims_request,
	.judge = judge,
	.explain = explain,
};
