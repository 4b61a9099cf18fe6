// SPDX-License-Identifier: Apache-2.0
#include "agent/live.h"

#include "agent/clock.h"
#include "agent/last_moment.h"
#include "agent/privileges.h"
#include "base/text.h"
#include "provider/attach.h"
#include "provider/causes.h"
#include "provider/context_library.h"
#include "provider/process_symbols.h"
#include "provider/target.h"
#include "source/source_live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static size_t points_of(const struct ct_live *live)
{
	size_t points = 0;

	for (size_t i = 0; i < live->plans_count; i++)
		points += live->plans[i].points_count;
	return points;
}

static uint8_t target_flags(const struct ct_live *live)
{
	bool is_unknown = live->scanner.census && !ct_census_is_known_release(live->scanner.census);

	return (uint8_t)((ct_target_is_stripped(live->target) ? CT_TARGET_STRIPPED : 0) |
			 (is_unknown ? CT_TARGET_UNKNOWN_RELEASE : 0));
}

/* Events made in user space before the window opens: who is watched, and through which providers. */
static int push_target(struct ct_live *live)
{
	struct {
		struct ct_event_target event;
		char strings[4096];
	} block = { 0 };
	const char *strings[] = { ct_target_exe(live->target), ct_target_runtime_version(live->target),
				  ct_target_build_id(live->target) };
	size_t used = 0;

	for (size_t i = 0; i < 3; i++) {
		size_t length = strnlen(strings[i], sizeof(block.strings) / 3 - 1);

		memcpy(block.strings + used, strings[i], length);
		used += length + 1;
	}
	block.event = (struct ct_event_target){
		.header = { .time_ns = ct_clock_ns(),
			    .type = CT_EVENT_TARGET,
			    .flags = target_flags(live) },
		.pid = (uint32_t)ct_target_pid(live->target),
		.runtime = (uint8_t)live->config.runtime,
		.start_time_ns = ct_target_start_time(live->target),
		.strings_bytes = used,
	};
	return ct_pipeline_push(live->pipeline, &(struct ct_event){ .target = &block.event,
								     .bytes = sizeof(block.event) + used });
}

static int push_rules(struct ct_live *live)
{
	struct ct_event_rules event = {
		.header = { .time_ns = ct_clock_ns(),
			    .type = CT_EVENT_RULES,
			    .flags = live->options->has_min_age ? CT_RULES_AGE_CHOSEN : 0 },
		.min_age_ns = live->options->min_age_ns,
		.grace_ns = live->options->grace_ns,
	};

	return ct_pipeline_push(live->pipeline, &(struct ct_event){ .rules = &event, .bytes = sizeof(event) });
}

static int push_provider(struct ct_live *live, const struct ct_plan *plan)
{
	struct {
		struct ct_event_provider event;
		char name[40];
	} block = { 0 };
	size_t length = strnlen(plan->provider, sizeof(block.name) - 1);

	memcpy(block.name, plan->provider, length);
	block.event = (struct ct_event_provider){
		.header = { .time_ns = ct_clock_ns(), .type = CT_EVENT_PROVIDER },
		.attach_points = (uint32_t)plan->points_count,
		.name_bytes = (uint32_t)length + 1,
	};
	return ct_pipeline_push(live->pipeline, &(struct ct_event){ .provider = &block.event,
								     .bytes = sizeof(block.event) + length + 1 });
}

static int push_begin(struct ct_live *live)
{
	struct ct_event_begin event = {
		.header = { .time_ns = ct_clock_ns(), .type = CT_EVENT_BEGIN },
		.wall_clock_ns = ct_clock_read(CLOCK_REALTIME),
	};

	return ct_pipeline_push(live->pipeline, &(struct ct_event){ .begin = &event, .bytes = sizeof(event) });
}

/* A plan of which nothing is left is none. */
static void drop_empty_plans(struct ct_live *live)
{
	size_t kept = 0;

	for (size_t i = 0; i < live->plans_count; i++) {
		if (live->plans[i].points_count)
			live->plans[kept++] = live->plans[i];
		else
			ct_plan_done(&live->plans[i]);
	}
	live->plans_count = kept;
}

/* Goroutines and threads are the user's to leave out. */
static void drop_task_points(struct ct_live *live)
{
	static const enum ct_role roles[] = { CT_ROLE_GO_TASK_START, CT_ROLE_GO_TASK_END, CT_ROLE_C_TASK_BEGIN,
					      CT_ROLE_C_TASK_END, CT_ROLE_C_SPAWN, CT_ROLE_C_JOIN };

	for (size_t i = 0; i < live->plans_count; i++)
		for (size_t j = 0; j < sizeof(roles) / sizeof(roles[0]); j++)
			ct_plan_remove(&live->plans[i], roles[j]);
	live->config.watch_threads = 0;
	drop_empty_plans(live);
}

