// SPDX-License-Identifier: Apache-2.0
// The trap in the lesson's own listing: stages report failures only, and the collector waits for all.
#include "lesson.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define PIPELINES   4 /**< Of each: one stage fails, all succeed. */
#define STAGES_EACH 3

/** A stage of one pipeline, given to its thread. A pipe is the channel of results. */
struct stage {
	atomic_int *run; /**< Counts stages that have run to their end. */
	int results;
	bool fails;
};

static int run_work(cctx_t *ctx, const struct stage *stage)
{
	int err = stage->fails ? EIO : cctx_err(ctx);

	atomic_fetch_add(stage->run, 1);
	return err;
}

static void send_result(int results, int err)
{
	must_be_0(write(results, &err, sizeof(err)) == sizeof(err) ? 0 : EIO);
}

// WRONG, though the lesson prints it as right: sends only errors.
static SEEN void run_stage_wrong(cctx_t *ctx, void *opaque)
{
	struct stage stage = *(struct stage *)opaque;
	int err = run_work(ctx, &stage);

	free(opaque);
	if (err) {
		send_result(stage.results, err);
		cctx_cancel(ctx, "a stage failed"); // signal all others to stop
	}
}

// RIGHT: each stage sends, whatever became of it.
static SEEN void run_stage(cctx_t *ctx, void *opaque)
{
	struct stage stage = *(struct stage *)opaque;
	int err = run_work(ctx, &stage);

	free(opaque);
	if (err)
		cctx_cancel(ctx, "a stage failed"); // signal all others to stop
	send_result(stage.results, err);
}

typedef void (*stage_fn)(cctx_t *ctx, void *opaque);

static void start_stages(cctx_t *ctx, struct call *call, stage_fn run, bool has_failing, int results)
{
	for (int i = 0; i < STAGES_EACH; i++) {
		struct stage *stage = must(malloc(sizeof(*stage)));

		*stage = (struct stage){.run = call->program->state, .results = results, .fails = has_failing && !i};
		must_be_0(cctx_go(ctx, run, stage, "stage"));
	}
}

// Wait and collect the first error.
static SEEN int collect(int results)
{
	int err = 0;

	for (int i = 0; i < STAGES_EACH && !err; i++)
		must_be_0(read(results, &err, sizeof(err)) == sizeof(err) ? 0 : EIO); // LESSON:run-pipeline-at
	return err;
}

// The channel cannot be freed by a collector: its stages have to be done with it.
static SEEN int collect_all(int results)
{
	int first = 0, err = 0;

	for (int i = 0; i < STAGES_EACH; i++) {
		must_be_0(read(results, &err, sizeof(err)) == sizeof(err) ? 0 : EIO);
		if (!first)
			first = err;
	}
	return first;
}

typedef int (*collect_fn)(int results);

static SEEN int run_pipeline(cctx_t *request, struct call *call, stage_fn run, collect_fn wait)
{
	cctx_t *ctx = must(cctx_with_cancel(request));
	int ends[2], err;

	must_be_0(pipe(ends));
	start_stages(ctx, call, run, call->id < 0, ends[1]);
	err = wait(ends[0]);
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	close(ends[0]);
	close(ends[1]);
	return err;
}

static SEEN int handle_pipeline_wrong(struct call *call)
{
	cctx_t *request = must(cctx_with_cancel(call->program->life)); // LESSON:run-pipeline
	int status;

	cctx_request_begin(request, "POST /import");
	status = run_pipeline(request, call, run_stage_wrong, collect) ? 500 : 200;
	cctx_request_end(request, status);
	cctx_cancel(request, NULL);
	cctx_unref(request);
	return status;
}

static SEEN int handle_failing_wrong(struct call *call)
{
	call->id = -1;
	return handle_pipeline_wrong(call);
}

static SEEN int handle_pipeline(struct call *call)
{
	cctx_t *request = must(cctx_with_cancel(call->program->life));
	int status;

	cctx_request_begin(request, "POST /import");
	status = run_pipeline(request, call, run_stage, collect_all) ? 500 : 200;
	cctx_request_end(request, status);
	cctx_cancel(request, NULL);
	cctx_unref(request);
	return status;
}

static SEEN int handle_failing(struct call *call)
{
	call->id = -1;
	return handle_pipeline(call);
}

// Returns when all stages of all pipelines have run.
static void start_pipelines(struct program *program, handler_fn failing, handler_fn succeeding)
{
	static atomic_int run;

	program->state = &run;
	program_route(program, "/failing", failing);
	program_route(program, "/succeeding", succeeding);
	program_ask_and_wait(program, PIPELINES, "/failing");
	program_ask_at_once(program, program->life, PIPELINES, "/succeeding");
	wait_count(&run, 2 * PIPELINES * STAGES_EACH);
}

int run_pipeline_wrong(struct program *program)
{
	start_pipelines(program, handle_failing_wrong, handle_pipeline_wrong);
	return PIPELINES;
}

void run_pipeline_right(struct program *program)
{
	start_pipelines(program, handle_failing, handle_pipeline);
	program_wait_answers(program, 2 * PIPELINES);
}
