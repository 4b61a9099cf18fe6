// SPDX-License-Identifier: Apache-2.0
#include "agent/scan.h"

#include "agent/clock.h"
#include "base/time.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Two readings that must agree are at least this far apart: a context in the middle of being made or ended is in
 * that state for microseconds, so a second is beyond doubt. */
#define INTERVAL_NS (2 * CT_NSEC_PER_SEC)
#define SUSPICION_NS (1200 * CT_NSEC_PER_MSEC)
#define COST_SHARE 20 /* reading costs less than a twentieth of the time */
#define BREATH_NS (4 * CT_NSEC_PER_MSEC)
#define BREATH_CONTEXTS 1024

/* What one scan needs while it runs. */
struct reading {
	struct ct_scanner *scanner;
	struct ct_pipeline *pipeline;
	struct ct_census_result result;
	ct_scan_breathe drain;
	void *opaque;
	uint64_t breathed_ns;
	uint64_t *strangers;
	size_t strangers_count;
	int error;
};

void ct_scanner_done(struct ct_scanner *scanner)
{
	ct_census_free(scanner->census);
	free(scanner->strangers);
	*scanner = (struct ct_scanner){ 0 };
}

static void breathe(struct reading *reading)
{
	uint64_t now = ct_clock_ns();

	if (now - reading->breathed_ns <= BREATH_NS)
		return;
	reading->drain(reading->opaque);
	reading->breathed_ns = now;
}

static bool is_known(void *opaque, uint64_t address)
{
	struct reading *reading = opaque;

	breathe(reading);
	return address && ct_tree_find(reading->pipeline->tree, address);
}

static void push(struct reading *reading, const void *event, size_t bytes)
{
	struct ct_event view = { .header = event, .bytes = bytes };

	if (!reading->error)
		reading->error = ct_pipeline_push(reading->pipeline, &view);
}

static void push_bracket(struct reading *reading, uint8_t type)
{
	const struct ct_census_result *result = &reading->result;
	struct ct_event_scan event = {
		.header = { .time_ns = ct_clock_ns(),
			    .type = type,
			    .flags = result->is_complete ? CT_SCAN_COMPLETE : 0 },
		.began_ns = result->began_ns,
		.scan = reading->scanner->scans,
		.collections = result->collections,
		.contexts = (uint32_t)result->count,
		.lost = result->lost,
		.read_bytes = result->read_bytes,
	};

	push(reading, &event, sizeof(event));
}

static void push_observed(struct reading *reading, const struct ct_census_context *seen)
{
	struct ct_event_observed event = {
		.header = { .time_ns = ct_clock_ns(),
			    .type = CT_EVENT_OBSERVED,
			    .flags = (uint8_t)((seen->task ? CT_OBSERVED_DEFERRED : 0) |
					       (seen->is_in_flux ? CT_OBSERVED_IN_FLUX : 0)) },
		.context = seen->address,
		.parent = seen->parent,
		.deadline_ns = seen->deadline_ns,
		.task = seen->task,
		.scan = reading->scanner->scans,
		.kind = seen->kind,
		.state = seen->state,
		.retained_by = seen->retained_by,
		.parent_kind = seen->parent_kind,
	};

	push(reading, &event, sizeof(event));
}

/* Is it lost for the first time, and old enough to be spoken of once a second reading agrees? */
static bool is_suspicion(const struct reading *reading, const struct ct_context *context,
			 const struct ct_census_context *seen)
{
	uint64_t age_ns = reading->result.began_ns - context->created_ns;

	return seen->state == CT_OBSERVED_LOST && !(context->state & CT_CONTEXT_LOST_ONCE) &&
	       age_ns >= reading->pipeline->options->min_age_ns;
}

/* Does memory say anything the stream has not said yet? */
static bool differs(const struct ct_context *context, const struct ct_census_context *seen)
{
	bool is_deferred = context->state & CT_CONTEXT_DEFERRED;
	bool is_unretained = context->state & CT_CONTEXT_UNRETAINED;

	if (seen->state == CT_OBSERVED_LOST)
		return !(context->state & CT_CONTEXT_LOST);
	if (seen->state == CT_OBSERVED_UNDECIDED)
		return true;
	if (context->state & (CT_CONTEXT_LOST_ONCE | CT_CONTEXT_LOST))
		return true;
	return is_deferred != (seen->task != 0) || is_unretained != (seen->state == CT_OBSERVED_UNRETAINED);
}

