// SPDX-License-Identifier: Apache-2.0
// Who works for which context: threads and requests. These only tell; nothing depends on them.
#include "private.h"
#include "probe_points.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/** What a thread of cctx_go() is to do. */
struct errand {
	cctx_t *ctx;
	void (*fn)(cctx_t *ctx, void *opaque);
	void *opaque;
	char label[16]; /**< As long as the kernel lets a thread's name be. */
};

static void copy_label(char label[16], const char *text)
{
	size_t i = 0;

	for (; text && text[i] && i < 15; i++)
		label[i] = text[i];
	label[i] = '\0';
}

void cctx_task_begin(cctx_t *ctx, const char *label)
{
	cctx_count(CCTX_COUNT_TASKS_BEGUN);
	cctx_task_begin_((uint64_t)gettid(), cctx_id(ctx), label);
}

void cctx_task_end(void)
{
	cctx_task_end_((uint64_t)gettid());
	cctx_count(CCTX_COUNT_TASKS_ENDED);
}

static void *errand_thread(void *opaque)
{
	struct errand *errand = opaque;

	if (errand->label[0])
		pthread_setname_np(pthread_self(), errand->label);
	cctx_task_begin(errand->ctx, errand->label);
	errand->fn(errand->ctx, errand->opaque);
	cctx_unref(errand->ctx);
	free(errand);
	// Last, so that a program which sees no task live knows that all of them have given their contexts back.
	cctx_task_end();
	return NULL;
}

int cctx_go(cctx_t *ctx, void (*fn)(cctx_t *ctx, void *opaque), void *opaque, const char *label)
{
	struct errand *errand;
	int err;

	if (!ctx || !fn)
		return -EINVAL;
	errand = malloc(sizeof(*errand));
	if (!errand)
		return -ENOMEM;
	errand->ctx = cctx_ref(ctx);
	errand->fn = fn;
	errand->opaque = opaque;
	copy_label(errand->label, label);
	err = cctx_thread_start(errand_thread, errand, false);
	if (err) {
		// The caller has a reference too, so this cannot be the last.
		cctx_unref(ctx);
		free(errand);
	}
	return -err;
}

void cctx_request_begin(cctx_t *ctx, const char *label)
{
	cctx_count(CCTX_COUNT_REQUESTS_BEGUN);
	cctx_request_begin_(cctx_id(ctx), label);
}

void cctx_request_end(cctx_t *ctx, int status)
{
	cctx_request_end_(cctx_id(ctx), (uint64_t)(int64_t)status);
	cctx_count(CCTX_COUNT_REQUESTS_ENDED);
}
