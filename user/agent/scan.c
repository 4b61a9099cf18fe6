// SPDX-License-Identifier: Apache-2.0
#include "agent/scan.h"

#include "agent/clock.h"
#include "base/time.h"
#include "memory/image.h"
#include "memory/image_writer.h"

#include <errno.h>
#include <string.h>

/* Two readings that must agree are at least this far apart: a context in the middle of being made or ended is in
 * that state for microseconds, so a second is beyond doubt. */
#define INTERVAL_NS (2 * CT_NSEC_PER_SEC)
#define SUSPICION_NS (1200 * CT_NSEC_PER_MSEC)
#define COST_SHARE 20 /* reading costs less than a twentieth of the time; a hasty one is followed by a usual one */
#define BREATH_NS (4 * CT_NSEC_PER_MSEC)
#define BREATH_CONTEXTS 1024

/* What one scan needs while it runs. */
struct reading {
	struct ct_scanner *scanner;
	struct ct_pipeline *pipeline;
	struct ct_census_result result;
	ct_scan_breathe drain;
	void *opaque;
	struct ct_ended_list ended, ended_tasks; /* since it began */
	uint64_t breathed_ns;
	bool tells_all; /* the live contexts the tree does not know, too */
	int error;
	struct ct_retelling *retelling; /* of a recorded reading; NULL: this one is live */
};

/* Of the event at hand: now, or when the recording had one. A reading that tells more than the recorded one did does
 * not go on after its end. */
static uint64_t event_time(struct reading *reading)
{
	struct ct_retelling *retelling = reading->retelling;

	if (!retelling)
		return ct_clock_ns();
	if (retelling->next + 1 < retelling->times_count)
		return retelling->times[retelling->next++];
	return retelling->times[retelling->times_count - 1];
}

void ct_scanner_done(struct ct_scanner *scanner)
{
	ct_census_free(scanner->census);
	ct_image_writer_free(scanner->writer);
	*scanner = (struct ct_scanner){ 0 };
}

static void breathe(void *opaque)
{
	struct reading *reading = opaque;
	uint64_t now = reading->retelling ? 0 : ct_clock_ns();

	if (!now || now - reading->breathed_ns <= BREATH_NS)
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
		.header = { .time_ns = event_time(reading),
			    .type = type,
			    .flags = (uint8_t)((result->is_complete ? CT_SCAN_COMPLETE : 0) |
					       (result->is_stopped ? CT_SCAN_STOPPED : 0) |
					       (result->is_torn ? CT_SCAN_TORN : 0)) },
		.began_ns = result->began_ns,
		.scan = reading->scanner->scans,
		.collections = result->collections,
		.contexts = (uint32_t)result->count,
		.lost = result->lost,
		.read_bytes = result->read_bytes,
		.paused_ns = type == CT_EVENT_SCAN_END ? result->paused_ns : 0,
	};

	push(reading, &event, sizeof(event));
}

