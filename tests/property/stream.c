// SPDX-License-Identifier: Apache-2.0
#include "stream.h"

#include "tree/index_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define BEGIN_NS UINT64_C(1000000000)
#define HOUR_NS	 (3600 * UINT64_C(1000000000))

/* Slots of the tree's memory of ended contexts (tree/private.h); what shares a slot displaces each other. */
#define ENDED_SLOTS   16384u
#define ADDRESSES_MAX 64u

uint64_t stream_draw(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t stream_address(uint32_t i)
{
	static uint64_t addresses[ADDRESSES_MAX];
	static bool is_taken[ENDED_SLOTS];
	static uint32_t count;
	static uint64_t next = UINT64_C(0xc000010000);

	assert_true(i >= 1 && i <= ADDRESSES_MAX);
	for (; count < i; next += 96) {
		bool *slot = &is_taken[ct_mix(next) % ENDED_SLOTS];

		if (!*slot)
			addresses[count++] = next;
		*slot = true;
	}
	return addresses[i - 1];
}

void stream_add(struct stream *stream, const void *event, size_t length, uint32_t lane)
{
	struct op *op;

	assert_true(length <= OP_BYTES);
	if ((stream->count & (stream->count - 1)) == 0) {
		stream->ops = reallocarray(stream->ops, stream->count ? 2 * stream->count : 1, sizeof(*stream->ops));
		assert_non_null(stream->ops);
	}
	op = &stream->ops[stream->count++];
	*op = (struct op){.length = (uint32_t)length, .lane = lane};
	memcpy(op->bytes, event, length);
}

void stream_done(struct stream *stream)
{
	free(stream->ops);
	*stream = (struct stream){0};
}

struct ct_event stream_event(const struct op *op)
{
	struct ct_event event;

	assert_int_equal(ct_event_decode(op->bytes, op->length, &event), 0);
	return event;
}

/* What a stream in the making knows. */
struct maker {
	const struct recipe *recipe;
	uint64_t state;
	uint64_t now_ns;
	uint32_t scan;
};

static uint64_t pick_address(struct maker *maker)
{
	return stream_address(1 + (uint32_t)stream_below(&maker->state, maker->recipe->addresses));
}

/* Half of the numbers are 0: unknown. */
static uint32_t pick_or_0(struct maker *maker, uint32_t end)
{
	return stream_below(&maker->state, 4) ? 1 + (uint32_t)stream_below(&maker->state, end) : 0;
}

static uint8_t pick_type(struct maker *maker)
{
	const uint8_t *weights = maker->recipe->weights;
	uint64_t sum = 0, at;
	uint8_t type = 0;

	for (unsigned int i = 0; i < CT_EVENT_TYPE_END; i++)
		sum += weights[i];
	at = stream_below(&maker->state, sum);
	while (at >= weights[type])
		at -= weights[type++];
	return type;
}

static struct ct_event_create pick_create(struct maker *maker)
{
	static const uint8_t kinds[] = {CT_KIND_CANCEL,	    CT_KIND_CANCEL,  CT_KIND_DEADLINE,
					CT_KIND_AFTER_FUNC, CT_KIND_UNKNOWN, CT_KIND_VALUE};
	static const uint8_t parents[] = {CT_KIND_CANCEL,  CT_KIND_CANCEL,     CT_KIND_CANCEL, CT_KIND_FOREIGN,
					  CT_KIND_UNKNOWN, CT_KIND_BACKGROUND, CT_KIND_TODO};
	uint64_t *state = &maker->state;
	struct ct_event_create create = {
		.context = pick_address(maker),
		.parent = stream_below(state, 5) ? pick_address(maker) : 0,
		.task = pick_or_0(maker, maker->recipe->tasks),
		.path = pick_or_0(maker, maker->recipe->paths),
		.kind = kinds[stream_below(state, sizeof(kinds))],
		.parent_kind = parents[stream_below(state, sizeof(parents))],
		.hops = stream_below(state, 4) ? 0 : (uint8_t)stream_draw(state),
	};

	if (create.kind == CT_KIND_DEADLINE)
		create.deadline_ns = maker->now_ns + stream_below(state, 20 * maker->recipe->step_ns);
	if (!stream_below(state, 6))
		create.header.flags |= CT_CREATE_DETACHED;
	if (create.kind == CT_KIND_CANCEL && !stream_below(state, 6))
		create.header.flags |= CT_CREATE_ASKED_LATER;
	return create;
}

static struct ct_event_observed pick_observed(struct maker *maker)
{
	uint64_t *state = &maker->state;
	struct ct_event_observed seen = {
		.context = pick_address(maker),
		.parent = stream_below(state, 4) ? pick_address(maker) : 0,
		.deadline_ns = stream_below(state, 2) ? maker->now_ns + stream_below(state, HOUR_NS) : 0,
		.task = stream_below(state, maker->recipe->tasks + 1),
		.scan = stream_below(state, 20) ? maker->scan + !maker->scan : 99,
		.kind = (uint8_t)stream_below(state, CT_KIND_END),
		.state = (uint8_t)stream_below(state, CT_OBSERVED_END),
		.retained_by = (uint8_t)stream_below(state, 8),
		.parent_kind = (uint8_t)stream_below(state, CT_KIND_END),
		.hops = stream_below(state, 4) ? 0 : (uint32_t)(stream_draw(state) >> stream_below(state, 64)),
	};

	seen.header.flags = stream_below(state, 8) ? 0 : CT_OBSERVED_DEFERRED;
	return seen;
}

static struct ct_event_scan pick_scan(struct maker *maker, bool is_begin)
{
	uint64_t *state = &maker->state;
	struct ct_event_scan scan = {
		.began_ns = maker->now_ns - stream_below(state, 3 * maker->recipe->step_ns),
		.collections = (uint32_t)stream_below(state, 12),
	};

	maker->scan += is_begin && stream_below(state, 10);
	scan.scan = maker->scan + !maker->scan;
	scan.header.flags = stream_below(state, 6) ? CT_SCAN_COMPLETE : 0;
	return scan;
}

static bool is_of_threads(uint8_t type)
{
	return type == CT_EVENT_TASK_START || type == CT_EVENT_TASK_END || type == CT_EVENT_TASK_JOIN ||
	       type == CT_EVENT_REQUEST;
}

/* Threads: who starts them, what they are given, who waits for them, and what they say themselves. */
static void add_thread(struct maker *maker, struct stream *stream, uint8_t type)
{
	uint64_t *state = &maker->state;
	uint64_t one = 1 + stream_below(state, maker->recipe->tasks), other = pick_or_0(maker, maker->recipe->tasks);
	union {
		struct ct_event_header header;
		struct ct_event_task_start start;
		struct ct_event_task_join join;
		struct ct_event_task_end end;
		struct ct_event_request request;
	} event = {.join = {.task = one, .by = other}};
	size_t length = sizeof(event.join);

	if (type == CT_EVENT_TASK_START) {
		event.start = (struct ct_event_task_start){.task = one,
							   .creator = other,
							   .context = stream_below(state, 4) ? pick_address(maker) : 0,
							   .path = pick_or_0(maker, maker->recipe->paths),
							   .entry_path = pick_or_0(maker, maker->recipe->paths)};
		event.header.flags = (uint8_t)(CT_TASK_THREAD | (stream_below(state, 3) ? CT_TASK_SPAWNED : 0) |
					       (stream_below(state, 8) ? 0 : CT_TASK_DETACHED));
		length = sizeof(event.start);
	} else if (type == CT_EVENT_TASK_END) {
		event.header.flags = stream_below(state, 2) ? CT_TASK_THREAD : 0;
		length = sizeof(event.end);
	} else if (type == CT_EVENT_REQUEST) {
		event.request = (struct ct_event_request){.context = pick_address(maker), .task = one};
		event.header.flags = stream_below(state, 2) ? CT_REQUEST_END : 0;
		length = sizeof(event.request);
	}
	event.header.type = type;
	event.header.time_ns = maker->now_ns;
	stream_add(stream, &event, length, 0);
}

/* Any other event is an address, a task or nothing. */
static void add_small(struct maker *maker, struct stream *stream, uint8_t type)
{
	uint64_t *state = &maker->state;
	uint32_t lost = (uint32_t)stream_below(state, 9);
	union {
		struct ct_event_header header;
		struct ct_event_cancel cancel;
		struct ct_event_cancel_call call;
		struct ct_event_context context;
		struct ct_event_task_start start;
		struct ct_event_task_end end;
		struct ct_event_task_seen seen;
		struct ct_event_task_idle idle;
		struct ct_event_request request;
		struct ct_event_gap gap;
	} event = {.context = {.context = pick_address(maker)}};
	size_t length = sizeof(struct ct_event_context);

	if (type == CT_EVENT_CANCEL) {
		event.cancel.reason = (uint8_t)(1 + stream_below(state, CT_REASON_END - 1));
		event.cancel.path = pick_or_0(maker, maker->recipe->paths);
		event.header.flags = stream_below(state, 4) ? 0 : CT_CANCEL_BORN;
		length = sizeof(event.cancel);
	} else if (type == CT_EVENT_CANCEL_CALL) {
		length = sizeof(event.call);
	} else if (type == CT_EVENT_TASK_START) {
		event.start = (struct ct_event_task_start){.task = 1 + stream_below(state, maker->recipe->tasks)};
		event.header.flags = stream_below(state, 8) ? 0 : CT_TASK_SYSTEM;
		length = sizeof(event.start);
	} else if (type == CT_EVENT_TASK_SEEN) {
		event.seen = (struct ct_event_task_seen){
			.task = 1 + stream_below(state, maker->recipe->tasks),
			.creator = pick_or_0(maker, maker->recipe->tasks),
			.created = pick_or_0(maker, maker->recipe->paths),
		};
		event.header.flags = (uint8_t)(stream_draw(state) & stream_draw(state) &
					       (CT_TASK_SEEN_GONE | CT_TASK_SEEN_SYSTEM));
		length = sizeof(event.seen);
	} else if (type == CT_EVENT_TASK_IDLE) {
		event.idle.task = 1 + stream_below(state, maker->recipe->tasks);
		event.idle.channel = pick_address(maker);
		length = sizeof(event.idle);
	} else if (type == CT_EVENT_TASK_END) {
		event.end.task = 1 + stream_below(state, maker->recipe->tasks);
	} else if (type == CT_EVENT_REQUEST) {
		event.header.flags = stream_below(state, 2) ? CT_REQUEST_END : 0;
		length = sizeof(event.request);
	} else if (type == CT_EVENT_GAP) {
		event.gap =
			(struct ct_event_gap){.from_ns = maker->now_ns - lost, .to_ns = maker->now_ns, .lost = lost};
		length = sizeof(event.gap);
	} else if (type == CT_EVENT_TICK || type == CT_EVENT_EXEC || type == CT_EVENT_EXIT) {
		length = sizeof(event.header);
	}
	event.header.type = type;
	event.header.time_ns = maker->now_ns;
	stream_add(stream, &event, length, 0);
}

/* A few bytes of anything and a NUL. @return the length. */
static uint32_t pick_name(struct maker *maker, char *at)
{
	uint32_t length = (uint32_t)stream_below(&maker->state, 7);

	for (uint32_t i = 0; i < length; i++)
		at[i] = (char)(1 + stream_below(&maker->state, 255));
	at[length] = '\0';
	return length + 1;
}

/* What memory explains: chains that are torn as often as not. */
static void add_explained(struct maker *maker, struct stream *stream, uint8_t type)
{
	uint64_t *state = &maker->state;
	union {
		struct ct_event_header header;
		struct ct_event_goroutine goroutine;
		struct ct_event_holder holder;
		struct ct_event_route route;
		char bytes[OP_BYTES];
	} event = {.bytes = {0}};
	size_t length;

	if (type == CT_EVENT_GOROUTINE) {
		event.goroutine = (struct ct_event_goroutine){
			.task = 1 + stream_below(state, maker->recipe->tasks),
			.context = stream_below(state, 2) ? pick_address(maker) : 0,
			.wait_since_ns = stream_below(state, 2) ? maker->now_ns - stream_below(state, HOUR_NS) : 0,
			.created = pick_or_0(maker, maker->recipe->paths),
			.entry = pick_or_0(maker, maker->recipe->paths),
			.at = pick_or_0(maker, maker->recipe->paths),
			.context_state = (uint8_t)stream_below(state, CT_OBSERVED_END),
		};
		length = sizeof(event.goroutine);
		length += pick_name(maker, event.bytes + length);
		length += pick_name(maker, event.bytes + length);
		event.goroutine.strings_bytes = (uint32_t)(length - sizeof(event.goroutine));
	} else if (type == CT_EVENT_ROUTE) {
		event.route = (struct ct_event_route){
			.context = pick_address(maker),
			.task = 1 + stream_below(state, maker->recipe->tasks),
		};
		event.route.route_bytes = pick_name(maker, event.bytes + sizeof(event.route));
		length = sizeof(event.route) + event.route.route_bytes;
	} else {
		event.holder = (struct ct_event_holder){
			.context = pick_address(maker),
			.task = stream_below(state, 9),
			.object_bytes = stream_draw(state) >> (16 + stream_below(state, 48)),
			.entries = stream_draw(state) >> (16 + stream_below(state, 48)),
			.path = pick_or_0(maker, maker->recipe->paths),
			.of = (uint32_t)stream_below(state, 100),
			.hop = (uint8_t)stream_below(state, 3),
			.kind = (uint8_t)stream_below(state, CT_HOLDER_END),
			.group = (uint16_t)stream_below(state, 80),
		};
		event.holder.name_bytes = pick_name(maker, event.bytes + sizeof(event.holder));
		length = sizeof(event.holder) + event.holder.name_bytes;
	}
	event.header.type = type;
	event.header.flags = (uint8_t)stream_below(state, 8);
	event.header.time_ns = maker->now_ns;
	stream_add(stream, &event, length, 0);
}

static void add_pick(struct maker *maker, struct stream *stream, uint8_t type)
{
	struct ct_event_header header = {.time_ns = maker->now_ns, .type = type};

	if (type == CT_EVENT_CREATE) {
		struct ct_event_create create = pick_create(maker);

		header.flags = create.header.flags;
		create.header = header;
		stream_add(stream, &create, sizeof(create), 0);
	} else if (type == CT_EVENT_OBSERVED) {
		struct ct_event_observed seen = pick_observed(maker);

		header.flags = seen.header.flags;
		seen.header = header;
		stream_add(stream, &seen, sizeof(seen), 0);
	} else if (type == CT_EVENT_SCAN_BEGIN || type == CT_EVENT_SCAN_END) {
		struct ct_event_scan scan = pick_scan(maker, type == CT_EVENT_SCAN_BEGIN);

		header.flags = scan.header.flags;
		scan.header = header;
		stream_add(stream, &scan, sizeof(scan), 0);
	} else if (type == CT_EVENT_GOROUTINE || type == CT_EVENT_HOLDER || type == CT_EVENT_ROUTE) {
		add_explained(maker, stream, type);
	} else if (is_of_threads(type) && maker->recipe->has_threads) {
		add_thread(maker, stream, type);
	} else {
		add_small(maker, stream, type);
	}
}

void stream_make(struct stream *stream, const struct recipe *recipe, uint64_t seed)
{
	struct maker maker = {.recipe = recipe, .state = seed, .now_ns = BEGIN_NS};

	*stream = (struct stream){.seed = seed};
	while (stream->count < recipe->events) {
		uint64_t step = stream_below(&maker.state, recipe->step_ns);

		if (recipe->has_late && !stream_below(&maker.state, 8) && maker.now_ns > BEGIN_NS + 4 * step)
			maker.now_ns -= 4 * step;
		else
			maker.now_ns += stream_below(&maker.state, 3) ? step : 0; // many at one moment
		add_pick(&maker, stream, pick_type(&maker));
	}
}
