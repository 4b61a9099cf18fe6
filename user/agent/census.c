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
#include <stdio.h>
#include <string.h>

/* Two readings make a proof. More only while something was lost for the first time. */
#define READINGS_MIN 2
#define READINGS_MAX 4
#define PAUSE_MS (CT_PROOF_DISTANCE_NS / CT_NSEC_PER_MSEC + 50)

static void nothing_to_drain(void *opaque)
{
	(void)opaque;
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
	return rc ? rc : ct_still_scan(live, false, nothing_to_drain, reterr);
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
	int rc = 0;

	for (int i = 0; !rc && i < READINGS_MAX && (i < READINGS_MIN || live->scanner.is_suspicious); i++) {
		if (i && poll(&exit_of_target, 1, (int)PAUSE_MS) > 0)
			rc = -ESRCH;
		if (!rc)
			rc = ct_scanner_scan(&live->scanner, live->pipeline, nothing_to_drain, live);
		if (!rc && live->scanner.is_refused)
			return ct_error_set(reterr, -EOPNOTSUPP, "cannot judge process %d: %s",
					    (int)ct_target_pid(live->target), live->scanner.reason);
	}
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