static void push_observed(struct reading *reading, const struct ct_census_context *seen)
{
	struct ct_event_observed event = {
		.header = { .time_ns = event_time(reading),
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
		.hops = seen->hops,
	};

	push(reading, &event, sizeof(event));
}

/* Is it lost for the first time, and old enough to be spoken of once a second reading agrees? */
static bool is_suspicion(const struct reading *reading, const struct ct_context *context,
			 const struct ct_census_context *seen)
{
	uint64_t age_ns = reading->result.began_ns - context->created_ns;

	return seen->state == CT_OBSERVED_LOST && !(context->state & CT_CONTEXT_LOST_ONCE) &&
	       age_ns >= reading->pipeline->min_age_ns;
}

/* The probes follow some links to the parent; memory follows them all. */
static bool is_cut_short(const struct ct_context *context, const struct ct_census_context *seen)
{
	return seen->hops > CT_LINKS_SEEN && context->hops < seen->hops;
}

/* Adopted as the parent of another, it is known by its address and kind alone. */
static bool is_bare(const struct ct_context *context, const struct ct_census_context *seen)
{
	if (is_cut_short(context, seen))
		return true;
	if (!(context->state & CT_CONTEXT_ADOPTED))
		return false;
	return (seen->deadline_ns && !context->deadline_ns) ||
	       (context->parent == CT_INDEX_NONE && context->parent_kind != seen->parent_kind);
}

/* Does memory say anything the stream has not said yet? */
static bool differs(const struct ct_context *context, const struct ct_census_context *seen)
{
	bool is_deferred = context->state & CT_CONTEXT_DEFERRED;
	bool is_unretained = context->state & CT_CONTEXT_UNRETAINED;

	if (is_bare(context, seen))
		return true;
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

/* As far as anybody knows: a gap is told at once, the drops of the same loss are counted at the next tick. */
static uint64_t lost_events(const struct ct_tree *tree)
{
	const struct ct_totals *totals = ct_tree_totals(tree);
	uint64_t dropped = 0;

	for (unsigned int i = 0; i < CT_COUNTER_END; i++)
		if (ct_counter_is_drop(i))
			dropped += totals->counters[i];
	return dropped > totals->lost_events ? dropped : totals->lost_events;
}

/*
 * May the tree be without contexts that live? Before its first complete reading it knows nothing older than the attach,
 * and after a loss it lacks those whose create was lost.
 */
static bool is_stale(const struct ct_scanner *scanner, const struct ct_tree *tree)
{
	return !scanner->has_told || scanner->lost_events != lost_events(tree);
}

/* Older ones that are held leave half of the tree to those made in the window. */
static bool has_room(const struct reading *reading)
{
	uint32_t most = reading->pipeline->options->max_contexts;

	return reading->scanner->has_no_stream || ct_tree_totals(reading->pipeline->tree)->live < most / 2;
}

/*
 * Unknown to the stream: not in the tree, or there only because this reading named it as the parent of another. One that
 * ended since it was read is unknown to the tree too.
 */
static bool is_stranger(struct reading *reading, uint64_t address)
{
	const struct ct_context *context = ct_tree_find(reading->pipeline->tree, address);

	if (context)
		return context->state & CT_CONTEXT_ADOPTED && context->created_ns == reading->result.began_ns;
	return !ct_ended_list_has(&reading->ended, address);
}

static bool is_proven(const struct reading *reading, uint64_t address)
{
	const struct ct_context *context = ct_tree_find(reading->pipeline->tree, address);

	return context && context->state & CT_CONTEXT_LOST;
}

/* Beside probes, what looks like garbage or is undecided may be in the middle of its making: the stream tells it. */
static bool is_told(const struct reading *reading, const struct ct_census_context *seen)
{
	bool is_sure = seen->state == CT_OBSERVED_HELD;
	bool is_open = seen->state == CT_OBSERVED_UNRETAINED || seen->state == CT_OBSERVED_UNDECIDED;

	if (!is_sure && !(is_open && reading->scanner->has_no_stream))
		return false;
	return reading->tells_all && has_room(reading);
}

/* A census: one more behind a pile of deferred cancel functions. Growth takes three readings to be told. */
static bool is_pile_growing(const struct reading *reading, const struct ct_census_context *seen)
{
	return reading->scanner->has_no_stream && reading->scanner->has_told && seen->task;
}

/*
 * Contexts the tree does not know. The lost ones are always told, the held ones when the tree is stale.
 */
static void compare_strangers(struct reading *reading)
{
	const struct ct_census_result *result = &reading->result;

	for (size_t i = 0; i < result->count && !reading->error; i++) {
		const struct ct_census_context *seen = &result->contexts[i];
		bool is_lost = seen->state == CT_OBSERVED_LOST;

		if (i % BREATH_CONTEXTS == 0)
			breathe(reading);
		reading->scanner->is_unsettled |= seen->looks_lost && !is_proven(reading, seen->address);
		if (!is_lost && !is_told(reading, seen))
			continue;
		if (!is_stranger(reading, seen->address))
			continue;
		reading->scanner->is_suspicious |= is_lost || is_pile_growing(reading, seen);
		push_observed(reading, seen);
	}
}

static void plan_next(struct ct_scanner *scanner, uint64_t began_ns)
{
	bool was_hasty = began_ns < scanner->next_ns;
	uint64_t now_ns = ct_clock_ns();

	scanner->cost_ns = now_ns - began_ns;
	scanner->next_ns = now_ns + scanner->cost_ns * COST_SHARE +
			   (scanner->is_suspicious ? SUSPICION_NS : INTERVAL_NS);
	scanner->hasty_ns = was_hasty ? scanner->next_ns : now_ns + SUSPICION_NS;
}

/* A reading becomes events. */
static int tell(struct reading *reading, uint64_t lost)
{
	struct ct_scanner *scanner = reading->scanner;

	scanner->scans++;
	scanner->began_ns = reading->result.began_ns;
	scanner->is_refused = reading->result.is_refused;
	memcpy(scanner->reason, reading->result.reason, sizeof(scanner->reason));
	push_bracket(reading, CT_EVENT_SCAN_BEGIN);
	if (reading->result.is_complete) { // else what was suspicious stays so
		scanner->is_suspicious = scanner->is_unsettled = false;
		compare_strangers(reading);
		compare_tree(reading);
		if (!reading->ended.is_cut) {
			scanner->has_told = true;
			scanner->lost_events = lost; // what was lost since the reading began is for the next one
		}
	}
	push_bracket(reading, CT_EVENT_SCAN_END);
	return reading->error;
}

/* Goroutines have no place between the brackets: a recorded reading that is judged again does not tell them anew. */
static int tell_goroutines(struct reading *reading)
{
	const struct ct_goroutines_telling telling = {
		.goroutines = reading->scanner->goroutines,
		.pipeline = reading->pipeline,
		.result = &reading->result,
		.ended = &reading->ended_tasks,
		.breathe = breathe,
		.opaque = reading,
	};

	if (!telling.goroutines || !reading->result.is_complete || !reading->result.goroutines)
		return 0;
	return ct_goroutines_tell(&telling);
}

static void end_reading(struct reading *reading)
{
	reading->pipeline->ended = reading->pipeline->ended_tasks = NULL;
	ct_ended_list_done(&reading->ended);
	ct_ended_list_done(&reading->ended_tasks);
	ct_census_result_done(&reading->result);
}

int ct_scanner_scan(struct ct_scanner *scanner, struct ct_pipeline *pipeline, ct_scan_breathe drain, void *opaque)
{
	struct reading reading = { .scanner = scanner, .pipeline = pipeline, .drain = drain, .opaque = opaque };
	uint64_t began_ns = ct_clock_ns(), lost = lost_events(pipeline->tree);
	int rc;

	reading.breathed_ns = began_ns;
	reading.tells_all = scanner->has_no_stream || is_stale(scanner, pipeline->tree);
	if (scanner->writer)
		ct_image_writer_begin(scanner->writer, scanner->scans + 1, began_ns);
	if (scanner->goroutines)
		ct_census_list_goroutines(scanner->census);
	pipeline->ended = &reading.ended;
	pipeline->ended_tasks = scanner->goroutines ? &reading.ended_tasks : NULL;
	rc = ct_census_scan(scanner->census, is_known, &reading, &reading.result, NULL);
	if (!rc) {
		drain(opaque);
		rc = tell(&reading, lost);
	}
	if (!rc)
		rc = tell_goroutines(&reading);
	end_reading(&reading);
	plan_next(scanner, began_ns);
	return rc;
}

int ct_scanner_scan_frozen(struct ct_scanner *scanner, struct ct_pipeline *pipeline, struct ct_freeze *freeze,
			   ct_scan_breathe drain, void *opaque)
{
	int rc;

	ct_census_freeze(scanner->census, freeze);
	rc = ct_scanner_scan(scanner, pipeline, drain, opaque);
	ct_census_freeze(scanner->census, NULL);
	return rc;
}

int ct_scanner_retell(struct ct_scanner *scanner, struct ct_pipeline *pipeline, struct ct_image *image,
		      struct ct_retelling *retelling)
{
	const struct ct_event_scan *recorded = &retelling->recorded;
	struct reading reading = { .scanner = scanner, .pipeline = pipeline, .retelling = retelling, .tells_all = true };
	int rc = ct_census_scan(scanner->census, is_known, &reading, &reading.result, NULL);

	if (!rc && (!ct_image_is_whole(image) ||
		    (recorded->header.flags & CT_SCAN_COMPLETE && !reading.result.is_complete)))
		rc = -ENODATA;
	if (!rc) {
		reading.result.began_ns = recorded->began_ns;
		reading.result.read_bytes = recorded->read_bytes;
		scanner->scans = recorded->scan - 1;
		rc = tell(&reading, 0);
	}
	ct_census_result_done(&reading.result);
	return rc;
}

bool ct_scanner_is_due(const struct ct_scanner *scanner, const struct ct_pipeline *pipeline, uint64_t now_ns)
{
	bool needs_all = is_stale(scanner, pipeline->tree);

	if (!scanner->census || now_ns < (needs_all ? scanner->hasty_ns : scanner->next_ns))
		return false;
	return needs_all || scanner->is_suspicious || ct_tree_totals(pipeline->tree)->live > 0;
}
