// SPDX-License-Identifier: Apache-2.0
// Threads that run long after the user who triggered them gave up.
#include "lesson.h"

#define REPORTS	     5
#define REPORT_STEPS 100000 /**< More than half an hour. */

/** How many reports were begun and given up. */
struct reports {
	atomic_int begun;
	atomic_int given_up;
};

/** What a report's thread is given; in the handler's stead it owns a reference. */
struct report {
	cctx_t *ctx;
	struct reports *reports;
};

static const char order_key;

static SEEN void write_step(cctx_t *ctx, int step)
{
	(void)step;
	must(cctx_value(ctx, &order_key));
	wait_milliseconds(20);
}

static SEEN void *write_report_wrong(void *opaque)
{
	struct report *report = opaque;

	cctx_task_begin(report->ctx, "report"); // LESSON:outlives
	atomic_fetch_add(&report->reports->begun, 1);
	for (int step = 0; step < REPORT_STEPS; step++)
		write_step(report->ctx, step);
	cctx_unref(report->ctx);
	cctx_task_end();
	return NULL;
}

static void write_steps(cctx_t *ctx, struct reports *reports)
{
	atomic_fetch_add(&reports->begun, 1);
	for (int step = 0; step < REPORT_STEPS && !cctx_done(ctx); step++)
		write_step(ctx, step);
	atomic_fetch_add(&reports->given_up, 1);
}

static SEEN void *write_report(void *opaque)
{
	struct report *report = opaque;

	cctx_task_begin(report->ctx, "report");
	write_steps(report->ctx, report->reports);
	cctx_unref(report->ctx);
	cctx_task_end();
	return NULL;
}

// It has a limit of its own.
static SEEN void *write_report_detached(void *opaque)
{
	struct report *report = opaque;
	cctx_t *ctx;

	cctx_task_begin(report->ctx, "report");
	ctx = must(cctx_with_timeout(report->ctx, 3600 * CCTX_SECOND));
	write_steps(ctx, report->reports);
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	cctx_unref(report->ctx);
	cctx_task_end();
	return NULL;
}

// Static memory: the threads outlive whoever could free it.
static void start_report(struct call *call, cctx_t *ctx, void *(*write)(void *opaque))
{
	static struct report reports[REPORTS];

	reports[call->id] = (struct report){.ctx = cctx_ref(ctx), .reports = call->program->state};
	start_thread(write, &reports[call->id]);
}

static int handle(struct call *call, bool is_detached, void *(*write)(void *opaque))
{
	cctx_t *request = must(cctx_with_cancel(call->program->life)), *ctx, *detached;

	cctx_request_begin(request, "POST /report");
	ctx = must(cctx_with_value(request, &order_key, call->program, NULL));
	if (is_detached) {
		// The report is meant to be written after the answer: it keeps the values, not the end.
		detached = must(cctx_without_cancel(ctx));
		start_report(call, detached, write);
		cctx_unref(detached);
	} else {
		start_report(call, ctx, write);
	}
	cctx_unref(ctx);
	cctx_request_end(request, 202);
	cctx_cancel(request, NULL);
	cctx_unref(request);
	return 202;
}

static SEEN int handle_report_wrong(struct call *call)
{
	return handle(call, false, write_report_wrong);
}

static SEEN int handle_report(struct call *call)
{
	return handle(call, false, write_report);
}

static SEEN int handle_report_detached(struct call *call)
{
	return handle(call, true, write_report_detached);
}

static struct reports *start_reports(struct program *program, handler_fn handler)
{
	static struct reports reports;

	program->state = &reports;
	program_route(program, "/report", handler);
	program_ask_and_wait(program, REPORTS, "/report");
	program_wait_answers(program, REPORTS);
	wait_count(&reports.begun, REPORTS);
	return &reports;
}

int outlives_wrong(struct program *program)
{
	start_reports(program, handle_report_wrong);
	return REPORTS;
}

void outlives_right(struct program *program)
{
	wait_count(&start_reports(program, handle_report)->given_up, REPORTS);
}

void outlives_detached_right(struct program *program)
{
	start_reports(program, handle_report_detached);
}
