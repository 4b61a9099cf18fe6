// SPDX-License-Identifier: Apache-2.0
/*
 * The tables. To add an event: its fields here and a row in ct_layouts; parser and printer need no change.
 */
#include "event/text_fields.h"

#include "event/names.h"

#include <stddef.h>
#include <string.h>

#define FIELD(owner, member, text, how, list)                          \
	{                                                              \
		.name = (text), .offset = offsetof(struct owner, member), \
		.size = sizeof(((struct owner *)0)->member),           \
		.type = CT_FIELD_##how, .names = (list)                \
	}
#define FLAGS(list) FIELD(ct_event_header, flags, "flags", BITS, list)
#define LAST { .name = NULL }

static const char *const runtimes[] = { "c", "go", NULL };
static const char *const ends[] = { "duration", "signal", "target-exit", NULL };
static const char *const retained[] = { "parent", "timer", "goroutine", NULL };

static const char *const create_flags[] = { "detached", "parent_unread", "watched", "asked_later", NULL };
static const char *const cancel_flags[] = { "born", NULL };
static const char *const cause_flags[] = { "cut", NULL };
static const char *const task_flags[] = { "thread", "spawned", "detached", "library", "system", NULL };
static const char *const task_end_flags[] = { "thread", NULL };
static const char *const request_flags[] = { "end", "hijacked", "stream", NULL };
static const char *const site_flags[] = { "request", "served-by-maker", "request-over", "ends-request",
					   "starts-handler", "client-gone", NULL };
static const char *const target_flags[] = { "stripped", "unknown_release", NULL };
static const char *const scan_flags[] = { "complete", "stopped", "torn", NULL };
static const char *const rules_flags[] = { "age-chosen", NULL };
static const char *const memory_flags[] = { "zero", "unreadable", "swapped", "stopped", NULL };
static const char *const facts_flags[] = { "last", NULL };
static const char *const observed_flags[] = { "deferred", "in-flux", NULL };
static const char *const goroutine_flags[] = { "system", "waits", "boxed", "timed", NULL };
static const char *const task_seen_flags[] = { "gone", "system", NULL };
static const char *const holder_flags[] = { "last", "cut", "parents", NULL };
const char *const ct_frame_flags[] = { "inlined", "stdlib", "library", NULL };

const struct ct_field ct_header_fields[] = {
	FIELD(ct_event_header, sequence, "seq", COUNT, NULL),
	FIELD(ct_event_header, cpu, "cpu", COUNT, NULL),
	LAST,
};

static const struct ct_field create[] = {
	FIELD(ct_event_create, context, "context", HEX, NULL),
	FIELD(ct_event_create, parent, "parent", HEX, NULL),
	FIELD(ct_event_create, task, "task", COUNT, NULL),
	FIELD(ct_event_create, kind, "kind", NAME, ct_kind_names),
	FIELD(ct_event_create, parent_kind, "parent_kind", NAME, ct_kind_names),
	FIELD(ct_event_create, deadline_ns, "deadline", MOMENT, NULL),
	FIELD(ct_event_create, path, "path", COUNT, NULL),
	FIELD(ct_event_create, hops, "hops", COUNT, NULL),
	FLAGS(create_flags),
	LAST,
};

static const struct ct_field cancel[] = {
	FIELD(ct_event_cancel, context, "context", HEX, NULL),
	FIELD(ct_event_cancel, reason, "reason", NAME, ct_reason_names),
	FIELD(ct_event_cancel, path, "path", COUNT, NULL),
	FLAGS(cancel_flags),
	LAST,
};

