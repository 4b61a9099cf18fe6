// SPDX-License-Identifier: Apache-2.0
// ctxdemo: options in, rounds, statistics out.
#include "options.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/** The signals that end the program; blocked everywhere, taken by the main thread between rounds. */
static void ending_signals(sigset_t *ret_signals)
{
	sigemptyset(ret_signals);
	sigaddset(ret_signals, SIGINT);
	sigaddset(ret_signals, SIGTERM);
}

// @return true when a signal came before the time.
static bool is_ended_before(int64_t until_ns)
{
	int64_t left = until_ns - cctx_now();
	struct timespec timeout = {0};
	sigset_t signals;

	if (left > 0) {
		timeout.tv_sec = left / CCTX_SECOND;
		timeout.tv_nsec = left % CCTX_SECOND;
	}
	ending_signals(&signals);
	return sigtimedwait(&signals, NULL, &timeout) > 0;
}

static int64_t seconds_to_ns(double seconds)
{
	return (int64_t)(seconds * (double)CCTX_SECOND);
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

// @return the rounds done; `ret_signalled` says whether a signal ended them.
static uint64_t run_rounds(struct demo *demo, const struct demo_options *options, bool *ret_signalled)
{
	double rate = options->rate >= 0 ? options->rate : options->scenario->rate;
	int64_t period = rate > 0 ? seconds_to_ns(1 / rate) : 0;
	int64_t next = cctx_now();
	int64_t end = options->seconds > 0 ? next + seconds_to_ns(options->seconds) : INT64_MAX;
	uint64_t round = 0;

	*ret_signalled = false;
	while (!*ret_signalled && cctx_now() < end && (!options->rounds || round < options->rounds)) {
		options->scenario->round(demo, round++);
		next += period;
		// After the last round nothing is waited for.
		*ret_signalled = is_ended_before(round == options->rounds ? 0 : smaller(next, end));
	}
	return round;
}

static void print_created(const struct cctx_stats *stats)
{
	static const char *const names[CCTX_KIND_END] = {
		[CCTX_KIND_ROOT] = "root",   [CCTX_KIND_CANCEL] = "cancel",	[CCTX_KIND_DEADLINE] = "deadline",
		[CCTX_KIND_VALUE] = "value", [CCTX_KIND_DETACHED] = "detached", [CCTX_KIND_AFTER_FUNC] = "after_func",
	};

	printf("\"created\":{");
	for (int kind = CCTX_KIND_ROOT; kind < CCTX_KIND_END; kind++)
		printf("%s\"%s\":%" PRIu64, kind == CCTX_KIND_ROOT ? "" : ",", names[kind], stats->created[kind]);
	printf("},");
}

static void print_stats(const struct demo_options *options, uint64_t rounds, bool is_drained)
{
	struct cctx_stats stats;

	cctx_stats(&stats);
	printf("{\"scenario\":\"%s\",\"expect\":\"%s\",\"pid\":%d,\"rounds\":%" PRIu64 ",\"exact\":%s,",
	       options->scenario->name, options->scenario->expect, (int)getpid(), rounds,
	       is_drained ? "true" : "false");
	print_created(&stats);
	printf("\"ended\":{\"explicit\":%" PRIu64 ",\"deadline\":%" PRIu64 ",\"parent\":%" PRIu64 ",\"freed\":%" PRIu64
	       "},",
	       stats.ended_explicit, stats.ended_deadline, stats.ended_parent, stats.freed);
	printf("\"cancel_called\":%" PRIu64 ",\"abandoned\":%" PRIu64 ",\"abandoned_after_func\":%" PRIu64 ",",
	       stats.cancel_called, stats.abandoned, stats.abandoned_after_func);
	printf("\"live\":%" PRIu64 ",\"allocated\":%" PRIu64 ",\"armed\":%" PRIu64 ",", stats.live, stats.allocated,
	       stats.armed);
	printf("\"tasks\":%" PRIu64 ",\"tasks_live\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"requests_live\":%" PRIu64
	       "}\n",
	       stats.tasks, stats.tasks_live, stats.requests, stats.requests_live);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct demo_options options;
	// Static: what lives when main() returns is held by the program to its end, not lost with main's stack.
	static struct demo demo;
	bool is_signalled, is_drained;
	uint64_t rounds;
	sigset_t signals;
	int status;

	status = demo_options_parse(argc, argv, &options);
	if (status >= 0)
		return status;
	// Before the first thread: all inherit it.
	ending_signals(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	printf("ctxdemo: pid %d scenario %s\n", (int)getpid(), options.scenario->name);
	fflush(stdout);
	demo.app = demo_check(cctx_with_cancel(cctx_background()), "the program's context");
	rounds = run_rounds(&demo, &options, &is_signalled);
	if (!is_signalled && options.hold > 0)
		is_ended_before(cctx_now() + seconds_to_ns(options.hold));
	atomic_store(&demo.is_stopping, true);
	is_drained = demo_drain(&demo);
	print_stats(&options, rounds, is_drained);
	return 0;
}
