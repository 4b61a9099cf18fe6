// SPDX-License-Identifier: Apache-2.0
// The trap in the lesson's own listing: stages report failures only, and the collector waits for all.
#include "lesson.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define PIPELINES   4 /**< Of each: one stage fails, all succeed. */
#define STAGES_EACH 3

/** Results of one pipeline's stages: a pipe, which has room for all of them. The last of its owners closes it. */
struct channel {
	int ends[2];
	atomic_int owners;
};

/** A stage of one pipeline, given to its thread. */
struct stage {
	struct channel *results;
	atomic_int *run; /**< Counts stages that have run to their end. */
	bool fails;
};

static struct channel *channel_new(void)
{
	struct channel *channel = must(malloc(sizeof(*channel)));

	must_be_0(pipe(channel->ends) ? errno : 0);
	channel->owners = 1 + STAGES_EACH;
	return channel;
}

static void channel_leave(struct channel *channel)
{
	if (atomic_fetch_sub(&channel->owners, 1) > 1)
		return;
	close(channel->ends[0]);
	close(channel->ends[1]);
	free(channel);
}

static void channel_send(struct channel *channel, int err)
{
	must_be_0(write(channel->ends[1], &err, sizeof(err)) == sizeof(err) ? 0 : EIO);
}

static int run_work(cctx_t *ctx, const struct stage *stage)
{
	return stage->fails ? EIO : cctx_err(ctx);
}

static void end_stage(struct stage *stage)
{
	atomic_fetch_add(stage->run, 1);
	channel_leave(stage->results);
	free(stage);
}

// WRONG, though the lesson prints it as right: sends only errors.
static SEEN void run_stage_wrong(cctx_t *ctx, void *opaque)
{
	struct stage *stage = opaque;
	int err = run_work(ctx, stage);

	if (err) {
		channel_send(stage->results, err);
		cctx_cancel(ctx, "a stage failed"); // signal all others to stop
	}
	end_stage(stage);
}

// RIGHT: each stage sends, whatever became of it.
static SEEN void run_stage(cctx_t *ctx, void *opaque)
{
	struct stage *stage = opaque;
	int err = run_work(ctx, stage);

	channel_send(stage->results, err);
	if (err)
		cctx_cancel(ctx, "a stage failed"); // signal all others to stop
	end_stage(stage);
}

typedef void (*stage_fn)(cctx_t *ctx, void *opaque);

static void start_stages(cctx_t *ctx, struct call *call, stage_fn run, struct channel *results)
{
	for (int i = 0; i < STAGES_EACH; i++) {
		struct stage *stage = must(malloc(sizeof(*stage)));

		*stage = (struct stage){.results = results, .run = call->program->state, .fails = call->id < 0 && !i};
		must_be_0(cctx_go(ctx, run, stage, "stage"));
	}
}

// Wait and collect the first error.
static SEEN int collect(struct channel *results)
{
	int err = 0;

	for (int i = 0; i < STAGES_EACH && !err; i++)
		if (read(results->ends[0], &err, sizeof(err)) != sizeof(err))
			return errno;
	return err;
}

static SEEN int run_pipeline(cctx_t *request, struct call *call, stage_fn run)
{
	cctx_t *ctx = must(cctx_with_cancel(request));
	struct channel *results = channel_new();
	int err;

	start_stages(ctx, call, run, results);
	err = collect(results);
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	channel_leave(results);
	return err;
}

static SEEN int handle_pipeline_wrong(struct call *call)
{
	cctx_t *request = must(cctx_with_cancel(call->program->life)); // LESSON:run-pipeline
	int status;

	cctx_request_begin(request, "POST /import");
	status = run_pipeline(request, call, run_stage_wrong) ? 500 : 200;
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
	status = run_pipeline(request, call, run_stage) ? 500 : 200;
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