static void compare_one(struct reading *reading, const struct ct_context *context)
{
	const struct ct_census_context *seen = ct_census_find(&reading->result, context->address);
	struct ct_census_context gone = { .address = context->address, .kind = context->kind };

	if (seen) {
		if (!differs(context, seen))
			return;
		reading->scanner->is_suspicious |= is_suspicion(reading, context, seen);
		push_observed(reading, seen);
		return;
	}
	gone.state = (uint8_t)ct_census_state_of(reading->scanner->census, &reading->result, context->address);
	if (gone.state == CT_OBSERVED_CANCELLED || gone.state == CT_OBSERVED_FREED ||
	    context->state & CT_CONTEXT_LOST_ONCE)
		push_observed(reading, &gone);
}

/* The tree's live contexts against memory. What ends meanwhile is skipped, what is made meanwhile is too young. */
static void compare_tree(struct reading *reading)
{
	const struct ct_tree *tree = reading->pipeline->tree;
	uint32_t end = ct_tree_end(tree);

	for (uint32_t i = 0; i < end && !reading->error; i++) {
		const struct ct_context *context;

		if (i % BREATH_CONTEXTS == 0)
			breathe(reading);
		context = ct_tree_context(tree, i);
		if (!context || context->state & CT_CONTEXT_ENDED || context->created_ns >= reading->result.began_ns)
			continue;
		if (context->kind == CT_KIND_FOREIGN || context->kind == CT_KIND_UNKNOWN)
			continue; // adopted parents whose shape nobody knows: memory cannot be asked about them
		compare_one(reading, context);
	}
}

static int by_address(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static bool was_stranger(const struct ct_scanner *scanner, uint64_t address)
{
	return scanner->strangers_count && bsearch(&address, scanner->strangers, scanner->strangers_count,
						   sizeof(address), by_address);
}

/*
 * Contexts the tree does not know: older than the attach. Of these the lost ones are told; and as one that ended during
 * the reading is unknown too, only what was lost in the reading before as well. A census tells all of them.
 */
static void compare_strangers(struct reading *reading)
{
	const struct ct_census_result *result = &reading->result;

	reading->strangers = calloc(result->lost + 1, sizeof(uint64_t));
	if (!reading->strangers) {
		reading->error = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < result->count && !reading->error; i++) {
		const struct ct_census_context *seen = &result->contexts[i];

		if (i % BREATH_CONTEXTS == 0)
			breathe(reading);
		if (ct_tree_find(reading->pipeline->tree, seen->address))
			continue;
		if (reading->scanner->tells_all)
			push_observed(reading, seen);
		if (reading->scanner->tells_all || seen->state != CT_OBSERVED_LOST)
			continue;
		if (was_stranger(reading->scanner, seen->address))
			push_observed(reading, seen);
		else if (reading->strangers_count < result->lost)
			reading->strangers[reading->strangers_count++] = seen->address;
	}
}

static void keep_strangers(struct reading *reading)
{
	struct ct_scanner *scanner = reading->scanner;

	free(scanner->strangers);
	scanner->strangers = reading->strangers;
	scanner->strangers_count = reading->strangers_count;
	if (scanner->strangers_count)
		scanner->is_suspicious = true;
}

int ct_scanner_scan(struct ct_scanner *scanner, struct ct_pipeline *pipeline, ct_scan_breathe drain, void *opaque)
{
	struct reading reading = { .scanner = scanner, .pipeline = pipeline, .drain = drain, .opaque = opaque };
	uint64_t began_ns = ct_clock_ns();
	int rc;

	reading.breathed_ns = began_ns;
	rc = ct_census_scan(scanner->census, is_known, &reading, &reading.result, NULL);
	if (rc)
		goto out;
	drain(opaque);
	scanner->scans++;
	scanner->is_suspicious = false;
	memcpy(scanner->reason, reading.result.reason, sizeof(scanner->reason));
	push_bracket(&reading, CT_EVENT_SCAN_BEGIN);
	if (reading.result.is_complete) {
		compare_strangers(&reading);
		compare_tree(&reading);
		keep_strangers(&reading);
	}
	push_bracket(&reading, CT_EVENT_SCAN_END);
	rc = reading.error;
out:
	ct_census_result_done(&reading.result);
	scanner->cost_ns = ct_clock_ns() - began_ns;
	scanner->next_ns = ct_clock_ns() + scanner->cost_ns * COST_SHARE +
			   (scanner->is_suspicious ? SUSPICION_NS : INTERVAL_NS);
	return rc;
}

bool ct_scanner_is_due(const struct ct_scanner *scanner, const struct ct_pipeline *pipeline, uint64_t now_ns)
{
	if (!scanner->census || now_ns < scanner->next_ns)
		return false;
	return !scanner->scans || scanner->is_suspicious || ct_tree_totals(pipeline->tree)->live > 0;
}
