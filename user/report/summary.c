// SPDX-License-Identifier: Apache-2.0
#include "report/summary.h"

#include <string.h>

uint64_t ct_window_duration(const struct ct_snapshot *snapshot)
{
	const struct ct_window *window = ct_tree_window(snapshot->tree);
	uint64_t end_ns = window->has_ended ? window->end_ns : snapshot->now_ns;

	return window->has_begun && end_ns > window->begin_ns ? end_ns - window->begin_ns : 0;
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