/* Raw bytes of a text are not for text; CAUSE has them. */
static const struct ct_field cancel_cause[] = {
	FIELD(ct_event_cancel_cause, context, "context", HEX, NULL),
	FIELD(ct_event_cancel_cause, reason, "reason", NAME, ct_reason_names),
	FIELD(ct_event_cancel_cause, path, "path", COUNT, NULL),
	FIELD(ct_event_cancel_cause, type, "type", HEX, NULL),
	FIELD(ct_event_cancel_cause, text_address, "text_address", HEX, NULL),
	FIELD(ct_event_cancel_cause, text_bytes, "text_bytes", COUNT, NULL),
	FIELD(ct_event_cancel_cause, read_bytes, "read_bytes", COUNT, NULL),
	FLAGS(cancel_flags),
	LAST,
};

static const struct ct_field cause[] = {
	FIELD(ct_event_cause, context, "context", HEX, NULL),
	FLAGS(cause_flags),
	LAST,
};

static const struct ct_field cancel_call[] = {
	FIELD(ct_event_cancel_call, context, "context", HEX, NULL),
	FIELD(ct_event_cancel_call, path, "path", COUNT, NULL),
	LAST,
};

static const struct ct_field context[] = {
	FIELD(ct_event_context, context, "context", HEX, NULL),
	LAST,
};

static const struct ct_field task_start[] = {
	FIELD(ct_event_task_start, task, "task", COUNT, NULL),
	FIELD(ct_event_task_start, creator, "creator", COUNT, NULL),
	FIELD(ct_event_task_start, context, "context", HEX, NULL),
	FIELD(ct_event_task_start, entry, "entry", HEX, NULL),
	FIELD(ct_event_task_start, path, "path", COUNT, NULL),
	FIELD(ct_event_task_start, entry_path, "entry_path", COUNT, NULL),
	FLAGS(task_flags),
	LAST,
};

static const struct ct_field task_end[] = {
	FIELD(ct_event_task_end, task, "task", COUNT, NULL),
	FLAGS(task_end_flags),
	LAST,
};

static const struct ct_field task_join[] = {
	FIELD(ct_event_task_join, task, "task", COUNT, NULL),
	FIELD(ct_event_task_join, by, "by", COUNT, NULL),
	LAST,
};

static const struct ct_field stack[] = {
	FIELD(ct_event_stack, path, "path", COUNT, NULL),
	LAST,
};

static const struct ct_field request[] = {
	FIELD(ct_event_request, context, "context", HEX, NULL),
	FIELD(ct_event_request, task, "task", COUNT, NULL),
	FLAGS(request_flags),
	LAST,
};

static const struct ct_field target[] = {
	FIELD(ct_event_target, pid, "pid", COUNT, NULL),
	FIELD(ct_event_target, runtime, "runtime", NAME, runtimes),
	FIELD(ct_event_target, start_time_ns, "started", MOMENT, NULL),
	FLAGS(target_flags),
	LAST,
};

static const struct ct_field provider[] = {
	FIELD(ct_event_provider, attach_points, "attach_points", COUNT, NULL),
	LAST,
};

static const struct ct_field site[] = {
	FIELD(ct_event_site, path, "path", COUNT, NULL),
	FLAGS(site_flags),
	LAST,
};

static const struct ct_field begin[] = {
	FIELD(ct_event_begin, wall_clock_ns, "wall_clock_ns", COUNT, NULL),
	LAST,
};

static const struct ct_field end[] = {
	FIELD(ct_event_end, reason, "reason", NAME, ends),
	LAST,
};

static const struct ct_field gap[] = {
	FIELD(ct_event_gap, from_ns, "from", MOMENT, NULL),
	FIELD(ct_event_gap, to_ns, "to", MOMENT, NULL),
	FIELD(ct_event_gap, lost, "lost", COUNT, NULL),
	LAST,
};

static const struct ct_field counters[] = {
#define COUNTER(name, text, is_drop) FIELD(ct_event_counters, value[CT_COUNTER_##name], text, COUNT, NULL),
	CT_COUNTER_CATALOGUE(COUNTER)
#undef COUNTER
	LAST,
};

