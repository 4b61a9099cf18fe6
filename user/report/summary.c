// SPDX-License-Identifier: Apache-2.0
#include "report/summary.h"

#include "base/time.h"

#include <string.h>
#include <time.h>

bool ct_window_start(const struct ct_snapshot *snapshot, char ret_start[CT_TIMESTAMP_BYTES])
{
	const struct ct_window *window = ct_tree_window(snapshot->tree);
	time_t seconds = (time_t)(window->wall_clock_ns / CT_NSEC_PER_SEC);
	struct tm calendar;

	return window->has_begun && gmtime_r(&seconds, &calendar) &&
	       strftime(ret_start, CT_TIMESTAMP_BYTES, "%Y-%m-%dT%H:%M:%SZ", &calendar);
}

uint64_t ct_window_duration(const struct ct_snapshot *snapshot)
{
	const struct ct_window *window = ct_tree_window(snapshot->tree);
	uint64_t end_ns = window->has_ended ? window->end_ns : snapshot->now_ns;

	return window->has_begun && end_ns > window->begin_ns ? end_ns - window->begin_ns : 0;
}

bool ct_window_is_short(const struct ct_snapshot *snapshot)
{
	const struct ct_window *window = ct_tree_window(snapshot->tree);

	// What is proven while all stands still needs no age; a census asks for none.
	if (ct_window_is_census(window) || window->stopped_ns || !ct_tree_totals(snapshot->tree)->live)
		return false;
	return ct_window_duration(snapshot) < snapshot->min_age_ns;
}

uint64_t ct_lost_events(const struct ct_snapshot *snapshot)
{
	const struct ct_totals *totals = ct_tree_totals(snapshot->tree);
	uint64_t dropped = 0;

	for (unsigned int i = 0; i < CT_COUNTER_END; i++)
		if (ct_counter_is_drop(i))
			dropped += totals->counters[i];
	return dropped > totals->lost_events ? dropped : totals->lost_events;
}

uint64_t ct_refused(const struct ct_snapshot *snapshot)
{
	const struct ct_totals *totals = ct_tree_totals(snapshot->tree);

	return totals->refused_contexts + totals->refused_sites + totals->refused_tasks;
}

const char *ct_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

uint64_t ct_age(const struct ct_snapshot *snapshot, const struct ct_context *context)
{
	return snapshot->now_ns > context->created_ns ? snapshot->now_ns - context->created_ns : 0;
}