/*
 * A target whose memory cannot be asked is watched all the same: nothing is confirmed then. `refused` says why, and is
 * told once watching has begun: before that it may only be the first sign of a process that has ended.
 */
static void prepare_census(struct ct_live *live, struct ct_error *refused)
{
	if (live->config.runtime == CT_RUNTIME_GO)
		ct_census_new((int)ct_target_pid(live->target), ct_target_binary(live->target),
			      ct_target_load_bias(live->target), live->config.go.time_base_ns, &live->scanner.census,
			      refused);
}

static int attach_plans(struct ct_live *live, struct ct_error *reterr)
{
	struct ct_attach_options wishes = {
		.force_perf = live->options->force_perf,
		.ring_bytes = live->options->ring_bytes,
	};
	int rc = ct_attach_new(ct_target_pid(live->target), &live->config, live->plans, live->plans_count, &wishes,
			       &live->attach, reterr);

	return rc ?: ct_source_live_new(ct_attach_ring_fd(live->attach), ct_attach_counters_fd(live->attach), &live->source,
				       reterr);
}

/* -v: what was attached, how, and what was not. */
static void tell_plan(const struct ct_plan *plan)
{
	struct ct_text text = { 0 };

	ct_text_addf(&text, "ctxtrace: provider %s: %zu probes in ", plan->provider, plan->points_count);
	ct_text_add_escaped(&text, plan->path, 400);
	for (size_t i = 0; i < plan->refusals_count; i++) {
		ct_text_add(&text, "\nctxtrace: not probed: ");
		ct_text_add_escaped(&text, plan->refusals[i].symbol, 200);
		ct_text_addf(&text, ": %s", plan->refusals[i].reason);
	}
	if (!text.failed)
		fprintf(stderr, "%s\n", text.data);
	ct_text_done(&text);
}

static void tell_watching(const struct ct_live *live, uint64_t began_ns, const struct ct_error *no_census)
{
	const struct ct_attach_figures *figures = ct_attach_figures(live->attach);

	if (live->options->is_verbose) {
		for (size_t i = 0; i < live->plans_count; i++)
			tell_plan(&live->plans[i]);
		fprintf(stderr, "ctxtrace: attached by %zu %s links in %llu ms\n", figures->links,
			figures->is_multi ? "uprobe_multi" : "perf_event",
			(unsigned long long)(figures->elapsed_ns / CT_NSEC_PER_MSEC));
	}
	if (!live->options->is_quiet)
		fprintf(stderr, "ctxtrace: watching %d (%zu probes, %llu ms)\n", (int)ct_target_pid(live->target),
			points_of(live), (unsigned long long)((ct_clock_ns() - began_ns) / CT_NSEC_PER_MSEC));
	if (no_census->code && !live->options->is_quiet)
		fprintf(stderr, "ctxtrace: memory cannot be asked, nothing will be confirmed: %s\n", no_census->message);
}

/* A C program keeps no list of its contexts, but for those of the library that does. */
static int open_c_memory(struct ct_live *live, struct ct_error *reterr)
{
	int pid = (int)ct_target_pid(live->target);
	uint64_t address;

	if (ct_context_library_census(live->target, &address))
		return ct_census_new_c(pid, address, &live->scanner.census, reterr);
	ct_error_set(reterr, -EOPNOTSUPP,
		     "nothing in the memory of process %d (%s) lists its contexts: it is no Go program, and no "
		     "libctxtrace-context with its symbols is in it",
		     pid, ct_target_exe(live->target));
	if (ct_context_library_is_used(live->target))
		ct_error_hint(reterr, "watch it instead: ctxtrace -p %d", pid);
	else
		ct_error_hint(reterr, "known are Go programs and libctxtrace-context");
	return -EOPNOTSUPP;
}

static int open_memory(struct ct_live *live, struct ct_error *reterr)
{
	struct ct_error no_plan = CT_ERROR_INIT;
	int plans;

	if (!ct_target_go_version(live->target)->minor)
		return open_c_memory(live, reterr);
	// Nothing is attached; the plan knows the program's clock. Without one, deadlines are not known.
	plans = ct_target_plan_all(live->target, &live->config, live->plans, CT_PLANS_MAX, &no_plan);
	live->plans_count = plans > 0 ? (size_t)plans : 0;
	live->config.runtime = CT_RUNTIME_GO;
	return ct_census_new((int)ct_target_pid(live->target), ct_target_binary(live->target),
			     ct_target_load_bias(live->target), live->config.go.time_base_ns, &live->scanner.census,
			     reterr);
}

