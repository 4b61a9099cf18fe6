// SPDX-License-Identifier: Apache-2.0
/*
 * `ctxtrace census`: the live contexts as the target's memory has them, without a probe. The same stream as a watched
 * window, made of readings alone, so that tree, detectors, reports and recordings need to know nothing of it.
 */
#include "agent/agent.h"
#include "agent/census_watch.h"
#include "agent/clock.h"
#include "agent/explain.h"
#include "agent/live.h"
#include "agent/output.h"
#include "agent/still.h"
#include "agent/stop.h"
#include "base/time.h"
#include "memory/facts.h"
#include "memory/image_writer.h"
#include "provider/target.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* Two readings make a proof. More only while something was lost for the first time, or a collection hides whether it is. */
#define READINGS_MIN 2
#define READINGS_MAX 6
/*
 * A reading may meet what it cannot judge (a span that changes as often as it is read, a page swapped out), and that of a
 * busy program may look as if laid out otherwise. It is made again; what is really so is so in each.
 */
#define FAILURES_MAX 3
#define PAUSE_MS (CT_PROOF_DISTANCE_NS / CT_NSEC_PER_MSEC + 50)

#define HELPERS_MAX 4

/* Called now and then while memory is read. There is no stream to drain. */
static void show_progress(void *opaque)
{
	struct ct_live *live = opaque;

	ct_status_reading(&live->status, ct_census_percent(live->scanner.census), ct_clock_ns());
}

/*
 * One thread a processor copies ahead; under --record the order of reads counts, and this thread makes them.
 * @return when the budget is used up.
 */
static uint64_t limit_readings(struct ct_live *live)
{
	uint64_t end_ns = ct_clock_ns() + live->options->budget_ns;
	unsigned int helpers = 0;
	cpu_set_t processors;

	if (!live->options->record && !sched_getaffinity(0, sizeof(processors), &processors))
		helpers = (unsigned int)CPU_COUNT(&processors);
	ct_census_limit(live->scanner.census, helpers < HELPERS_MAX ? helpers : HELPERS_MAX, end_ns);
	return end_ns;
}

/* Is another reading needed, and is there time for it? */
static bool goes_on(const struct ct_scanner *scanner, int readings, int failures, uint64_t end_ns)
{
	if (failures == FAILURES_MAX)
		return false;
	if (readings < READINGS_MIN)
		return readings + failures == 0 || ct_clock_ns() < end_ns;
	return readings < READINGS_MAX && (scanner->is_suspicious || scanner->is_unsettled) && ct_clock_ns() < end_ns;
}

/* One reading is enough where nothing moves. */
static int read_stopped(struct ct_live *live, struct ct_error *reterr)
{
	int rc;

	if (live->config.runtime != CT_RUNTIME_GO) {
		ct_error_set(reterr, -EOPNOTSUPP, "--stop: %s is no Go program, and its library lists its contexts anyway",
			     ct_target_exe(live->target));
		ct_error_hint(reterr, "leave --stop out");
		return -EOPNOTSUPP;
	}
	rc = ct_stop_check(ct_target_pid(live->target), false, reterr);
	live->scanner.has_no_stream = true;
	return rc ? rc : ct_still_scan(live, false, show_progress, reterr);
}

/* --record: what is read is kept too, so that it can be judged again. */
static int keep_memory(struct ct_live *live, struct ct_error *reterr)
{
	struct ct_scanner *scanner = &live->scanner;

	// The lists of a C library are told as what was found in them.
	if (!live->options->record || live->config.runtime != CT_RUNTIME_GO)
		return 0;
	scanner->writer = ct_image_writer_new(ct_pipeline_keep, live->pipeline);
	if (!scanner->writer)
		return ct_error_set(reterr, -ENOMEM, "no memory to record what is read");
	ct_census_listen(scanner->census, ct_image_writer_listener(scanner->writer));
	ct_census_facts_tell(ct_census_facts(scanner->census), ct_clock_ns(), ct_pipeline_keep, live->pipeline);
	return 0; // a recording that cannot be written is told in the end
}

