// SPDX-License-Identifier: Apache-2.0
/*
 * A timeline in Chrome's trace event format: how long each context lived, on lanes of the goroutines or threads that
 * made them. Complete events ("X") only, since Perfetto and speedscope both draw them; speedscope leaves out
 * asynchronous ones. Times are microseconds of CLOCK_MONOTONIC, as of every other tracer on the machine.
 */
#include "base/time.h"
#include "report/explain.h"
#include "report/json_writer.h"
#include "report/summary.h"
#include "report/trace_lanes.h"

#include <inttypes.h>

/* Thousandths of microseconds, exactly. */
static void write_microseconds(struct ct_json *json, const char *key, uint64_t nanoseconds)
{
	ct_json_signed_milli(json, key, (int64_t)nanoseconds);
}

static void open_metadata(struct ct_json *json, const char *name, uint32_t pid, uint32_t lane)
{
	ct_json_open(json, NULL, '{');
	ct_json_string(json, "name", name);
	ct_json_string(json, "ph", "M");
	ct_json_number(json, "pid", pid);
	ct_json_number(json, "tid", lane);
	ct_json_open(json, "args", '{');
}

static void close_metadata(struct ct_json *json)
{
	ct_json_close(json, '}');
	ct_json_close(json, '}');
}

static void write_process(struct ct_json *json, const struct ct_window *window)
{
	open_metadata(json, "process_name", window->pid, 0);
	ct_json_string(json, "name", *window->exe ? ct_base_name(window->exe) : "unknown program");
	close_metadata(json);
}

/* "goroutine 7", "goroutine 7 (2)"; viewers keep the order of the numbers. */
static void write_lane(struct ct_json *json, const struct ct_window *window, const struct ct_lane *lane,
		       uint32_t number)
{
	struct ct_text name = { 0 };

	if (lane->task)
		ct_text_addf(&name, "%s %" PRIu64, window->runtime == CT_RUNTIME_GO ? "goroutine" : "thread", lane->task);
	else
		ct_text_add(&name, "made by nobody known");
	if (lane->number > 1)
		ct_text_addf(&name, " (%" PRIu32 ")", lane->number);
	json->text->failed |= name.failed;
	open_metadata(json, "thread_name", window->pid, number);
	ct_json_string(json, "name", name.data ? name.data : "");
	close_metadata(json);
	open_metadata(json, "thread_sort_index", window->pid, number);
	ct_json_number(json, "sort_index", number);
	close_metadata(json);
	ct_text_done(&name);
}

/* Nothing that is of one context alone: speedscope takes lives with other arguments for other functions. */
static void write_arguments(struct ct_json *json, const struct ct_lifetime *life, const struct ct_frame *frame)
{
	ct_json_open(json, "args", '{');
	ct_json_string(json, "kind", ct_context_kind_name(life->kind));
	ct_json_string(json, "ended", life->reason ? ct_cancel_reason_name(life->reason) : NULL);
	if (life->state & (CT_CONTEXT_LOST | CT_CONTEXT_ABANDONED))
		ct_json_bool(json, "lost", true);
	if (life->state & CT_CONTEXT_ADOPTED)
		ct_json_bool(json, "before_attach", true);
	if (frame && *frame->file) {
		ct_json_string(json, "file", frame->file);
		if (frame->line)
			ct_json_number(json, "line", frame->line);
	}
	ct_json_close(json, '}');
}

static void write_life(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_life *life)
{
	struct ct_frame frame;
	bool has_frame = ct_site_main_frame(snapshot, life->of.site, &frame);

	ct_json_open(json, NULL, '{');
	ct_json_string(json, "name", has_frame && *frame.function ? frame.function : "unknown site");
	ct_json_string(json, "cat", ct_context_kind_name(life->of.kind));
	ct_json_string(json, "ph", "X");
	ct_json_number(json, "pid", ct_tree_window(snapshot->tree)->pid);
	ct_json_number(json, "tid", life->lane);
	write_microseconds(json, "ts", life->of.begin_ns);
	write_microseconds(json, "dur", life->of.end_ns - life->of.begin_ns);
	write_arguments(json, &life->of, has_frame ? &frame : NULL);
	ct_json_close(json, '}');
}

static int write_trace(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	const struct ct_window *window = ct_tree_window(snapshot->tree);
	struct ct_json json = { .text = text };
	struct ct_timeline timeline;
	int rc = ct_timeline_make(snapshot, &timeline);

	if (rc)
		return rc;
	ct_json_open(&json, NULL, '{');
	ct_json_string(&json, "displayTimeUnit", "ms");
	ct_json_open(&json, "otherData", '{');
	ct_json_string(&json, "producer", "ctxtrace " CTXTRACE_VERSION);
	ct_json_string(&json, "clock", "CLOCK_MONOTONIC");
	ct_json_number(&json, "contexts_left_out", timeline.left_out);
	ct_json_close(&json, '}');
	ct_json_open(&json, "traceEvents", '[');
	write_process(&json, window);
	for (uint32_t i = 0; i < timeline.lanes_count; i++)
		write_lane(&json, window, &timeline.lanes[i], i + 1);
	for (size_t i = 0; i < timeline.count; i++)
		if (timeline.lives[i].lane)
			write_life(&json, snapshot, &timeline.lives[i]);
	ct_json_close(&json, ']');
	ct_json_close(&json, '}');
	ct_text_add(text, "\n");
	ct_timeline_done(&timeline);
	return 0;
}

const struct ct_reporter ct_reporter_trace = {
	.name = "trace",
	.describe = "a timeline for Perfetto, speedscope, chrome://tracing",
	.wants_lifetimes = true,
	.write = write_trace,
};
