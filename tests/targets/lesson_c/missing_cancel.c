// SPDX-License-Identifier: Apache-2.0
// "Skip it and you leak": a job that runs again and again below a context that lives on.
#include "lesson.h"

#include <errno.h>
#include <stdio.h>

#define REFRESHES 20

static int serve_prices(struct call *call)
{
	snprintf(call->text, sizeof(call->text), "1.99");
	return 200;
}

static SEEN int refresh_prices_wrong(struct program *program)
{
	cctx_t *ctx = must(cctx_with_timeout(program->life, 3600 * CCTX_SECOND)); // LESSON:missing-cancel
	int status = program_get(program, ctx, "/prices", 0, NULL);

	cctx_unref(ctx);
	return status;
}

static SEEN int refresh_prices(struct program *program)
{
	cctx_t *ctx = must(cctx_with_timeout(program->life, 3600 * CCTX_SECOND));
	int status = program_get(program, ctx, "/prices", 0, NULL);

	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	return status;
}

static void start_refreshes(struct program *program, int (*refresh)(struct program *program))
{
	program_service(program, "/prices", serve_prices);
	for (int i = 0; i < REFRESHES; i++)
		must_be_0(refresh(program) == 200 ? 0 : EIO);
}

int missing_cancel_wrong(struct program *program)
{
	start_refreshes(program, refresh_prices_wrong);
	return REFRESHES;
}

void missing_cancel_right(struct program *program)
{
	start_refreshes(program, refresh_prices);
}