static const struct ct_field scan[] = {
	FIELD(ct_event_scan, scan, "scan", COUNT, NULL),
	FIELD(ct_event_scan, began_ns, "began", MOMENT, NULL),
	FIELD(ct_event_scan, collections, "collections", COUNT, NULL),
	FIELD(ct_event_scan, contexts, "contexts", COUNT, NULL),
	FIELD(ct_event_scan, lost, "lost", COUNT, NULL),
	FIELD(ct_event_scan, read_bytes, "read_bytes", COUNT, NULL),
	FIELD(ct_event_scan, paused_ns, "paused_ns", COUNT, NULL),
	FLAGS(scan_flags),
	LAST,
};

static const struct ct_field rules[] = {
	FIELD(ct_event_rules, min_age_ns, "min_age_ns", COUNT, NULL),
	FIELD(ct_event_rules, grace_ns, "grace_ns", COUNT, NULL),
	FLAGS(rules_flags),
	LAST,
};

static const struct ct_field observed[] = {
	FIELD(ct_event_observed, context, "context", HEX, NULL),
	FIELD(ct_event_observed, scan, "scan", COUNT, NULL),
	FIELD(ct_event_observed, kind, "kind", NAME, ct_kind_names),
	FIELD(ct_event_observed, state, "state", NAME, ct_observed_names),
	FIELD(ct_event_observed, retained_by, "retained_by", BITS, retained),
	FIELD(ct_event_observed, retained_by, "retained", BITS, retained), // short for writers
	FIELD(ct_event_observed, parent, "parent", HEX, NULL),
	FIELD(ct_event_observed, parent_kind, "parent_kind", NAME, ct_kind_names),
	FIELD(ct_event_observed, deadline_ns, "deadline", MOMENT, NULL),
	FIELD(ct_event_observed, task, "task", COUNT, NULL),
	FIELD(ct_event_observed, object_bytes, "object_bytes", COUNT, NULL),
	FIELD(ct_event_observed, hops, "hops", COUNT, NULL),
	FLAGS(observed_flags),
	LAST,
};

static const struct ct_field goroutine[] = {
	FIELD(ct_event_goroutine, task, "task", COUNT, NULL),
	FIELD(ct_event_goroutine, creator, "creator", COUNT, NULL),
	FIELD(ct_event_goroutine, context, "context", HEX, NULL),
	FIELD(ct_event_goroutine, context_state, "context_state", NAME, ct_observed_names),
	FIELD(ct_event_goroutine, wait_since_ns, "wait_since", MOMENT, NULL),
	FIELD(ct_event_goroutine, created, "created", COUNT, NULL),
	FIELD(ct_event_goroutine, entry, "entry", COUNT, NULL),
	FIELD(ct_event_goroutine, at, "at", COUNT, NULL),
	FIELD(ct_event_goroutine, refers, "refers", COUNT, NULL),
	FLAGS(goroutine_flags),
	LAST,
};

static const struct ct_field holder[] = {
	FIELD(ct_event_holder, context, "context", HEX, NULL),
	FIELD(ct_event_holder, hop, "hop", COUNT, NULL),
	FIELD(ct_event_holder, kind, "kind", NAME, ct_holder_names),
	FIELD(ct_event_holder, task, "task", COUNT, NULL),
	FIELD(ct_event_holder, path, "path", COUNT, NULL),
	FIELD(ct_event_holder, object_bytes, "object_bytes", COUNT, NULL),
	FIELD(ct_event_holder, entries, "entries", COUNT, NULL),
	FIELD(ct_event_holder, group, "group", COUNT, NULL),
	FIELD(ct_event_holder, of, "of", COUNT, NULL),
	FLAGS(holder_flags),
	LAST,
};

static const struct ct_field route[] = {
	FIELD(ct_event_route, context, "context", HEX, NULL),
	FIELD(ct_event_route, task, "task", COUNT, NULL),
	LAST,
};

