// SPDX-License-Identifier: Apache-2.0
/*
 * outlives-request: a goroutine or thread that was started with a context of a request, and still runs when the request
 * has been over for the grace. Nobody waits for what it does, and what it holds is not given back.
 *
 * Silent by design: work that was started without a context of the request, or with one behind a detached link (pools,
 * workers started lazily, jobs detached on purpose, by themselves too); what the standard library starts, which minds its
 * contexts itself; what a hijacked connection left behind; what a request left whose context ended and whose server is not
 * known: it may be served still. Where memory was read, only what it shows running counts.
 *
 * C threads that were started while a request was served, and hold no context of it as far as anybody knows, are a hint,
 * where several requests have left one behind at the same place: a single one is a logger, a cache's keeper, a pool that is
 * made by whoever needs it first.
 */
#include "detect/detector.h"

static bool claims_task(const struct ct_detect_input *input, const struct ct_task *task, struct ct_work *work)
{
	const struct ct_request *request = ct_tree_request(input->tree, task->request);

	return request && !(request->flags & CT_REQUEST_IS_GUESSED_OVER) &&
	       ct_work_of_task(input, task, request->over_ns, work);
}

static bool judge(const struct ct_detect_input *input, const struct ct_group *group, struct ct_finding *finding)
{
	(void)input;
	finding->severity = group->work.is_by_parentage ? CT_SEVERITY_HINT : CT_SEVERITY_LEAK;
	return !group->work.is_by_parentage || group->has_requests;
}

/* Of threads the function they run is told: what starts them may be a helper of many. */
static void add_entry(const struct ct_detect_input *input, const struct ct_group *group, struct ct_text *text)
{
	struct ct_frame frame;
	uint32_t cursor = 0;

	if (group->work.entry == CT_SITE_UNKNOWN ||
	    !ct_frame_next(ct_tree_site(input->tree, group->work.entry), &cursor, &frame))
		return;
	if (frame.function[0] >= '0' && frame.function[0] <= '9') // no name, an address
		return;
	ct_text_add(text, " in ");
	ct_text_add_escaped(text, frame.function, 96);
}

static void explain(const struct ct_detect_input *input, const struct ct_group *group,
		    const struct ct_finding *finding, struct ct_sentences *sentences)
{
	bool is_one = finding->count == 1, is_hint = group->work.is_by_parentage;

	ct_text_add_tasks(&sentences->evidence, input, finding->count);
	add_entry(input, group, &sentences->evidence);
	ct_text_add(&sentences->evidence, is_one ? " that was" : " that were");
	ct_text_add(&sentences->evidence, is_hint ? " started while a request was served still run" :
						    " started with a context of a request still run");
	ct_text_add(&sentences->evidence, is_one ? "s " : ", the longest ");
	ct_text_add_duration(&sentences->evidence, finding->oldest_ns);
	ct_text_add(&sentences->evidence, is_hint ? " after it had ended; no context of it is known to be held" :
						    " after its handler returned");
	if (ct_work_is_read(input) && !group->is_weak)
		ct_text_add(&sentences->evidence, group->has_open ? "; memory has shown that what starts there goes on" :
								    "; memory shows each of them");
	if (is_hint) {
		ct_text_add(&sentences->advice, "if they work for the request, give them its context and end when it does; if "
						"they are meant to live on, start them where no request is served");
		return;
	}
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
