// SPDX-License-Identifier: Apache-2.0
#include "ctxtrace/work.h"
#include "report/json_parts.h"
#include "report/summary.h"

#include <inttypes.h>
#include <stdio.h>

#define PATH_MAX_HOPS 64 /* of an example's way to the root; longer chains end in the last one shown */

static void write_frames(struct ct_json *json, const struct ct_site *site, int most)
{
	struct ct_frame frame;
	uint32_t cursor = 0;

	ct_json_open(json, "frames", '[');
	for (int shown = 0; site && shown < most && ct_frame_next(site, &cursor, &frame); shown++) {
		ct_json_open(json, NULL, '{');
		ct_json_string(json, "function", frame.function);
		ct_json_string(json, "file", *frame.file ? frame.file : NULL);
		if (frame.line)
			ct_json_number(json, "line", frame.line);
		else
			ct_json_null(json, "line");
		ct_json_bool(json, "inlined", frame.flags & CT_FRAME_INLINED);
		ct_json_close(json, '}');
	}
	ct_json_close(json, ']');
}

void ct_json_frames(struct ct_json *json, const struct ct_site *site)
{
	write_frames(json, site, CT_FRAMES_SHOWN);
}

/* A site; one that nobody saw says what is known instead. */
static void write_site(struct ct_json *json, const struct ct_snapshot *snapshot, uint32_t index, uint8_t kind,
		       uint64_t parent_id)
{
	bool is_unknown = index == CT_SITE_UNKNOWN;

	ct_json_open(json, "site", '{');
	ct_json_frames(json, is_unknown ? NULL : ct_tree_site(snapshot->tree, index));
	ct_json_bool(json, "unknown", is_unknown);
	if (is_unknown) {
		ct_json_open(json, "group", '{');
		ct_json_string(json, "kind", ct_context_kind_name(kind));
		ct_json_id(json, "parent", parent_id);
		ct_json_close(json, '}');
	} else {
		ct_json_null(json, "group");
	}
	ct_json_close(json, '}');
}

void ct_json_retention(struct ct_json *json, uint8_t retained_by)
{
	ct_json_open(json, "retained_by", '[');
	if (retained_by & CT_RETAINED_PARENT)
		ct_json_string(json, NULL, "parent");
	if (retained_by & CT_RETAINED_TIMER)
		ct_json_string(json, NULL, "timer");
	if (retained_by & CT_RETAINED_GOROUTINE)
		ct_json_string(json, NULL, "goroutine");
	if (!retained_by)
		ct_json_string(json, NULL, "none");
	ct_json_close(json, ']');
}

static void write_example(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_context *context)
{
	ct_json_open(json, NULL, '{');
	ct_json_id(json, "id", context->id);
	ct_json_id(json, "address", context->address);
	ct_json_string(json, "kind", ct_context_kind_name(context->kind));
	ct_json_seconds(json, "age_s", ct_age(snapshot, context));
	ct_json_id(json, "task", context->task);
	ct_json_open(json, "path", '[');
	for (int hop = 0; context && hop < PATH_MAX_HOPS; hop++) {
		ct_json_id(json, NULL, context->id);
		context = ct_tree_parent(snapshot->tree, context);
	}
	ct_json_close(json, ']');
	ct_json_close(json, '}');
}

static void write_examples(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_finding *finding)
{
	ct_json_open(json, "examples", '[');
	for (uint32_t i = 0; i < finding->examples_count; i++) {
		const struct ct_context *context = ct_tree_context(snapshot->tree, finding->examples[i]);

		if (context)
			write_example(json, snapshot, context);
	}
	ct_json_close(json, ']');
}

static void write_routes(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_finding *finding)
{
	ct_json_open(json, "routes", '[');
	for (uint32_t i = 0; i < finding->routes_count && i < CT_ROUTES_SHOWN; i++)
		ct_json_string(json, NULL, ct_tree_route(snapshot->tree, finding->routes[i]));
	ct_json_close(json, ']');
}

static void write_finding(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_finding *finding)
{
	char number[32];

	ct_json_open(json, NULL, '{');
	ct_json_string(json, "kind", ct_finding_name(finding->kind));
	ct_json_string(json, "severity", ct_severity_name(finding->severity));
	ct_json_string(json, "confidence", ct_confidence_name(finding->confidence));
	ct_json_string(json, "evidence", finding->evidence);
	ct_json_string(json, "advice", finding->advice);
	ct_json_number(json, "count", finding->count);
	ct_json_number(json, "live", finding->live);
	ct_json_seconds(json, "oldest_s", finding->oldest_ns);
	// Contexts older than the attach have no rate. Thousandths happen to be what nine digits need a millionfold.
	if (finding->rate_per_min_milli)
		ct_json_seconds(json, "rate_per_min", finding->rate_per_min_milli * 1000000);
	else
		ct_json_null(json, "rate_per_min");
	ct_json_retention(json, finding->retained_by);
	ct_json_number(json, "retained_bytes", finding->retained_bytes);
	write_site(json, snapshot, finding->site, finding->context_kind, finding->parent_id);
	if (finding->at == CT_SITE_UNKNOWN) {
		ct_json_null(json, "at");
	} else {
		ct_json_open(json, "at", '{');
		// a stack that waits begins with many frames of the runtime and the library
		write_frames(json, ct_tree_site(snapshot->tree, finding->at), CT_STACK_FRAMES_MAX);
		ct_json_close(json, '}');
	}
	write_routes(json, snapshot, finding);
	write_examples(json, snapshot, finding);
	snprintf(number, sizeof(number), "%016" PRIx64, finding->fingerprint);
	ct_json_string(json, "fingerprint", number);
	ct_json_close(json, '}');
}

static void write_undecided(struct ct_json *json, const struct ct_snapshot *snapshot, const struct ct_undecided *item)
{
	ct_json_open(json, NULL, '{');
	write_site(json, snapshot, item->site, item->context_kind, 0);
	ct_json_number(json, "count", item->count);
	ct_json_seconds(json, "oldest_s", item->oldest_ns);
	ct_json_string(json, "why", item->why);
	ct_json_close(json, '}');
}

void ct_json_findings(struct ct_json *json, const struct ct_snapshot *snapshot)
{
	const struct ct_findings *findings = snapshot->findings;

	ct_json_open(json, "findings", '[');
	for (size_t i = 0; i < findings->count; i++)
		write_finding(json, snapshot, &findings->list[i]);
	ct_json_close(json, ']');
	ct_json_open(json, "undecided", '[');
	for (size_t i = 0; i < findings->undecided_count; i++)
		write_undecided(json, snapshot, &findings->undecided[i]);
	ct_json_close(json, ']');
}
