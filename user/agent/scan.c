// SPDX-License-Identifier: Apache-2.0
#include "agent/scan_private.h"

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

/* Of the event at hand: now, or when the recording had one. A reading that tells more than the recorded one did does
 * not go on after its end. */
uint64_t ct_reading_event_time(struct ct_reading *reading)
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

void ct_reading_breathe(void *opaque)
{
	struct ct_reading *reading = opaque;
	uint64_t now = reading->retelling ? 0 : ct_clock_ns();

	if (!now || now - reading->breathed_ns <= BREATH_NS)
		return;
	reading->drain(reading->opaque);
	reading->breathed_ns = now;
}

static bool is_known(void *opaque, uint64_t address)
{
	struct ct_reading *reading = opaque;

	ct_reading_breathe(reading);
	return address && ct_tree_find(reading->pipeline->tree, address);
}

void ct_reading_push(struct ct_reading *reading, const void *event, size_t bytes)
{
	struct ct_event view = { .header = event, .bytes = bytes };

	if (!reading->error)
		reading->error = ct_pipeline_push(reading->pipeline, &view);
}

static void push_bracket(struct ct_reading *reading, uint8_t type)
{
	const struct ct_census_result *result = &reading->result;
	struct ct_event_scan event = {
		.header = { .time_ns = ct_reading_event_time(reading),
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

	ct_reading_push(reading, &event, sizeof(event));
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

static void plan_next(struct ct_scanner *scanner, uint64_t began_ns, uint64_t began_cpu_ns)
{
	bool was_hasty = began_ns < scanner->next_ns;
	uint64_t now_ns = ct_clock_ns();

	scanner->took_ns = now_ns - began_ns;
	scanner->next_ns = now_ns + (ct_clock_cpu_ns() - began_cpu_ns) * COST_SHARE +
			   (scanner->is_suspicious ? SUSPICION_NS : INTERVAL_NS);
	scanner->hasty_ns = was_hasty ? scanner->next_ns : now_ns + SUSPICION_NS;
}

/* A reading becomes events. */
static int tell(struct ct_reading *reading, uint64_t lost)
{
	struct ct_scanner *scanner = reading->scanner;

	scanner->scans++;
	scanner->began_ns = reading->result.began_ns;
	scanner->is_refused = reading->result.is_refused;
	memcpy(scanner->reason, reading->result.reason, sizeof(scanner->reason));
	push_bracket(reading, CT_EVENT_SCAN_BEGIN);
	if (reading->result.is_complete) { // else what was suspicious stays so
		scanner->is_suspicious = scanner->is_unsettled = false;
		ct_reading_compare(reading);
		if (!reading->ended.is_cut) {
			scanner->has_told = true;
			scanner->lost_events = lost; // what was lost since the reading began is for the next one
		}
	}
	push_bracket(reading, CT_EVENT_SCAN_END);
	return reading->error;
}

/* Goroutines have no place between the brackets: a recorded reading that is judged again does not tell them anew. */
static int tell_goroutines(struct ct_reading *reading)
{
	const struct ct_goroutines_telling telling = {
		.goroutines = reading->scanner->goroutines,
		.pipeline = reading->pipeline,
		.result = &reading->result,
		.ended = &reading->ended_tasks,
		.breathe = ct_reading_breathe,
		.opaque = reading,
	};

	if (!telling.goroutines || !reading->result.is_complete || !reading->result.goroutines)
		return 0;
	return ct_goroutines_tell(&telling);
}

static void end_reading(struct ct_reading *reading)
{
	reading->pipeline->ended = reading->pipeline->ended_tasks = NULL;
	ct_ended_list_done(&reading->ended);
	ct_ended_list_done(&reading->ended_tasks);
	ct_census_result_done(&reading->result);
}

int ct_scanner_scan(struct ct_scanner *scanner, struct ct_pipeline *pipeline, ct_scan_breathe drain, void *opaque)
{
	struct ct_reading reading = { .scanner = scanner, .pipeline = pipeline, .drain = drain, .opaque = opaque };
	uint64_t began_ns = ct_clock_ns(), began_cpu_ns = ct_clock_cpu_ns(), lost = lost_events(pipeline->tree);
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
	plan_next(scanner, began_ns, began_cpu_ns);
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
	struct ct_reading reading = { .scanner = scanner, .pipeline = pipeline, .retelling = retelling, .tells_all = true };
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
