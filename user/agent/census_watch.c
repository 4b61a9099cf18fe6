// SPDX-License-Identifier: Apache-2.0
/*
 * Rounds. A reading costs what it costs, so the next one begins T after the last one began, and never before the target
 * had as long a rest as the reading took. Signals are looked at while memory is read as well.
 */
#include "agent/census_watch.h"

#include "agent/clock.h"
#include "agent/signals.h"
#include "base/text.h"
#include "base/time.h"
#include "provider/target.h"
#include "report/text_census.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* A second opinion is due this long after the reading before it. */
#define APART_NS (CT_PROOF_DISTANCE_NS + 50 * CT_NSEC_PER_MSEC)
#define LAST_READINGS_MAX 2

static void end_window(struct ct_live *live, enum ct_end_reason reason)
{
	if (live->is_over)
		return;
	live->is_over = true;
	live->end_reason = reason;
}

static void look_for_signal(void *opaque)
{
	struct ct_live *live = opaque;
	struct signalfd_siginfo info;

	if (ct_signals_take(live->signal_fd, &info))
		end_window(live, CT_END_SIGNAL);
}

static void look_for_exit(struct ct_live *live, const struct pollfd *exit_of_target)
{
	if (exit_of_target->revents)
		live->has_exited = true;
}

/* Sleep until a moment, the target's end or, while the window is open, a signal. */
static void wait_until(struct ct_live *live, uint64_t until_ns)
{
	bool was_over = live->is_over;

	while (ct_clock_ns() < until_ns && !live->has_exited && live->is_over == was_over) {
		struct pollfd fds[] = {
			{ .fd = ct_target_pidfd(live->target), .events = POLLIN },
			{ .fd = live->signal_fd, .events = POLLIN },
		};
		uint64_t left_ms = (until_ns - ct_clock_ns()) / CT_NSEC_PER_MSEC + 1;

		if (poll(fds, was_over ? 1 : 2, left_ms < 1000 ? (int)left_ms : 1000) <= 0)
			continue;
		look_for_exit(live, &fds[0]);
		look_for_signal(live);
	}
}

static void tell_round(const struct ct_live *live)
{
	struct ct_text text = { 0 };

	if (live->options->is_quiet)
		return;
	if (*live->scanner.reason)
		ct_text_addf(&text, "ctxtrace: reading %u is incomplete: %s\n", live->scanner.scans, live->scanner.reason);
	else
		ct_text_add_census_round(&text, live->pipeline->tree);
	if (!text.failed && text.data)
		fputs(text.data, stderr);
	ct_text_done(&text);
}

static int read_once(struct ct_live *live)
{
	int rc = ct_scanner_scan(&live->scanner, live->pipeline, look_for_signal, live);

	if (rc == -ESRCH)
		live->has_exited = true;
	else if (!rc)
		tell_round(live);
	return rc;
}

static int read_rounds(struct ct_live *live)
{
	uint64_t watch_ns = live->options->watch_ns, next_ns;
	int rc = 0;

	while (!rc && !live->is_over && !live->has_exited) {
		uint64_t now_ns = ct_clock_ns();

		rc = read_once(live);
		if (rc)
			break;
		next_ns = live->scanner.began_ns + watch_ns;
		if (next_ns < ct_clock_ns() + live->scanner.took_ns)
			next_ns = ct_clock_ns() + live->scanner.took_ns;
		if (now_ns >= live->end_ns || next_ns >= live->end_ns) {
			wait_until(live, live->end_ns);
			end_window(live, CT_END_DURATION);
		} else {
			wait_until(live, next_ns);
		}
	}
	return rc;
}

/* The report is of the end, and what was lost for the first time then is asked about once more. */
static int read_last(struct ct_live *live)
{
	int rc = 0;

	for (int i = 0; !rc && i < LAST_READINGS_MAX && (!i || live->scanner.is_suspicious); i++) {
		wait_until(live, live->scanner.began_ns + APART_NS);
		if (live->has_exited)
			break;
		rc = read_once(live);
	}
	return rc;
}

int ct_census_watch(struct ct_live *live, struct ct_error *reterr)
{
	int pid = (int)ct_target_pid(live->target);
	int rc;

	live->signal_fd = ct_signals_open();
	if (live->signal_fd < 0)
		return ct_error_set(reterr, live->signal_fd, "cannot wait for signals: %s", strerror(-live->signal_fd));
	live->end_ns = live->options->duration_ns ? ct_clock_ns() + live->options->duration_ns : UINT64_MAX;
	rc = read_rounds(live);
	if (!rc && !live->has_exited)
		rc = read_last(live);
	if (live->has_exited)
		end_window(live, CT_END_TARGET_EXIT);
	if (live->has_exited && !live->scanner.scans)
		return ct_error_set(reterr, -ESRCH, "process %d ended before its memory was read", pid);
	if (rc && rc != -ESRCH)
		return ct_error_set(reterr, rc, "cannot read the memory of process %d: %s", pid, strerror(-rc));
	return 0;
}