static int read_memory(struct ct_live *live, struct ct_error *reterr)
{
	struct pollfd exit_of_target = { .fd = ct_target_pidfd(live->target), .events = POLLIN };
	uint64_t end_ns = limit_readings(live);
	int rc = 0, readings = 0, failures = 0;

	ct_status_init(&live->status, live->options);
	while (!rc && goes_on(&live->scanner, readings, failures, end_ns)) {
		if (readings + failures && poll(&exit_of_target, 1, (int)PAUSE_MS) > 0)
			rc = -ESRCH;
		if (!rc)
			rc = ct_scanner_scan(&live->scanner, live->pipeline, show_progress, live);
		if (*live->scanner.reason)
			failures++;
		else
			readings++;
	}
	ct_status_clear(&live->status);
	if (!rc && failures == FAILURES_MAX && live->scanner.is_refused)
		return ct_error_set(reterr, -EOPNOTSUPP, "cannot judge process %d: %s", (int)ct_target_pid(live->target),
				    live->scanner.reason);
	if (rc == -ESRCH)
		return ct_error_set(reterr, rc, "process %d ended before its memory was read twice",
				    (int)ct_target_pid(live->target));
	return rc ? ct_error_set(reterr, rc, "cannot read the memory of process %d: %s",
				 (int)ct_target_pid(live->target), strerror(-rc)) :
		    0;
}

/* What could be read of a program that is at odds with itself is told, but nobody shall take it for the whole. */
static void warn_incomplete(const struct ct_live *live)
{
	if (*live->scanner.reason && !live->options->is_quiet)
		fprintf(stderr, "ctxtrace: the memory could not be read completely: %s\n", live->scanner.reason);
}

static void warn_cut(const struct ct_live *live)
{
	const struct ct_image_writer *writer = live->scanner.writer;

	if (writer && ct_image_writer_error(writer) == -EOVERFLOW && !live->options->is_quiet)
		fprintf(stderr,
			"ctxtrace: more memory was read than a recording keeps: replay will tell what was found now\n");
}

static int read_as_asked(struct ct_live *live, struct ct_error *reterr)
{
	int rc;

	if (live->options->with_stop)
		return read_stopped(live, reterr);
	rc = keep_memory(live, reterr);
	if (rc)
		return rc;
	return live->options->watch_ns ? ct_census_watch(live, reterr) : read_memory(live, reterr);
}

static int census(struct ct_live *live, struct ct_outputs *outputs, struct ct_error *error)
{
	if (ct_pipeline_init(live->pipeline, live->options, error) || ct_outputs_open(outputs, live->options, error))
		return -CT_STATUS_USAGE;
	live->scanner.has_no_stream = true;
	if (ct_live_inspect(live, live->options->pid, error))
		return -CT_STATUS_ATTACH;
	if (read_as_asked(live, error))
		return -CT_STATUS_ATTACH;
	if (ct_explain(live) == -ENOMEM || ct_live_close(live)) {
		ct_error_set(error, -ENOMEM, "no memory for the context tree");
		return -CT_STATUS_ATTACH;
	}
	warn_incomplete(live);
	warn_cut(live);
	return ct_conclude(live->pipeline, outputs);
}

int ct_agent_census(const struct ct_options *options)
{
	struct ct_outputs outputs = { 0 };
	struct ct_pipeline pipeline = { 0 };
	struct ct_live live = { .options = options, .pipeline = &pipeline };
	struct ct_error error = CT_ERROR_INIT;
	int status = census(&live, &outputs, &error);

	if (status < 0)
		ct_complain(&error);
	ct_live_done(&live);
	ct_outputs_done(&outputs);
	ct_pipeline_done(&pipeline);
	return status < 0 ? -status : status;
}
