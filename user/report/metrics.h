// SPDX-License-Identifier: Apache-2.0
/*
 * THE catalogue of metrics: what `--metrics` serves, what docs/metrics.md and the dashboards may speak of, and nothing
 * else. Names and labels are the contract's. Every label has few values, whatever the target does: no pid, no address, no
 * id, and of functions the twenty that leak most.
 */
#pragma once

#include "ctxtrace/report.h"
#include "report/exposition.h"

/** Functions that get a series of their own; all others share the one called "other". */
#define CT_METRICS_FUNCTIONS 20

/**
 * CT_METRIC(ID, "name without ctxtrace_", TYPE, "unit", "labels", "help").
 * In the order in which they are served.
 */
#define CT_METRIC_CATALOGUE(CT_METRIC)                                                                                   \
	CT_METRIC(CONTEXTS_CREATED, "contexts_created_total", COUNTER, "", "kind",                                       \
		  "Contexts that can be cancelled, as they were created.")                                               \
	CT_METRIC(CONTEXTS_ENDED, "contexts_ended_total", COUNTER, "", "reason",                                         \
		  "Contexts that ended, by why: explicit is their own cancel function.")                                 \
	CT_METRIC(CONTEXTS_LIVE, "contexts_live", GAUGE, "", "kind",                                                     \
		  "Contexts that have not ended, those from before the attach included.")                                \
	CT_METRIC(CONTEXTS_MAX, "contexts_max", GAUGE, "", "",                                                           \
		  "So many contexts are kept at most (--max-contexts); what comes beyond is refused.")                   \
	CT_METRIC(CONTEXTS_REFUSED, "contexts_refused_total", COUNTER, "", "",                                           \
		  "Contexts that were refused: they are not watched.")                                                   \
	CT_METRIC(CONTEXT_LIFETIME, "context_lifetime_seconds", HISTOGRAM, "seconds", "reason",                          \
		  "From the creation of a context to its end.")                                                          \
	CT_METRIC(CANCEL_LATENCY, "cancel_latency_seconds", HISTOGRAM, "seconds", "",                                    \
		  "From the end of a context until a task that was started with it ended, too.")                         \
	CT_METRIC(DEADLINE_USED, "deadline_used_ratio", HISTOGRAM, "ratio", "",                                          \
		  "How much of their deadline, their own or one above, was over when contexts ended; 1 is all of it.")   \
	CT_METRIC(FINDINGS, "findings", GAUGE, "", "kind,severity",                                                      \
		  "Confirmed findings of the last judgement; one finding is all trouble of a kind made at one place.")   \
	CT_METRIC(FINDINGS_SUSPECTED, "findings_suspected", GAUGE, "", "kind,severity",                                  \
		  "Findings whose evidence is weak, as after lost events; never a reason to wake anybody.")              \
	CT_METRIC(UNDECIDED, "undecided_contexts", GAUGE, "", "",                                                        \
		  "Old contexts of which nobody knows yet whether their cancel function still exists.")                  \
	CT_METRIC(LEAKED_CONTEXTS, "leaked_contexts", GAUGE, "", "function",                                             \
		  "Live contexts in confirmed leaks, by the function that made them.")                                   \
	CT_METRIC(LEAKED_BYTES, "leaked_bytes", GAUGE, "bytes", "function",                                              \
		  "Estimate of the memory that these contexts keep.")                                                    \
	CT_METRIC(TASKS_LIVE, "tasks_live", GAUGE, "", "", "Goroutines and threads that were seen to start or work, and run.") \
	CT_METRIC(REQUESTS_LIVE, "requests_live", GAUGE, "", "", "Requests that are being served.")                      \
	CT_METRIC(EVENTS, "events_total", COUNTER, "", "", "Events of the target that arrived.")                         \
	CT_METRIC(EVENTS_DROPPED, "events_dropped_total", COUNTER, "", "cause",                                          \
		  "Events that never arrived; with any, verdicts without memory's word are only suspected.")             \
	CT_METRIC(AGENT_CPU, "agent_cpu_seconds_total", COUNTER, "seconds", "", "Processor time of ctxtrace itself.")    \
	CT_METRIC(AGENT_RESIDENT, "agent_resident_bytes", GAUGE, "bytes", "", "Resident memory of ctxtrace itself.")     \
	CT_METRIC(TARGET, "target_info", INFO, "", "exe,runtime,runtime_version", "The program that is watched.")        \
	CT_METRIC(BUILD, "build_info", INFO, "", "version", "The ctxtrace that watches it.")

/** Metrics. */
enum ct_metric_id {
#define CT_METRIC_ENUM(id, name, type, unit, labels, help) CT_METRIC_##id,
	CT_METRIC_CATALOGUE(CT_METRIC_ENUM)
#undef CT_METRIC_ENUM
	CT_METRIC_END,
};

/** One row of the catalogue. */
struct ct_metric {
	const char *name;
	enum ct_metric_type type;
	const char *unit;   /**< "" none. */
	const char *labels; /**< Names, separated by commas; "" none. */
	const char *help;
};

/** The catalogue, by enum ct_metric_id. */
extern const struct ct_metric ct_metrics[CT_METRIC_END];

/** What the tree does not know. */
struct ct_agent_figures {
	uint64_t cpu_ns;
	uint64_t resident_bytes;
};

/**
 * Write all metrics.
 *
 * @param snapshot  Its findings are those of the last judgement; of them only sites are looked up, no contexts, so the tree
 *                  may have gone on since.
 * @param text      Appended to; `failed` says whether memory ran out.
 */
void ct_metrics_write(const struct ct_snapshot *snapshot, const struct ct_agent_figures *agent, enum ct_dialect dialect,
		      struct ct_text *text);
