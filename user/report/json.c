// SPDX-License-Identifier: Apache-2.0
/* The report for machines, schema "ctxtrace-report/1". Fields are added, never renamed. */
#include "report/explain.h"
#include "report/json_parts.h"
#include "report/summary.h"

#include <string.h>

static void write_target(struct ct_json *json, const struct ct_window *window)
{
	ct_json_open(json, "target", '{');
	if (window->pid)
		ct_json_number(json, "pid", window->pid);
	else
		ct_json_null(json, "pid");
	ct_json_string(json, "exe", *window->exe ? window->exe : NULL);
	ct_json_string(json, "runtime", window->runtime == CT_RUNTIME_GO ? "go" : "c");
	ct_json_string(json, "runtime_version", *window->runtime_version ? window->runtime_version : NULL);
	ct_json_string(json, "build_id", *window->build_id ? window->build_id : NULL);
	ct_json_bool(json, "stripped", window->is_stripped);
	if (window->is_unknown_release)
		ct_json_string(json, "layout", "verified by structure");
	ct_json_close(json, '}');
}

static void write_providers(struct ct_json *json, const struct ct_window *window)
{
	ct_json_open(json, "providers", '[');
	for (size_t i = 0; i < window->providers_count; i++) {
		ct_json_open(json, NULL, '{');
		ct_json_string(json, "name", window->providers[i].name);
		ct_json_number(json, "attach_points", window->providers[i].attach_points);
		ct_json_close(json, '}');
	}
	ct_json_close(json, ']');
}

static void write_window(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	static const char *const ends[CT_END_REASON_END] = { "duration", "signal", "target-exit" };
	const struct ct_window *window = ct_tree_window(snapshot->tree);
	char start[CT_TIMESTAMP_BYTES];

	ct_json_open(json, "window", '{');
	ct_json_string(json, "start", ct_window_start(snapshot, start) ? start : NULL);
	if (window->has_begun)
		ct_json_seconds(json, "duration_s", ct_window_duration(snapshot));
	else
		ct_json_null(json, "duration_s");
	ct_json_string(json, "end",
		       window->has_ended && window->end_reason < CT_END_REASON_END ? ends[window->end_reason] : NULL);
	ct_json_close(json, '}');
}

static void write_quality(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	const struct ct_totals *totals = ct_tree_totals(snapshot->tree);

	ct_json_open(json, "quality", '{');
	ct_json_string(json, "verdict", ct_tree_is_incomplete(snapshot->tree) ? "incomplete" : "complete");
	ct_json_number(json, "events", totals->events);
	ct_json_open(json, "dropped", '{');
	for (unsigned int i = 0; i < CT_COUNTER_END; i++)
		if (ct_counter_is_drop(i) && totals->counters[i])
			ct_json_number(json, ct_counter_name(i), totals->counters[i]);
	ct_json_close(json, '}');
	ct_json_open(json, "failed", '{');
	for (unsigned int i = 0; i < CT_COUNTER_END; i++)
		if (!ct_counter_is_drop(i) && totals->counters[i])
			ct_json_number(json, ct_counter_name(i), totals->counters[i]);
	ct_json_close(json, '}');
	ct_json_number(json, "gaps", totals->gaps);
	ct_json_number(json, "lost_events", totals->lost_events);
	ct_json_number(json, "adopted", totals->adopted);
	ct_json_number(json, "unmatched", totals->unmatched);
	ct_json_number(json, "refused", ct_refused(snapshot));
	ct_json_number(json, "scans", totals->scans);
	ct_json_number(json, "failed_scans", totals->failed_scans);
	if (totals->paused_ns)
		ct_json_seconds(json, "paused_s", totals->paused_ns);
	else
		ct_json_null(json, "paused_s");
	ct_json_number(json, "suppressed", snapshot->findings->suppressed);
	ct_json_close(json, '}');
}

static void write_totals(struct ct_json *json, const struct ct_totals *totals)
{
	ct_json_open(json, "contexts", '{');
	ct_json_number(json, "created", totals->created);
	ct_json_open(json, "ended", '{');
	for (unsigned int reason = CT_REASON_EXPLICIT; reason < CT_REASON_END; reason++)
		ct_json_number(json, ct_cancel_reason_name((uint8_t)reason), totals->ended[reason]);
	ct_json_close(json, '}');
	ct_json_number(json, "cancel_called", totals->cancel_called);
	ct_json_number(json, "live", totals->live);
	ct_json_number(json, "peak_live", totals->peak_live);
	ct_json_close(json, '}');
	ct_json_open(json, "tasks", '{');
	ct_json_number(json, "seen", totals->tasks_seen);
	ct_json_number(json, "live", totals->tasks_live);
	ct_json_close(json, '}');
	ct_json_open(json, "requests", '{');
	ct_json_number(json, "started", totals->requests_started);
	ct_json_number(json, "live", totals->requests_live);
	ct_json_close(json, '}');
}

static int write_json(const struct ct_snapshot *snapshot, struct ct_text *text)
{
	const struct ct_window *window = ct_tree_window(snapshot->tree);
	struct ct_json json = { .text = text };
	int rc;

	ct_json_open(&json, NULL, '{');
	ct_json_string(&json, "schema", "ctxtrace-report/1");
	write_target(&json, window);
	write_providers(&json, window);
	write_window(&json, snapshot);
	write_quality(&json, snapshot);
	write_totals(&json, ct_tree_totals(snapshot->tree));
	ct_json_findings(&json, snapshot);
	if (snapshot->baseline)
		ct_json_baseline(&json, snapshot->baseline);
	ct_json_cancels(&json, snapshot);
	ct_json_deadlines(&json, snapshot);
	rc = ct_json_sites(&json, snapshot);
	if (!rc)
		rc = ct_json_census(&json, snapshot);
	if (!rc)
		rc = ct_json_explain(&json, snapshot);
	if (!rc && snapshot->with_tree)
		rc = ct_json_tree(&json, snapshot);
	ct_json_close(&json, '}');
	ct_text_add(text, "\n");
	return rc;
}

const struct ct_reporter ct_reporter_json = {
	.name = "json",
	.describe = "for programs, schema ctxtrace-report/1",
	.write = write_json,
};
