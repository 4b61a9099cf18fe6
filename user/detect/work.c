// SPDX-License-Identifier: Apache-2.0
/* The facts about tasks and requests that several detectors need. */
#include "detect/detector.h"

#include "ctxtrace/explain.h"

static bool has_frame(const struct ct_site *site, struct ct_frame *ret_first)
{
	uint32_t cursor = 0;

	return site && ct_frame_next(site, &cursor, ret_first);
}

bool ct_site_is_standard(const struct ct_detect_input *input, uint32_t site)
{
	struct ct_frame first;

	return site == CT_SITE_UNKNOWN || !has_frame(ct_tree_site(input->tree, site), &first) ||
	       first.flags & CT_FRAME_STDLIB;
}

bool ct_work_is_read(const struct ct_detect_input *input)
{
	return ct_tree_goroutine_totals(input->tree)->read_ns != 0;
}

/*
 * Memory's word on work that was there at `since_ns`. A C program says itself when its work begins and ends. Of a Go
 * program's, what is younger than the last reading of all goroutines is open until the next one; what that reading did not
 * meet has ended.
 */
static enum ct_work_proof proof_of(const struct ct_detect_input *input, const struct ct_task *task, uint64_t since_ns)
{
	uint64_t read_ns = ct_tree_goroutine_totals(input->tree)->read_ns;

	if (input->window->runtime != CT_RUNTIME_GO)
		return CT_WORK_PROVEN;
	if (!read_ns || since_ns > read_ns)
		return CT_WORK_OPEN;
	return task->seen_ns == read_ns ? CT_WORK_PROVEN : CT_WORK_ENDED;
}

enum ct_work_proof ct_request_proof(const struct ct_detect_input *input, const struct ct_request *request)
{
	const struct ct_task *task = request->task ? ct_tree_task_of(input->tree, request->task) : NULL;
	enum ct_work_proof proof;

	if (request->over_ns || request->flags & CT_REQUEST_IS_HIJACKED)
		return CT_WORK_ENDED;
	if (input->window->runtime != CT_RUNTIME_GO)
		return CT_WORK_PROVEN;
	if (!task)
		return CT_WORK_ENDED;
	proof = proof_of(input, task, request->begin_ns);
	return proof == CT_WORK_PROVEN && request->handler == CT_SITE_UNKNOWN ? CT_WORK_ENDED : proof;
}

bool ct_work_is_overdue(const struct ct_detect_input *input, uint64_t since_ns)
{
	return since_ns && input->now_ns > since_ns && input->now_ns - since_ns > input->options->grace_ns;
}

/* Threads that go from one request to the next; those beside them have only not come to it yet. */
static bool is_worker(const struct ct_detect_input *input, const struct ct_task *task)
{
	return task->is_worker || (!task->is_explicit && ct_tree_site(input->tree, task->site)->starts_workers);
}

/* Are others known that were started at the same place, and were none that detached themselves? */
static bool is_known_site(const struct ct_detect_input *input, uint32_t index)
{
	const struct ct_site *site = ct_tree_site(input->tree, index);

	return site->leaves_work && !site->may_detach;
}

bool ct_work_of_task(const struct ct_detect_input *input, const struct ct_task *task, uint64_t since_ns,
		     struct ct_work *ret_work)
{
	const struct ct_request *request = ct_tree_request(input->tree, task->request);
	enum ct_work_proof proof = proof_of(input, task, task->start_ns);
	bool is_open = proof == CT_WORK_OPEN;

	if (!ct_work_is_overdue(input, since_ns) || request->flags & CT_REQUEST_IS_HIJACKED || task->task == request->task)
		return false;
	if (proof == CT_WORK_ENDED || task->is_boxed || ct_site_is_standard(input, task->site))
		return false;
	if (task->is_awaited || is_worker(input, task))
		return false;
	*ret_work = (struct ct_work){
		.site = task->site,
		.at = task->at,
		.since_ns = since_ns,
		.request = task->request,
		.route = request->route,
		.entry = task->is_of_library ? CT_SITE_UNKNOWN : task->entry,
		.is_open = is_open,
		.is_by_parentage = !ct_tree_task_holds(input->tree, task),
		// Where memory is not read, an end may be among the lost events.
		.is_weak = input->is_weakened || (is_open && !is_known_site(input, task->site)) ||
			   (!ct_work_is_read(input) && ct_tree_task_has_gap(input->tree, task)),
	};
	return true;
}

bool ct_work_of_handler(const struct ct_detect_input *input, uint32_t index, uint64_t since_ns, struct ct_work *ret_work)
{
	const struct ct_request *request = ct_tree_request(input->tree, index);
	const struct ct_task *task = ct_tree_task_of(input->tree, request->task);
	enum ct_work_proof proof = ct_request_proof(input, request);

	if (proof == CT_WORK_ENDED)
		return false;
	*ret_work = (struct ct_work){
		.site = request->handler == CT_SITE_UNKNOWN ? request->site : request->handler,
		.at = task ? task->at : CT_SITE_UNKNOWN,
		.since_ns = since_ns,
		.request = index,
		.route = request->route,
		.is_handler = true,
		.is_weak = input->is_weakened || proof == CT_WORK_OPEN,
	};
	return true;
}

void ct_text_add_tasks(struct ct_text *text, const struct ct_detect_input *input, uint64_t count)
{
	const char *name = input->window->runtime == CT_RUNTIME_GO ? "goroutine" : "thread";

	ct_text_add_grouped(text, count);
	ct_text_addf(text, " %s%s", name, count == 1 ? "" : "s");
}
