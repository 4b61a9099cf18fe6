// SPDX-License-Identifier: Apache-2.0
/* The loop of a live session. What it does when is told in live.h. */
#include "agent/child.h"
#include "agent/clock.h"
#include "agent/explain.h"
#include "agent/last_moment.h"
#include "agent/live.h"
#include "agent/signals.h"
#include "agent/threads.h"
#include "provider/causes.h"
#include "provider/process_symbols.h"
#include "provider/target.h"
#include "source/source_live.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define DRAIN_NS (5 * CT_NSEC_PER_MSEC) /* 8 MiB hold 75 ms of the fastest stream measured */
#define TICK_NS (250 * CT_NSEC_PER_MSEC)
#define JUDGE_NS CT_NSEC_PER_SEC
#define JUDGE_SHARE 50 /* judging costs less than a fiftieth of the time */
/* Two readings at least this far apart are needed for a proof, so one is due this long before the end. */
#define LAST_READING_NS (CT_PROOF_DISTANCE_NS + 50 * CT_NSEC_PER_MSEC)
#define LAST_READINGS_MAX 2
#define WORK_PAUSE_NS_MAX (64 * CT_NSEC_PER_SEC)
#define LAST_MOMENT_NS CT_NSEC_PER_SEC /* a program that takes its time to end is not waited for */

static void tell_exec(struct ct_live *live)
{
	ct_status_clear(&live->status);
	live->has_execed = true;
	if (!live->options->is_quiet)
		fprintf(stderr, "ctxtrace: the target called exec: what was watched is gone\n");
}

/* What came first ended it: a signal that makes the command exit as well is a signal. */
static void end_window(struct ct_live *live, enum ct_end_reason reason)
{
	if (live->is_over)
		return;
	live->is_over = true;
	live->end_reason = reason;
}

/* Which goroutines are the runtime's own is told by names, and a recording carries none of functions' addresses. */
static int take_start(struct ct_live *live, const struct ct_event *event)
{
	struct ct_event_task_start start = *event->task_start;

	if (live->config.runtime != CT_RUNTIME_GO || !ct_goroutines_is_system(&live->goroutines, start.entry))
		return ct_pipeline_push(live->pipeline, event);
	start.header.flags |= CT_TASK_SYSTEM;
	return ct_pipeline_push(live->pipeline, &(struct ct_event){ .task_start = &start, .bytes = sizeof(start) });
}

/* The cause in words, then the end itself. */
static int take_cause(struct ct_live *live, const struct ct_event_cancel_cause *raw)
{
	struct ct_event_cancel cancel;
	struct ct_cause_block block;
	struct ct_event cause;
	int rc = ct_causes_name(live->causes, raw, &block, &cause);

	if (!rc && ct_pipeline_push(live->pipeline, &cause))
		return -ENOMEM;
	memcpy(&cancel, raw, sizeof(cancel)); // begins as CANCEL does
	cancel.header.type = CT_EVENT_CANCEL;
	return ct_pipeline_push(live->pipeline, &(struct ct_event){ .cancel = &cancel, .bytes = sizeof(cancel) });
}

/* Raw paths and causes become words here, so that recordings need no ELF file; everything else goes on as it is. */
static int take(void *opaque, const struct ct_event *event)
{
	struct ct_live *live = opaque;
	_Alignas(8) char buffer[CT_EVENT_BYTES_MAX];
	struct ct_event site;
	int rc;

	switch (event->header->type) {
	case CT_EVENT_STACK:
		rc = ct_process_symbols_site(live->symbols, event->stack, buffer, sizeof(buffer), &site);
		return rc < 0 ? 0 : ct_pipeline_push(live->pipeline, &site); // without names: the unknown site
	case CT_EVENT_CANCEL:
	case CT_EVENT_CANCEL_CAUSE:
	case CT_EVENT_CANCEL_CALL:
		if (live->options->why)
			ct_status_clear(&live->status); // the line that is about to be printed stands alone
		if (event->header->type == CT_EVENT_CANCEL_CAUSE)
			return take_cause(live, event->cancel_cause);
		break;
	case CT_EVENT_TASK_START:
		return take_start(live, event);
	case CT_EVENT_TASK_END:
		if (live->scanner.goroutines)
			ct_goroutines_note_end(&live->goroutines, event->task_end->task);
		break;
	case CT_EVENT_EXEC:
		tell_exec(live);
		/* fallthrough */
	case CT_EVENT_EXIT:
		live->has_exited = true;
		end_window(live, CT_END_TARGET_EXIT);
		break;
	default:
		break;
	}
	return ct_pipeline_push(live->pipeline, event);
}

void ct_live_drain(void *opaque)
{
	struct ct_live *live = opaque;
	int rc = live->source->ops->drain(live->source, take, live, NULL);

	if (rc < 0 && !live->error)
		live->error = rc;
}