static const struct ct_field task_seen[] = {
	FIELD(ct_event_task_seen, task, "task", COUNT, NULL),
	FIELD(ct_event_task_seen, creator, "creator", COUNT, NULL),
	FIELD(ct_event_task_seen, created, "created", COUNT, NULL),
	FIELD(ct_event_task_seen, entry, "entry", COUNT, NULL),
	FLAGS(task_seen_flags),
	LAST,
};

static const struct ct_field task_idle[] = {
	FIELD(ct_event_task_idle, task, "task", COUNT, NULL),
	FIELD(ct_event_task_idle, channel, "channel", HEX, NULL),
	LAST,
};

static const char *const goroutine_strings[] = { "state", "reason", NULL };
static const char *const route_strings[] = { "route", NULL };
static const struct ct_field memory[] = {
	FIELD(ct_event_memory, scan, "scan", COUNT, NULL),
	FIELD(ct_event_memory, read, "read", COUNT, NULL),
	FIELD(ct_event_memory, address, "address", HEX, NULL),
	FIELD(ct_event_memory, bytes, "bytes", COUNT, NULL),
	FIELD(ct_event_memory, pages, "pages", COUNT, NULL),
	FLAGS(memory_flags),
	LAST,
};

static const struct ct_field facts[] = {
	FLAGS(facts_flags),
	LAST,
};

static const char *const target_strings[] = { "exe", "version", "build_id", NULL };
static const char *const provider_strings[] = { "name", NULL };
static const char *const cause_strings[] = { "type", "text", NULL };

#define LAYOUT(owner, list) .bytes = sizeof(struct owner), .fields = (list)

