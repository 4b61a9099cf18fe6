// SPDX-License-Identifier: Apache-2.0
/*
 * A live session: plans, probes, the ring, names, memory, and the one loop that turns them into the event stream.
 * One thread, one epoll: a timer drains the ring, a signalfd and a pidfd end the window.
 */
#pragma once

#include "agent/pages.h"
#include "agent/pipeline.h"
#include "agent/scan.h"
#include "agent/status_line.h"
#include "ctxtrace/provider.h"

#define CT_PLANS_MAX 4

struct ct_attach;
struct ct_process_symbols;

/** Everything of one live session. Zero-initialise; release with ct_live_done(). */
struct ct_live {
	const struct ct_options *options;
	struct ct_pipeline *pipeline;
	struct ct_target *target;
	struct ct_process_config config;
	struct ct_plan plans[CT_PLANS_MAX];
	size_t plans_count;
	struct ct_attach *attach;
	struct ct_source *source;
	struct ct_process_symbols *symbols;
	struct ct_scanner scanner;
	struct ct_status status;
	struct ct_pages pages;
	struct ct_findings findings; /**< Of the last judgement while it watched. */
	pid_t child; /**< `run`: the command; 0 otherwise. */
	int epoll_fd, timer_fd, signal_fd;
	uint64_t end_ns; /**< When --duration is over; UINT64_MAX without. */
	uint64_t tick_ns, judge_ns; /**< Next tick and next judgement. */
	bool has_open_work;	    /**< The stream accuses work that memory has not been asked about. */
	uint64_t work_ns, work_pause_ns; /**< Not before; and how long after that. */
	bool is_over;
	bool has_exited; /**< The target is gone: its memory cannot be asked any more. */
	bool has_execed; /**< Gone by exec: the process lives on as something else. */
	bool has_read_exit; /**< `run`: the child was held at its exit, read, and let go. */
	uint32_t end_reason; /**< enum ct_end_reason. */
	uint64_t close_ns;   /**< When the window ended, if something was explained since; 0: now. */
	int error;	 /**< First error inside a callback. */
};

/**
 * Open the target, make the plans, attach, prepare the census and drop privileges.
 * @return 0, or negative errno told in reterr: nothing is attached then.
 */
int ct_live_attach(struct ct_live *live, pid_t pid, struct ct_error *reterr);

/**
 * Open the target for a census: its memory, no probe; and drop privileges.
 * @return 0, or negative errno told in reterr.
 */
int ct_live_inspect(struct ct_live *live, pid_t pid, struct ct_error *reterr);

/**
 * Open what the loop waits for. From here on SIGINT and SIGTERM end the window instead of the process, so this comes
 * before anybody is told that watching has begun. @return 0 or negative errno.
 */
int ct_live_listen(struct ct_live *live);

/** Tell the stream that the window has ended, for `end_reason`. @return 0 or -ENOMEM. */
int ct_live_close(struct ct_live *live);

/** Watch until the window ends, with its last scans. @return 0 or negative errno, told in reterr. */
int ct_live_watch(struct ct_live *live, struct ct_error *reterr);

/** Take what has arrived. `live` as an opaque pointer; never from within itself. */
void ct_live_drain(void *live);

/**
 * Judge now, into `findings`, and tell what is new. The next judgement is put off by what this one cost.
 * @return 0 or -ENOMEM.
 */
int ct_live_judge(struct ct_live *live);

/** Detach and release everything. */
void ct_live_done(struct ct_live *live);
