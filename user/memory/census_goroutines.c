// SPDX-License-Identifier: Apache-2.0
/*
 * All goroutines as memory shows them: who started each, with what function, what it does now, and which context it has
 * to do with. A goroutine blocked on a context's done channel waits for that context: g.waiting lists the channels it
 * is parked on. What else its stack holds of contexts is conservative: it refers to them, or did a moment ago.
 */
#include "memory/explain.h"

#include "memory/asking.h"
#include "memory/http_request.h"
#include "memory/known_contexts.h"
#include "memory/scan.h"
#include "memory/stack_walk.h"
#include "memory/wait_reason.h"

#include <errno.h>
#include <stdlib.h>

#define STACK_BYTES_MAX 65536 /* from the innermost frame on; what lies above is not asked about contexts */
#define SUDOGS_MAX 64	      /* cases of one select */
#define REFERS_MAX 1024
#define WAITING 4	/* _Gwaiting */
#define DEAD_EXTRA 11	/* _Gdeadextra, since 1.26: kept for threads that C makes */

/*
 * Fields of runtime.g around those of the layout tables; their distances never changed (src/runtime/runtime2.go, 1.17.13
 * to 1.27.3): goid, schedlink, waitsince, waitreason; parentGoid (1.21 on), gopc, ancestors, startpc, racectx, waiting.
 */
#define WAIT_SINCE(layout) ((layout)->goid + 16)
#define WAIT_REASON(layout) ((layout)->goid + 24)
#define PARENT(layout) ((layout)->start_pc - 24)
#define CREATED(layout) ((layout)->start_pc - 16)
#define SUDOGS(layout) ((layout)->start_pc + 16)
#define PARENT_SINCE 21

/* runtime.sudog.waitlink and .c; since 1.26 pointers that a collector may not follow take two words, the second is it. */
#define SUDOG_LINK(minor) ((minor) >= 26 ? 72 : 64)
#define SUDOG_CHANNEL(minor) ((minor) >= 26 ? 96 : 80)
#define SUDOG_BYTES 104

/*
 * runtime.hchan (src/runtime/chan.go, 1.17.13 to 1.27.3): qcount, dataqsiz, buf, elemsize, closed; since 1.23 the timer
 * that feeds it; elemtype, sendx, recvx, recvq.first and .last, sendq.first. Before 1.23, and in programs that ask for
 * asynctimerchan=1 as those of an older go.mod do, a timer's is one with room for one time.Time.
 */
#define CHANNEL_ROOM 8
#define CHANNEL_ELEMENT 24
#define CHANNEL_TIMER 32
#define CHANNEL_TIMER_SINCE 23
#define CHANNEL_RECEIVERS(minor) ((minor) >= CHANNEL_TIMER_SINCE ? 64 : 56)
#define CHANNEL_SENDERS(minor) (CHANNEL_RECEIVERS(minor) + 16)
#define CHANNEL_BYTES 88
#define TIME_BYTES 24

/* The walk over all of them. */
struct listing {
	struct ct_known_contexts known;
	struct ct_objects objects;
	const struct ct_goroutine_asker *asker;
	struct ct_http_requests requests;
	char route[CT_ROUTE_BYTES];
	struct ct_memory_window channels;
	struct ct_memory_window sudogs, stacks; /* both mostly lie side by side in the order of the list */
	uint64_t stack[STACK_BYTES_MAX / 8];
};

/* Which relation says most: what it waits for, then what has ended or never will. */
static int weight(uint8_t state, bool waits)
{
	static const uint8_t weights[CT_OBSERVED_END] = {
		[CT_OBSERVED_LOST] = 4, [CT_OBSERVED_CANCELLED] = 3, [CT_OBSERVED_UNDECIDED] = 2,
		[CT_OBSERVED_UNRETAINED] = 2, [CT_OBSERVED_HELD] = 1,
	};

	return weights[state] + (waits ? 8 : 0);
}

static void relate(struct ct_goroutine_seen *seen, uint64_t context, uint8_t state, bool waits)
{
	if (seen->context && weight(state, waits) <= weight(seen->context_state, seen->waits))
		return;
	seen->context = context;
	seen->context_state = state;
	seen->waits = waits;
}

static bool is_timer(unsigned int minor, const uint8_t *channel)
{
	if (minor >= CHANNEL_TIMER_SINCE && ct_load64(channel + CHANNEL_TIMER))
		return true;
	return ct_load64(channel + CHANNEL_ROOM) == 1 && ct_load(channel + CHANNEL_ELEMENT, 2) == TIME_BYTES;
}

/* Does it give values, more than a signal, to whoever waits for them? */
static bool is_queue(unsigned int minor, const uint8_t *channel)
{
	return ct_load(channel + CHANNEL_ELEMENT, 2) && ct_load64(channel + CHANNEL_RECEIVERS(minor)) &&
	       !ct_load64(channel + CHANNEL_SENDERS(minor));
}

static void read_channel(struct listing *listing, struct ct_scan *scan, uint64_t address, struct ct_goroutine_seen *seen,
			 unsigned int *queues)
{
	const struct ct_known_context *context = ct_known_contexts_waited(&listing->known, address);
	unsigned int minor = (unsigned int)scan->census->facts.minor;
	uint8_t channel[CHANNEL_BYTES];

	if (context) {
		relate(seen, context->address, context->state, true);
		return;
	}
	if (!address || address % 8 ||
	    ct_memory_window_read(&listing->channels, scan->memory, address, channel, sizeof(channel)))
		return;
	if (is_timer(minor, channel)) {
		seen->is_timed = true;
	} else if (is_queue(minor, channel)) {
		seen->queue = ++*queues == 1 ? address : 0;
	} else if (ct_load(channel + CHANNEL_ELEMENT, 2)) { // it gives a value to somebody
		*queues = SUDOGS_MAX;
		seen->queue = 0;
	}
}