static void tick(struct ct_live *live, uint64_t now_ns)
{
	int rc = ct_source_live_tick(live->source, now_ns, take, live, NULL);

	if (rc >= 0)
		rc = ct_threads_reap(live);
	if (rc < 0 && !live->error)
		live->error = rc;
	live->tick_ns = now_ns + TICK_NS;
}

static void note_open_work(struct ct_live *live, const struct ct_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		live->has_open_work |= findings->list[i].subject != CT_SUBJECT_CONTEXTS &&
				       findings->list[i].confidence == CT_CONFIDENCE_SUSPECTED;
	if (!live->has_open_work)
		live->work_pause_ns = 0;
}

int ct_live_judge(struct ct_live *live)
{
	struct ct_findings findings = { 0 };
	uint64_t began_ns = ct_clock_ns(), began_cpu_ns = ct_clock_cpu_ns();
	int rc = ct_pipeline_judge(live->pipeline, &findings);

	live->has_open_work = false;
	if (!rc) {
		ct_findings_done(&live->findings);
		live->findings = findings;
		note_open_work(live, &findings);
		ct_status_update(&live->status, live->pipeline->tree, &findings, began_ns);
	}
	live->judge_ns = began_ns + JUDGE_NS + (ct_clock_cpu_ns() - began_cpu_ns) * JUDGE_SHARE;
	return rc;
}

/* Seldom when it is of no use: each time fills a recording with all goroutines. */
static int ask_about_work(struct ct_live *live)
{
	uint64_t began_ns = ct_clock_ns(), began_cpu_ns = ct_clock_cpu_ns();
	int rc;

	if (began_ns < live->work_ns)
		return 0;
	rc = ct_explain_work(live, ct_live_drain);
	live->work_pause_ns = live->work_pause_ns ? live->work_pause_ns * 2 : CT_NSEC_PER_SEC;
	if (live->work_pause_ns > WORK_PAUSE_NS_MAX)
		live->work_pause_ns = WORK_PAUSE_NS_MAX;
	live->work_ns = ct_clock_ns() + live->work_pause_ns + (ct_clock_cpu_ns() - began_cpu_ns) * JUDGE_SHARE;
	return rc;
}

static void scan(struct ct_live *live)
{
	int rc = ct_scanner_scan(&live->scanner, live->pipeline, ct_live_drain, live);

	if (!rc && live->has_open_work)
		rc = ask_about_work(live);
	if (rc == -ENOMEM)
		live->error = rc;
	live->judge_ns = 0; // what it proved is announced now, and not by chance before the target ends
}

static bool is_scan_due(struct ct_live *live, uint64_t now_ns)
{
	uint64_t last_ns = live->end_ns - LAST_READING_NS;
	bool is_just_read = live->scanner.began_ns + CT_PROOF_DISTANCE_NS > last_ns; // then the one at the end is the next

	if (now_ns < last_ns && live->scanner.next_ns > last_ns)
		live->scanner.next_ns = is_just_read ? live->end_ns : last_ns;
	return ct_scanner_is_due(&live->scanner, live->pipeline, now_ns);
}

static void on_timer(struct ct_live *live)
{
	uint64_t now_ns = ct_clock_ns();

	ct_live_drain(live);
	ct_last_moment_look(live, ct_live_drain);
	if (now_ns >= live->tick_ns)
		tick(live, now_ns);
	if (is_scan_due(live, now_ns))
		scan(live);
	if (now_ns >= live->judge_ns)
		ct_live_judge(live);
	ct_http_tick(live->pages.http, now_ns);
	if (now_ns >= live->end_ns)
		end_window(live, CT_END_DURATION);
}

/* The first signal ends the window; from then on the second one ends the process. */
static void on_signal(struct ct_live *live)
{
	struct signalfd_siginfo info;

	if (!ct_signals_take(live->signal_fd, &info))
		return;
	end_window(live, CT_END_SIGNAL);
	// What a terminal sends has reached the child as well; what somebody sends to us is meant for both.
	if (live->child && info.ssi_code != SI_KERNEL)
		kill(live->child, (int)info.ssi_signo);
}

static void on_exit_of_target(struct ct_live *live)
{
	ct_live_drain(live);
	live->has_exited = true;
	end_window(live, CT_END_TARGET_EXIT);
}