const struct ct_layout ct_layouts[CT_EVENT_TYPE_END] = {
	[CT_EVENT_CREATE] = { LAYOUT(ct_event_create, create) },
	[CT_EVENT_CANCEL] = { LAYOUT(ct_event_cancel, cancel) },
	[CT_EVENT_CANCEL_CAUSE] = { LAYOUT(ct_event_cancel_cause, cancel_cause) },
	[CT_EVENT_CAUSE] = { LAYOUT(ct_event_cause, cause),
			     .tail = CT_TAIL_STRINGS,
			     .tail_names = cause_strings,
			     .tail_bytes = FIELD(ct_event_cause, strings_bytes, "", COUNT, NULL) },
	[CT_EVENT_CANCEL_CALL] = { LAYOUT(ct_event_cancel_call, cancel_call) },
	[CT_EVENT_FREE] = { LAYOUT(ct_event_context, context) },
	[CT_EVENT_ABANDON] = { LAYOUT(ct_event_context, context) },
	[CT_EVENT_TASK_START] = { LAYOUT(ct_event_task_start, task_start) },
	[CT_EVENT_TASK_END] = { LAYOUT(ct_event_task_end, task_end) },
	[CT_EVENT_TASK_JOIN] = { LAYOUT(ct_event_task_join, task_join) },
	[CT_EVENT_STACK] = { LAYOUT(ct_event_stack, stack),
			     .tail = CT_TAIL_STACK,
			     .tail_bytes = FIELD(ct_event_stack, depth, "depth", COUNT, NULL) },
	[CT_EVENT_REQUEST] = { LAYOUT(ct_event_request, request) },
	[CT_EVENT_EXEC] = { LAYOUT(ct_event_mark, NULL) },
	[CT_EVENT_EXIT] = { LAYOUT(ct_event_mark, NULL) },
	[CT_EVENT_TARGET] = { LAYOUT(ct_event_target, target),
			      .tail = CT_TAIL_STRINGS,
			      .tail_names = target_strings,
			      .tail_bytes = FIELD(ct_event_target, strings_bytes, "", COUNT, NULL) },
	[CT_EVENT_PROVIDER] = { LAYOUT(ct_event_provider, provider),
				.tail = CT_TAIL_STRINGS,
				.tail_names = provider_strings,
				.tail_bytes = FIELD(ct_event_provider, name_bytes, "", COUNT, NULL) },
	[CT_EVENT_SITE] = { LAYOUT(ct_event_site, site),
			    .tail = CT_TAIL_FRAMES,
			    .tail_bytes = FIELD(ct_event_site, frames_bytes, "", COUNT, NULL) },
	[CT_EVENT_BEGIN] = { LAYOUT(ct_event_begin, begin) },
	[CT_EVENT_END] = { LAYOUT(ct_event_end, end) },
	[CT_EVENT_TICK] = { LAYOUT(ct_event_mark, NULL) },
	[CT_EVENT_GAP] = { LAYOUT(ct_event_gap, gap) },
	[CT_EVENT_COUNTERS] = { LAYOUT(ct_event_counters, counters) },
	[CT_EVENT_SCAN_BEGIN] = { LAYOUT(ct_event_scan, scan) },
	[CT_EVENT_OBSERVED] = { LAYOUT(ct_event_observed, observed) },
	[CT_EVENT_SCAN_END] = { LAYOUT(ct_event_scan, scan) },
	[CT_EVENT_GOROUTINE] = { LAYOUT(ct_event_goroutine, goroutine),
				 .tail = CT_TAIL_STRINGS,
				 .tail_names = goroutine_strings,
				 .tail_bytes = FIELD(ct_event_goroutine, strings_bytes, "", COUNT, NULL) },
	[CT_EVENT_HOLDER] = { LAYOUT(ct_event_holder, holder),
			      .tail = CT_TAIL_STRINGS,
			      .tail_names = provider_strings,
			      .tail_bytes = FIELD(ct_event_holder, name_bytes, "", COUNT, NULL) },
	[CT_EVENT_MEMORY] = { LAYOUT(ct_event_memory, memory), .tail = CT_TAIL_CONTENT },
	[CT_EVENT_FACTS] = { LAYOUT(ct_event_facts, facts), .tail = CT_TAIL_FACTS },
	[CT_EVENT_RULES] = { LAYOUT(ct_event_rules, rules) },
	[CT_EVENT_ROUTE] = { LAYOUT(ct_event_route, route),
			     .tail = CT_TAIL_STRINGS,
			     .tail_names = route_strings,
			     .tail_bytes = FIELD(ct_event_route, route_bytes, "", COUNT, NULL) },
	[CT_EVENT_TASK_SEEN] = { LAYOUT(ct_event_task_seen, task_seen) },
	[CT_EVENT_TASK_IDLE] = { LAYOUT(ct_event_task_idle, task_idle) },
};

/* Fields are whole numbers of the machine that reads them; both sides of the stream are the same machine. */
uint64_t ct_field_get(const void *event, const struct ct_field *field)
{
	const char *at = (const char *)event + field->offset;
	uint64_t value = 0;
	uint32_t four;
	uint16_t two;

	if (field->size == sizeof(two)) {
		memcpy(&two, at, sizeof(two));
		value = two;
	} else if (field->size == sizeof(four)) {
		memcpy(&four, at, sizeof(four));
		value = four;
	} else if (field->size == sizeof(value)) {
		memcpy(&value, at, sizeof(value));
	} else {
		value = *(const uint8_t *)at;
	}
	return value;
}

bool ct_field_set(void *event, const struct ct_field *field, uint64_t value)
{
	char *at = (char *)event + field->offset;
	uint32_t four = (uint32_t)value;
	uint16_t two = (uint16_t)value;

	if (field->size < sizeof(value) && value >> (8 * field->size))
		return false;
	if (field->size == sizeof(two))
		memcpy(at, &two, sizeof(two));
	else if (field->size == sizeof(four))
		memcpy(at, &four, sizeof(four));
	else if (field->size == sizeof(value))
		memcpy(at, &value, sizeof(value));
	else
		*(uint8_t *)at = (uint8_t)value;
	return true;
}
