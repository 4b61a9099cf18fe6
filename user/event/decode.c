// SPDX-License-Identifier: Apache-2.0
/*
 * From bytes to a validated event. Bytes come from the kernel ring or from a file that anybody may have written, so
 * nothing here is trusted: a caller may use every field, string and count of an event that passed.
 *
 * To add an event: a row in CT_EVENT_CATALOGUE, and a check here when it has an enumeration, a count or strings.
 */
#include "ctxtrace/source.h"

#include <errno.h>
#include <string.h>

/* A packed frame of SITE: __u32 line, __u8 flags, then two strings (ctxtrace/event.h). */
#define FRAME_FIXED_BYTES 5

/* Nothing in a process is larger or more than its addresses. */
#define ADDRESSES (UINT64_C(1) << 48)

typedef bool (*check_fn)(const struct ct_event *event);

/* Step over one NUL-terminated string; false when it does not end inside the bounds. */
static bool skip_string(const char **at, const char *end)
{
	const char *nul = memchr(*at, '\0', (size_t)(end - *at));

	if (!nul)
		return false;
	*at = nul + 1;
	return true;
}

/* Do exactly `count` strings fill `bytes` behind the fixed part? */
static bool check_strings(const struct ct_event *event, size_t fixed, uint64_t bytes, unsigned int count)
{
	const char *at = (const char *)event->header + fixed, *end;

	if (bytes > event->bytes - fixed)
		return false;
	end = at + bytes;
	for (unsigned int i = 0; i < count; i++)
		if (!skip_string(&at, end))
			return false;
	return at == end;
}

static bool check_create(const struct ct_event *event)
{
	const struct ct_event_create *create = event->create;

	return create->context && create->kind < CT_KIND_END && create->parent_kind < CT_KIND_END;
}

static bool check_cancel(const struct ct_event *event)
{
	return event->cancel->context && event->cancel->reason > CT_REASON_NONE &&
	       event->cancel->reason < CT_REASON_END;
}

static bool check_cancel_cause(const struct ct_event *event)
{
	const struct ct_event_cancel_cause *cause = event->cancel_cause;

	return check_cancel(event) && cause->read_bytes <= sizeof(cause->text) &&
	       cause->read_bytes <= cause->text_bytes && cause->text_bytes <= CT_CAUSE_TEXT_MOST;
}

static bool check_cause(const struct ct_event *event)
{
	return event->cause->context && check_strings(event, sizeof(*event->cause), event->cause->strings_bytes, 2);
}

static bool check_cancel_call(const struct ct_event *event)
{
	return event->cancel_call->context;
}

static bool check_context(const struct ct_event *event)
{
	return event->context->context;
}

static bool check_stack(const struct ct_event *event)
{
	return event->stack->path && event->stack->depth <= CT_STACK_FRAMES_MAX;
}

static bool check_request(const struct ct_event *event)
{
	const struct ct_event_request *request = event->request;

	if (request->header.flags & (CT_REQUEST_HIJACKED | CT_REQUEST_STREAM))
		return !request->context;
	return request->context;
}

static bool check_target(const struct ct_event *event)
{
	return event->target->runtime < CT_RUNTIME_END &&
	       check_strings(event, sizeof(*event->target), event->target->strings_bytes, 3);
}

static bool check_provider(const struct ct_event *event)
{
	return check_strings(event, sizeof(*event->provider), event->provider->name_bytes, 1);
}

static bool check_site(const struct ct_event *event)
{
	const struct ct_event_site *site = event->site;
	const char *at = (const char *)(site + 1), *end;

	if (!site->path || site->frames_bytes > event->bytes - sizeof(*site))
		return false;
	end = at + site->frames_bytes;
	for (unsigned int i = 0; i < site->frames; i++) {
		if (end - at < FRAME_FIXED_BYTES)
			return false;
		at += FRAME_FIXED_BYTES;
		if (!skip_string(&at, end) || !skip_string(&at, end))
			return false;
	}
	return at == end;
}

static bool check_end(const struct ct_event *event)
{
	return event->end->reason < CT_END_REASON_END;
}

static bool check_gap(const struct ct_event *event)
{
	return event->gap->from_ns <= event->gap->to_ns;
}

static bool check_scan(const struct ct_event *event)
{
	const struct ct_event_scan *scan = event->scan;

	return scan->scan && (scan->header.flags & CT_SCAN_STOPPED || !scan->paused_ns);
}

static bool check_observed(const struct ct_event *event)
{
	const struct ct_event_observed *seen = event->observed;
	const uint8_t retained = CT_RETAINED_PARENT | CT_RETAINED_TIMER | CT_RETAINED_GOROUTINE;

	return seen->context && seen->scan && seen->kind < CT_KIND_END && seen->parent_kind < CT_KIND_END &&
	       seen->state < CT_OBSERVED_END && !(seen->retained_by & ~retained);
}