/* What the goroutines are called, and whether the tree is to know all of them. */
static void prepare_goroutines(struct ct_live *live)
{
	if (live->config.runtime != CT_RUNTIME_GO)
		return;
	live->goroutines.paths = (struct ct_paths){ .pipeline = live->pipeline, .symbols = live->symbols };
	live->goroutines.binary = ct_target_binary(live->target);
	live->goroutines.load_bias = ct_target_load_bias(live->target);
	if (!live->options->no_goroutines)
		live->scanner.goroutines = &live->goroutines;
}

int ct_live_inspect(struct ct_live *live, pid_t pid, struct ct_error *reterr)
{
	const struct ct_plan memory = { .provider = "memory" };
	int rc = ct_target_open(pid, &live->target, reterr);

	if (!rc)
		rc = open_memory(live, reterr);
	if (rc == -EACCES || rc == -EPERM) // no probe: what else watching would take is beside the point
		ct_error_hint(reterr, "a census takes what ptrace takes: be the user of process %d, or have CAP_SYS_PTRACE",
			      (int)pid);
	if (!rc)
		rc = ct_process_symbols_new(live->target, &live->symbols, reterr);
	if (!rc)
		prepare_goroutines(live);
	if (!rc)
		rc = ct_privileges_drop(reterr);
	if (!rc)
		rc = push_rules(live);
	if (!rc)
		rc = push_target(live);
	if (!rc)
		rc = push_provider(live, &memory);
	return rc ?: push_begin(live);
}

int ct_live_attach(struct ct_live *live, pid_t pid, struct ct_error *reterr)
{
	struct ct_error no_census = CT_ERROR_INIT;
	uint64_t began_ns = ct_clock_ns();
	int rc = ct_target_open(pid, &live->target, reterr);

	if (rc)
		return rc;
	rc = ct_target_plan_all(live->target, &live->config, live->plans, CT_PLANS_MAX, reterr);
	if (rc < 0)
		return rc;
	live->plans_count = (size_t)rc;
	if (live->options->no_goroutines)
		drop_task_points(live);
	rc = ct_process_symbols_new(live->target, &live->symbols, reterr);
	if (!rc)
		ct_process_symbols_choose(live->symbols, live->options->request_sites, live->options->request_sites_count);
	live->causes = ct_causes_new(live->target);
	if (!rc && !live->causes)
		rc = ct_error_set(reterr, -ENOMEM, "no memory for causes");
	if (!rc)
		prepare_goroutines(live);
	if (!rc)
		prepare_census(live, &no_census);
	if (!rc && ct_last_moment_plan(live))
		rc = ct_error_set(reterr, -ENOMEM, "cannot plan probes: no memory");
	if (!rc)
		rc = attach_plans(live, reterr);
	if (!rc)
		rc = ct_privileges_drop(reterr);
	if (!rc)
		rc = push_rules(live);
	if (!rc)
		rc = push_target(live);
	for (size_t i = 0; i < live->plans_count && !rc; i++)
		rc = push_provider(live, &live->plans[i]);
	if (!rc)
		rc = push_begin(live);
	if (!rc)
		rc = ct_live_listen(live);
	if (!rc)
		tell_watching(live, began_ns, &no_census);
	return rc;
}

void ct_live_done(struct ct_live *live)
{
	ct_pages_done(&live->pages);
	ct_findings_done(&live->findings);
	if (live->source)
		live->source->ops->done(live->source);
	if (live->attach) {
		ct_attach_detach(live->attach);
		ct_last_moment_pass(live);
	}
	ct_attach_free(live->attach);
	ct_scanner_done(&live->scanner);
	ct_goroutines_done(&live->goroutines);
	ct_process_symbols_free(live->symbols);
	ct_causes_free(live->causes);
	for (size_t i = 0; i < live->plans_count; i++)
		ct_plan_done(&live->plans[i]);
	ct_target_free(live->target);
	if (live->epoll_fd > 0)
		close(live->epoll_fd);
	if (live->timer_fd > 0)
		close(live->timer_fd);
	if (live->signal_fd > 0)
		close(live->signal_fd);
	*live = (struct ct_live){ 0 };
}