static int watch_fd(struct ct_live *live, int fd, int error)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0)
		return error;
	return epoll_ctl(live->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int ct_live_listen(struct ct_live *live)
{
	struct itimerspec period = { .it_interval.tv_nsec = (long)DRAIN_NS, .it_value.tv_nsec = (long)DRAIN_NS };
	int rc;

	live->signal_fd = ct_signals_open();
	if (live->signal_fd < 0)
		return live->signal_fd;
	live->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	live->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (live->epoll_fd < 0 || live->timer_fd < 0)
		return -errno;
	rc = timerfd_settime(live->timer_fd, 0, &period, NULL) ? -errno : 0;
	rc = rc ?: watch_fd(live, live->timer_fd, -EBADF);
	rc = rc ?: watch_fd(live, live->signal_fd, -EBADF);
	rc = rc ?: watch_fd(live, ct_target_pidfd(live->target), 0);
	if (live->pages.http)
		rc = rc ?: watch_fd(live, ct_http_epoll_fd(live->pages.http), -EBADF);
	return rc ?: watch_fd(live, ct_source_live_epoll_fd(live->source), 0);
}

static void on_ready(struct ct_live *live, int fd)
{
	uint64_t expirations;

	if (fd == live->signal_fd) {
		on_signal(live);
	} else if (fd == ct_target_pidfd(live->target)) {
		on_exit_of_target(live);
	} else if (fd == live->timer_fd) {
		if (read(fd, &expirations, sizeof(expirations)) == sizeof(expirations))
			on_timer(live);
	} else if (live->pages.http && fd == ct_http_epoll_fd(live->pages.http)) {
		ct_http_serve(live->pages.http);
	} else {
		ct_live_drain(live); // a full quarter of the ring woke us before the timer
	}
}

static void wait_a_moment(struct ct_live *live)
{
	struct pollfd exit_of_target = { .fd = ct_target_pidfd(live->target), .events = POLLIN };

	if (poll(&exit_of_target, 1, (int)(DRAIN_NS / CT_NSEC_PER_MSEC)) > 0)
		live->has_exited = true;
	ct_live_drain(live);
	ct_last_moment_look(live, ct_live_drain);
}

/* Go on draining until a reading can be a second opinion on the one before. */
static void wait_for_reading(struct ct_live *live)
{
	uint64_t until_ns = live->scanner.began_ns ? live->scanner.began_ns + LAST_READING_NS : 0;

	while (ct_clock_ns() < until_ns && !live->has_read_exit && !live->has_exited && !live->error)
		wait_a_moment(live);
}

/* A signal that ended the window was meant for the child as well: at its exit it is read better than before. */
static void wait_for_last_moment(struct ct_live *live)
{
	uint64_t until_ns = ct_clock_ns() + LAST_MOMENT_NS;

	if (!live->child || live->end_reason != CT_END_SIGNAL)
		return;
	while (ct_clock_ns() < until_ns && !live->has_read_exit && !live->has_exited && !live->error)
		wait_a_moment(live);
}

/* The last word of memory. What it says for the first time of an old context is asked once more before the report. */
static void last_scans(struct ct_live *live)
{
	if (!live->scanner.census || live->has_exited)
		return;
	wait_for_last_moment(live);
	for (int i = 0; i < LAST_READINGS_MAX && (!i || live->scanner.is_suspicious); i++) {
		wait_for_reading(live);
		if (!live->has_exited && !live->has_read_exit)
			scan(live);
	}
}

/* The window is over and its losses are counted: what comes into the ring from here on is nobody's. */
static void explain(struct ct_live *live)
{
	int rc = live->has_exited || live->error ? 0 : ct_explain(live);

	if (rc == -ENOMEM)
		live->error = rc;
}

int ct_live_close(struct ct_live *live)
{
	struct ct_event_end event = {
		.header = { .time_ns = live->close_ns ?: ct_clock_ns(), .type = CT_EVENT_END },
		.reason = live->end_reason,
	};

	return ct_pipeline_push(live->pipeline, &(struct ct_event){ .end = &event, .bytes = sizeof(event) });
}

/* Without its word little is proven: why there is none is not for the report alone. */
static void warn_unread(const struct ct_live *live)
{
	if (*live->scanner.reason && !ct_tree_totals(live->pipeline->tree)->scans && !live->has_exited &&
	    !live->options->is_quiet)
		fprintf(stderr, "ctxtrace: the memory was never read completely: %s\n", live->scanner.reason);
}

int ct_live_watch(struct ct_live *live, struct ct_error *reterr)
{
	struct epoll_event ready[4];
	int rc = 0;

	ct_status_init(&live->status, live->options);
	live->status.last_ns = ct_clock_ns(); // the first rate is that since now
	live->end_ns = live->options->duration_ns ? ct_clock_ns() + live->options->duration_ns : UINT64_MAX;
	while (!rc && !live->is_over && !live->error) {
		int count = epoll_wait(live->epoll_fd, ready, 4, -1);

		if (count < 0 && errno != EINTR)
			rc = -errno;
		for (int i = 0; i < count; i++)
			on_ready(live, ready[i].data.fd);
	}
	ct_pages_done(&live->pages); // what is left to do would keep clients waiting
	ct_status_clear(&live->status);
	ct_live_drain(live);
	last_scans(live);
	ct_live_drain(live);
	tick(live, ct_clock_ns());
	explain(live);
	warn_unread(live);
	rc = rc ?: live->error ?: ct_live_close(live);
	return rc ? ct_error_set(reterr, rc, "cannot go on watching: %s", strerror(-rc)) : 0;
}