static void read_waits(struct listing *listing, struct ct_scan *scan, uint64_t sudog, struct ct_goroutine_seen *seen)
{
	unsigned int minor = (unsigned int)scan->census->facts.minor, queues = 0;
	uint8_t bytes[SUDOG_BYTES];

	for (int i = 0; i < SUDOGS_MAX && sudog && sudog % 8 == 0; i++) {
		if (ct_memory_window_read(&listing->sudogs, scan->memory, sudog, bytes, sizeof(bytes)))
			return;
		read_channel(listing, scan, ct_load64(bytes + SUDOG_CHANNEL(minor)), seen, &queues);
		sudog = ct_load64(bytes + SUDOG_LINK(minor));
	}
}

/* A context mostly lies there more than once: as many different ones are counted as a short memory tells apart. */
static void read_words(struct listing *listing, size_t words, struct ct_goroutine_seen *seen)
{
	uint64_t recent[8] = { 0 };

	for (size_t i = 0; i < words && seen->refers < REFERS_MAX; i++) {
		uint8_t state = ct_known_contexts_look(&listing->known, listing->stack[i]);
		bool is_repeated = false;

		seen->may_be_detached |= ct_known_contexts_is_boxed(&listing->known, listing->stack[i]);
		if (state == CT_OBSERVED_END)
			continue;
		for (size_t j = 0; j < 8; j++)
			is_repeated |= recent[j] == listing->stack[i];
		if (is_repeated)
			continue;
		recent[seen->refers++ % 8] = listing->stack[i];
		relate(seen, listing->stack[i], state, false);
	}
}

static void read_stack(struct listing *listing, struct ct_scan *scan, const uint8_t *g, struct ct_goroutine_seen *seen)
{
	struct ct_stack_walk walk;
	struct ct_stack stack;
	uint64_t bytes, request;

	if (!ct_stack_of(scan->census->layout.goroutine, g, &stack) || stack.is_running)
		return; // what a running goroutine's stack holds is anybody's guess
	bytes = stack.high - stack.sp < STACK_BYTES_MAX ? stack.high - stack.sp : STACK_BYTES_MAX;
	if (ct_memory_window_read(&listing->stacks, scan->memory, stack.sp, listing->stack, bytes))
		return;
	ct_stack_walk(&stack, listing->stack, bytes, &walk);
	seen->frames = walk.count;
	for (unsigned int i = 0; i < walk.count; i++)
		seen->pcs[i] = walk.pcs[i];
	read_words(listing, bytes / 8, seen);
	request = listing->asker->serves(listing->asker->opaque, seen->task);
	if (request && ct_http_requests_route(&listing->requests, listing->stack, bytes / 8, request, listing->route))
		seen->route = listing->route;
}

static int visit(struct ct_scan *scan, const uint8_t *g, void *opaque)
{
	struct listing *listing = opaque;
	const struct ct_goroutine_layout *layout = scan->census->layout.goroutine;
	uint32_t status = ct_goroutine_status(layout, g);
	struct ct_goroutine_seen seen = {
		.task = ct_load64(g + layout->goid),
		.creator = (unsigned int)scan->census->facts.minor >= PARENT_SINCE ? ct_load64(g + PARENT(layout)) : 0,
		.entry = ct_load64(g + layout->start_pc),
		.created_pc = ct_load64(g + CREATED(layout)),
		.state = ct_goroutine_state_text(status),
		.reason = "",
	};

	if (status == DEAD_EXTRA)
		return 0;
	if (status == WAITING) {
		seen.wait_since_ns = ct_load64(g + WAIT_SINCE(layout));
		seen.reason = ct_wait_reason_text((unsigned int)scan->census->facts.minor, g[WAIT_REASON(layout)]);
		read_waits(listing, scan, ct_load64(g + SUDOGS(layout)), &seen);
	}
	read_stack(listing, scan, g, &seen);
	return seen.task ? listing->asker->visit(listing->asker->opaque, &seen) : 0;
}

static bool breathe(void *opaque, uint64_t address)
{
	const struct ct_goroutine_asker *asker = opaque;

	(void)address;
	asker->breathe(asker->opaque);
	return false;
}

static int list(struct listing *listing, struct ct_census *census, const struct ct_known_context *contexts, size_t count)
{
	char reason[CT_REASON_BYTES];
	struct ct_scan scan = { .census = census,
				.memory = census->memory,
				.is_complete = true,
				.reason = reason,
				.known = breathe,
				.opaque = (void *)listing->asker };
	int rc = ct_heap_load(&census->heap, 0);

	if (!rc)
		rc = ct_objects_load(&listing->objects, &census->heap);
	if (!rc)
		rc = ct_known_contexts_init(&listing->known, census, &listing->objects, contexts, count);
	if (!rc)
		rc = ct_scan_each_goroutine(&scan, visit, listing);
	return rc ? rc : scan.is_complete ? 0 : -ENOENT;
}

int ct_census_goroutines(struct ct_census *census, const struct ct_known_context *contexts, size_t count,
			 const struct ct_goroutine_asker *asker)
{
	struct listing *listing = calloc(1, sizeof(*listing));
	struct ct_asking asking;
	int rc = -ENOMEM;

	if (!listing)
		return rc;
	listing->asker = asker;
	listing->requests.census = census;
	listing->requests.objects = &listing->objects;
	asking = ct_asking_begin(census->memory, census->read_bound);
	rc = list(listing, census, contexts, count);
	ct_asking_end(&asking);
	ct_known_contexts_done(&listing->known);
	ct_objects_done(&listing->objects);
	free(listing);
	return rc;
}
