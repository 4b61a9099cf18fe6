// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.h"
#include "agent/child.h"
#include "agent/live.h"
#include "agent/output.h"
#include "agent/run_advice.h"

#include <sys/wait.h>

/*
 * Attach, watch, report. Returns the status for everything but CMD's own failure; the probes are still in place.
 * `ret_runs`: the command was let go, and is no longer ours to kill.
 */
static int session(struct ct_live *live, pid_t pid, bool *ret_runs)
{
	struct ct_outputs outputs = { 0 };
	struct ct_pipeline pipeline = { 0 };
	struct ct_error error = CT_ERROR_INIT;
	int status = CT_STATUS_USAGE;

	live->pipeline = &pipeline;
	if (ct_pipeline_init(&pipeline, live->options, &error) || ct_outputs_open(&outputs, live->options, &error) ||
	    ct_pages_open(&live->pages, live, &error)) {
		ct_complain(&error);
		goto out;
	}
	status = CT_STATUS_ATTACH;
	if (ct_live_attach(live, pid, &error)) {
		ct_run_hint(live, &error);
		ct_complain(&error);
		goto out;
	}
	ct_run_advise(live);
	if (live->child && ct_child_release(live->child, &error)) {
		ct_complain(&error);
		goto out;
	}
	*ret_runs = true;
	if (ct_live_watch(live, &error))
		ct_complain(&error);
	else
		status = ct_conclude(&pipeline, &outputs); // before the detach, which may take a while
out:
	ct_outputs_done(&outputs);
	ct_pipeline_done(&pipeline);
	return status;
}

int ct_agent_watch(const struct ct_options *options)
{
	struct ct_live live = { .options = options };
	bool runs = false;
	int status = session(&live, options->pid, &runs);

	ct_live_done(&live);
	return status;
}

/*
 * CMD's own failure comes before findings, what could not be written before both. A command that outlives the window runs
 * on: its status is unknown then. One that was seen to end may take a moment more to have a status.
 */
static int status_of_run(const struct ct_options *options, pid_t child, int status, bool is_ending)
{
	int child_status = 0;
	siginfo_t info = { 0 };

	if (is_ending)
		waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
	if (!ct_child_has_ended(child, &child_status))
		return status;
	if (status == CT_STATUS_USAGE && options->exit_code != CT_STATUS_USAGE)
		return status;
	return child_status ? child_status : status;
}

int ct_agent_run(const struct ct_options *options)
{
	struct ct_live live = { .options = options };
	struct ct_error error = CT_ERROR_INIT;
	bool runs = false, is_ending;
	int status;
	pid_t child;

	if (ct_child_start(options->command_argv, &child, &status, &error)) {
		ct_complain(&error);
		return status;
	}
	live.child = child;
	status = session(&live, child, &runs);
	is_ending = !options->duration_ns || (live.has_exited && !live.has_execed);
	ct_live_done(&live);
	if (runs)
		return status_of_run(options, child, status, is_ending);
	ct_child_kill(child);
	return status;
}