static bool check_goroutine(const struct ct_event *event)
{
	const struct ct_event_goroutine *seen = event->goroutine;

	return seen->task && seen->context_state < CT_OBSERVED_END &&
	       check_strings(event, sizeof(*seen), seen->strings_bytes, 2);
}

static bool check_route(const struct ct_event *event)
{
	const struct ct_event_route *route = event->route;

	return route->context && route->task && check_strings(event, sizeof(*route), route->route_bytes, 1);
}

static bool check_task_seen(const struct ct_event *event)
{
	return event->task_seen->task;
}

static bool check_task_idle(const struct ct_event *event)
{
	return event->task_idle->task && event->task_idle->channel;
}

static bool check_holder(const struct ct_event *event)
{
	const struct ct_event_holder *holder = event->holder;

	return holder->context && holder->kind < CT_HOLDER_END && holder->object_bytes < ADDRESSES &&
	       holder->entries < ADDRESSES &&
	       check_strings(event, sizeof(*holder), holder->name_bytes, 1);
}

/* Content is as long as told; what has a flag and no content may be as long as an address space is. */
static bool check_memory(const struct ct_event *event)
{
	const struct ct_event_memory *memory = event->memory;
	uint8_t flags = memory->header.flags;

	if (!memory->scan || !memory->read || !memory->bytes || memory->address + memory->bytes < memory->address)
		return false;
	if (flags & (flags - 1) || flags > CT_MEMORY_STOPPED || (flags == CT_MEMORY_SWAPPED && !memory->pages))
		return false;
	return flags || memory->bytes <= event->bytes - sizeof(*memory);
}

static bool check_facts(const struct ct_event *event)
{
	return event->facts->count <= (event->bytes - sizeof(*event->facts)) / sizeof(struct ct_fact);
}

static const check_fn checks[CT_EVENT_TYPE_END] = {
	[CT_EVENT_CREATE] = check_create,
	[CT_EVENT_CANCEL] = check_cancel,
	[CT_EVENT_CANCEL_CAUSE] = check_cancel_cause,
	[CT_EVENT_CAUSE] = check_cause,
	[CT_EVENT_CANCEL_CALL] = check_cancel_call,
	[CT_EVENT_FREE] = check_context,
	[CT_EVENT_ABANDON] = check_context,
	[CT_EVENT_STACK] = check_stack,
	[CT_EVENT_REQUEST] = check_request,
	[CT_EVENT_TARGET] = check_target,
	[CT_EVENT_PROVIDER] = check_provider,
	[CT_EVENT_SITE] = check_site,
	[CT_EVENT_END] = check_end,
	[CT_EVENT_GAP] = check_gap,
	[CT_EVENT_SCAN_BEGIN] = check_scan,
	[CT_EVENT_OBSERVED] = check_observed,
	[CT_EVENT_SCAN_END] = check_scan,
	[CT_EVENT_GOROUTINE] = check_goroutine,
	[CT_EVENT_HOLDER] = check_holder,
	[CT_EVENT_MEMORY] = check_memory,
	[CT_EVENT_FACTS] = check_facts,
	[CT_EVENT_ROUTE] = check_route,
	[CT_EVENT_TASK_SEEN] = check_task_seen,
	[CT_EVENT_TASK_IDLE] = check_task_idle,
};

/* 0: a type this version does not know. */
static const uint16_t smallest[CT_EVENT_TYPE_END] = {
#define SMALLEST(name, number, type, bytes, text) [number] = sizeof(struct type),
	CT_EVENT_CATALOGUE(SMALLEST)
#undef SMALLEST
};

/* Fields were added to these later; whoever reads them checks the length. */
static size_t least_of(uint8_t type)
{
	return type == CT_EVENT_OBSERVED ? CT_OBSERVED_BYTES_MIN : smallest[type];
}

uint32_t ct_observed_hops(const struct ct_event *event)
{
	return event->bytes >= sizeof(*event->observed) ? event->observed->hops : 0;
}

int ct_event_decode(const void *bytes, size_t length, struct ct_event *ret_event)
{
	struct ct_event event = { .header = bytes, .bytes = length };
	uint8_t type;

	if (length < sizeof(struct ct_event_header) || length > CT_EVENT_BYTES_MAX ||
	    (uintptr_t)bytes % _Alignof(struct ct_event_header))
		return -EPROTO;
	type = event.header->type;
	if (type >= CT_EVENT_TYPE_END || !smallest[type])
		return -ENOMSG;
	if (length < least_of(type) || (checks[type] && !checks[type](&event)))
		return -EPROTO;
	*ret_event = event;
	return 0;
}
