// SPDX-License-Identifier: Apache-2.0
#include "report/metrics.h"

#include "base/time.h"
#include "ctxtrace/measures.h"
#include "report/metrics_leaks.h"

const struct ct_metric ct_metrics[CT_METRIC_END] = {
#define CT_METRIC_ROW(id, name, type, unit, labels, help) \
	[CT_METRIC_##id] = { name, CT_METRIC_##type, unit, labels, help },
	CT_METRIC_CATALOGUE(CT_METRIC_ROW)
#undef CT_METRIC_ROW
};

/* One scrape. */
struct page {
	struct ct_exposition out;
	const struct ct_snapshot *snapshot;
	const struct ct_agent_figures *agent;
	const struct ct_totals *totals;
	const struct ct_measures *measures;
};

#define ONE(label, text) &(struct ct_labels){ .at = { { label, text } }, .count = 1 }

/* What was counted last, on the wall clock; nothing when nobody knows where it was made. */
static struct ct_exemplar exemplar_of(const struct page *page, const struct ct_sample *sample)
{
	const struct ct_window *window = ct_tree_window(page->snapshot->tree);

	if (sample->time_ns < window->begin_ns || !window->has_begun || sample->site == CT_SITE_UNKNOWN)
		return (struct ct_exemplar){ 0 };
	return (struct ct_exemplar){
		.function = ct_function_of(page->snapshot->tree, sample->site),
		.value = sample->value,
		.unix_ms = (window->wall_clock_ns + sample->time_ns - window->begin_ns) / CT_NSEC_PER_MSEC,
	};
}

static bool is_cancellable(unsigned int kind)
{
	return kind == CT_KIND_CANCEL || kind == CT_KIND_DEADLINE || kind == CT_KIND_AFTER_FUNC;
}

/* Kinds that nothing has been of are left out, but for the usual ones. */
static void write_created(struct page *page)
{
	for (unsigned int kind = 0; kind < CT_KIND_END; kind++) {
		struct ct_exemplar last = exemplar_of(page, &page->measures->last_created[kind]);

		if (page->measures->created[kind] || is_cancellable(kind))
			ct_exposition_sample(&page->out, ONE("kind", ct_context_kind_name((uint8_t)kind)),
					     page->measures->created[kind], &last);
	}
}

/* A context from before the attach may be of any kind that has children. */
static void write_live(struct page *page)
{
	for (unsigned int kind = 0; kind < CT_KIND_END; kind++)
		ct_exposition_sample(&page->out, ONE("kind", ct_context_kind_name((uint8_t)kind)),
				     page->measures->live[kind], NULL);
}

static void write_ended(struct page *page)
{
	for (unsigned int reason = CT_REASON_EXPLICIT; reason < CT_REASON_END; reason++) {
		struct ct_exemplar last = exemplar_of(page, &page->measures->last_ended[reason]);

		ct_exposition_sample(&page->out, ONE("reason", ct_cancel_reason_name((uint8_t)reason)),
				     page->totals->ended[reason], &last);
	}
}

static void write_histogram(struct page *page, const struct ct_labels *labels, const struct ct_measure *measure,
			    const struct ct_bounds *bounds)
{
	struct ct_exemplar exemplars[CT_MEASURE_BUCKETS];

	for (unsigned int i = 0; i <= bounds->count; i++)
		exemplars[i] = exemplar_of(page, &measure->buckets[i].last);
	ct_exposition_histogram(&page->out, labels, measure, bounds, exemplars);
}

/* When what was freed ended nobody knows. */
static void write_lifetimes(struct page *page)
{
	for (unsigned int reason = CT_REASON_EXPLICIT; reason < CT_REASON_FREED; reason++)
		write_histogram(page, ONE("reason", ct_cancel_reason_name((uint8_t)reason)),
				&page->measures->lifetime[reason], &ct_duration_bounds);
}

/* Every kind and severity has its series from the start: an alert needs a 0 to rise from. */
static void write_findings(struct page *page, enum ct_confidence confidence)
{
	const struct ct_findings *findings = page->snapshot->findings;
	uint64_t counts[CT_FINDING_END][CT_SEVERITY_LEAK + 1] = { 0 };

	for (size_t i = 0; i < findings->count; i++)
		counts[findings->list[i].kind][findings->list[i].severity] += findings->list[i].confidence == confidence;
	for (enum ct_finding_kind kind = 0; kind < CT_FINDING_END; kind++)
		for (enum ct_severity severity = CT_SEVERITY_HINT; severity <= CT_SEVERITY_LEAK; severity++)
			ct_exposition_sample(&page->out,
					     &(struct ct_labels){ .at = { { "kind", ct_finding_name(kind) },
									  { "severity", ct_severity_name(severity) } },
								  .count = 2 },
					     counts[kind][severity], NULL);
}

static uint64_t undecided(const struct ct_findings *findings)
{
	uint64_t count = 0;

	for (size_t i = 0; i < findings->undecided_count; i++)
		count += findings->undecided[i].count;
	return count;
}

static void write_leaks(struct page *page, bool is_bytes)
{
	struct ct_leak_rows rows;

	ct_leak_rows_count(&rows, page->snapshot);
	for (unsigned int i = 0; i < rows.count; i++)
		ct_exposition_sample(&page->out, ONE("function", rows.at[i].function),
				     is_bytes ? rows.at[i].bytes : rows.at[i].contexts, NULL);
}

static void write_dropped(struct page *page)
{
	for (unsigned int i = 0; i < CT_COUNTER_END; i++)
		if (ct_counter_is_drop(i))
			ct_exposition_sample(&page->out, ONE("cause", ct_counter_name(i)), page->totals->counters[i], NULL);
}

static void write_target(struct page *page)
{
	const struct ct_window *window = ct_tree_window(page->snapshot->tree);

	ct_exposition_sample(&page->out,
			     &(struct ct_labels){ .at = { { "exe", window->exe },
							  { "runtime", window->runtime == CT_RUNTIME_GO ? "go" : "c" },
							  { "runtime_version", window->runtime_version } },
						  .count = 3 },
			     1, NULL);
}

static void write_samples(struct page *page, enum ct_metric_id id)
{
	switch (id) {
	case CT_METRIC_CONTEXTS_CREATED:
		return write_created(page);
	case CT_METRIC_CONTEXTS_ENDED:
		return write_ended(page);
	case CT_METRIC_CONTEXTS_LIVE:
		return write_live(page);
	case CT_METRIC_CONTEXTS_MAX:
		return ct_exposition_sample(&page->out, NULL, ct_tree_contexts_max(page->snapshot->tree), NULL);
	case CT_METRIC_CONTEXTS_REFUSED:
		return ct_exposition_sample(&page->out, NULL, page->totals->refused_contexts, NULL);
	case CT_METRIC_CONTEXT_LIFETIME:
		return write_lifetimes(page);
	case CT_METRIC_CANCEL_LATENCY:
		return write_histogram(page, NULL, &page->measures->cancel_latency, &ct_duration_bounds);
	case CT_METRIC_DEADLINE_USED:
		return write_histogram(page, NULL, &page->measures->deadline_used, &ct_share_bounds);
	case CT_METRIC_FINDINGS:
		return write_findings(page, CT_CONFIDENCE_CONFIRMED);
	case CT_METRIC_FINDINGS_SUSPECTED:
		return write_findings(page, CT_CONFIDENCE_SUSPECTED);
	case CT_METRIC_UNDECIDED:
		return ct_exposition_sample(&page->out, NULL, undecided(page->snapshot->findings), NULL);
	case CT_METRIC_LEAKED_CONTEXTS:
		return write_leaks(page, false);
	case CT_METRIC_LEAKED_BYTES:
		return write_leaks(page, true);
	case CT_METRIC_TASKS_LIVE:
		return ct_exposition_sample(&page->out, NULL, page->totals->tasks_live, NULL);
	case CT_METRIC_REQUESTS_LIVE:
		return ct_exposition_sample(&page->out, NULL, page->totals->requests_live, NULL);
	case CT_METRIC_EVENTS:
		return ct_exposition_sample(&page->out, NULL, page->totals->events, NULL);
	case CT_METRIC_EVENTS_DROPPED:
		return write_dropped(page);
	case CT_METRIC_AGENT_CPU:
		return ct_exposition_seconds(&page->out, NULL, page->agent->cpu_ns);
	case CT_METRIC_AGENT_RESIDENT:
		return ct_exposition_sample(&page->out, NULL, page->agent->resident_bytes, NULL);
	case CT_METRIC_TARGET:
		return write_target(page);
	case CT_METRIC_BUILD:
		return ct_exposition_sample(&page->out, ONE("version", CTXTRACE_VERSION), 1, NULL);
	case CT_METRIC_END:
		return;
	}
}

void ct_metrics_write(const struct ct_snapshot *snapshot, const struct ct_agent_figures *agent, enum ct_dialect dialect,
		      struct ct_text *text)
{
	struct page page = {
		.out = { .text = text, .dialect = dialect },
		.snapshot = snapshot,
		.agent = agent,
		.totals = ct_tree_totals(snapshot->tree),
		.measures = ct_tree_measures(snapshot->tree),
	};

	for (enum ct_metric_id id = 0; id < CT_METRIC_END; id++) {
		const struct ct_metric *metric = &ct_metrics[id];

		ct_exposition_family(&page.out, metric->name, metric->type, metric->unit, metric->help);
		write_samples(&page, id);
	}
	ct_exposition_end(&page.out);
}
