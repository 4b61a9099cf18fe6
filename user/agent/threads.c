// SPDX-License-Identifier: Apache-2.0
#include "agent/threads.h"

#include "agent/clock.h"
#include "agent/live.h"
#include "base/cleanup.h"
#include "ctxtrace/work.h"
#include "provider/target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static bool is_gone(int directory, uint64_t thread)
{
	char name[24];

	snprintf(name, sizeof(name), "%" PRIu64, thread);
	return faccessat(directory, name, F_OK, 0) && errno == ENOENT;
}

static int tell_end(struct ct_live *live, uint64_t thread)
{
	struct ct_event_task_end event = {
		.header = { .time_ns = ct_clock_ns(), .type = CT_EVENT_TASK_END, .flags = CT_TASK_THREAD },
		.task = thread,
	};

	return ct_pipeline_push(live->pipeline, &(struct ct_event){ .task_end = &event, .bytes = sizeof(event) });
}

int ct_threads_reap(struct ct_live *live)
{
	const struct ct_tree *tree = live->pipeline->tree;
	uint64_t gaps = ct_tree_totals(tree)->gaps;
	_ct_close_ int directory = -1;
	char path[64];
	int rc = 0;

	if (!live->config.watch_threads || live->has_exited || gaps == live->gaps_reaped)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)ct_target_pid(live->target));
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (uint32_t i = 0; directory >= 0 && i < ct_tree_tasks_end(tree) && !rc; i++) {
		const struct ct_task *task = ct_tree_task(tree, i);

		if (task && is_gone(directory, task->task))
			rc = tell_end(live, task->task);
	}
	live->gaps_reaped = gaps;
	return rc;
}
