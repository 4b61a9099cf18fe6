// SPDX-License-Identifier: Apache-2.0
/*
 * What goroutines say about contexts: cancel functions that wait on their defer lists, watchers of foreign parents
 * and, where creators were inlined, contexts that only a stack still knows.
 */
#include "memory/scan.h"

#include <errno.h>
#include <stdlib.h>

#define GOROUTINES_MAX (UINT64_C(1) << 24)
#define STACK_BYTES_MAX (UINT64_C(1) << 30) /* Go's own limit of one stack on 64 bit: 1 GB */
#define ALL_STACKS_BYTES (UINT64_C(2) << 30)
#define DEFERS_MAX 10000000
#define DEFERRED_MIN 50 /* of one call: defer-in-loop begins here; fewer are ordinary */
#define WATCHED_MAX 64 /* a watcher's stack has its context some few times */
#define CHUNK_WORDS 4096
#define BREATHE 256

/* A record of a defer list. */
struct deferred {
	uint64_t frame; /* stack pointer of the call that deferred */
	uint64_t function;
};

/* One goroutine, and the buffers all of them share. */
struct walk {
	struct ct_scan *scan;
	const uint8_t *bytes; /* of the g */
	uint64_t stack_bytes_left;
	uint64_t defers_left;
	unsigned int watched_left; /* contexts on this stack that are looked at */
	struct deferred *deferred; /* its list, innermost call first */
	size_t deferred_count, deferred_room;
	uint64_t words[CHUNK_WORDS];
};

static uint64_t stack_start(const struct ct_go_layout *layout, const uint8_t *g)
{
	uint64_t low = ct_load64(g + CT_G_STACK_LOW), high = ct_load64(g + CT_G_STACK_HIGH);
	uint64_t sp = ct_load64(g + CT_G_SCHED_SP);
	bool is_running = ct_goroutine_status(layout->goroutine, g) == CT_GOROUTINE_RUNNING;

	// a running goroutine's saved stack pointer is old
	return is_running || sp < low || sp >= high ? low : sp & ~UINT64_C(7);
}

/* Call `each` with every stretch of the goroutine's stack. */
static int read_stack(struct walk *walk, void (*each)(struct walk *walk, size_t words))
{
	uint64_t at = stack_start(&walk->scan->census->layout, walk->bytes);
	uint64_t end = ct_load64(walk->bytes + CT_G_STACK_HIGH);

	if (at % 8 || end % 8 || at >= end || end - at > STACK_BYTES_MAX)
		return -EPROTO;
	if (end - at > walk->stack_bytes_left)
		return -EOVERFLOW;
	walk->stack_bytes_left -= end - at;
	while (at < end) {
		size_t part = end - at < sizeof(walk->words) ? end - at : sizeof(walk->words);
		int rc = ct_memory_read(walk->scan->memory, at, walk->words, part);

		if (rc)
			return rc;
		each(walk, part / 8);
		at += part;
	}
	return 0;
}

static void reach_words(struct walk *walk, size_t words)
{
	for (size_t i = 0; i < words; i++)
		ct_scan_note(walk->scan, walk->words[i], CT_SEEN_REACHED);
}

static bool has_word(const struct walk *walk, size_t words, uint64_t word)
{
	for (size_t i = 0; i < words; i++)
		if (walk->words[i] == word)
			return true;
	return false;
}

/* The watcher holds the child and its parent; a user's struct around a context is there without what it wraps. A stack
 * that is full of contexts is no watcher's: each of them would be compared with each word. */
static void watch_words(struct walk *walk, size_t words)
{
	for (size_t i = 0; i < words && walk->watched_left; i++) {
		struct ct_candidate *child = ct_scan_find(walk->scan, walk->words[i], NULL);

		walk->watched_left -= child != NULL;
		if (!child || !has_word(walk, words, child->seen.parent))
			continue;
		ct_scan_note(walk->scan, walk->words[i], CT_SEEN_WATCHER);
		child->seen.retained_by |= CT_RETAINED_GOROUTINE;
		if (!child->seen.kind)
			child->seen.kind = CT_KIND_CANCEL;
	}
}

static int keep_deferred(struct walk *walk, struct deferred deferred)
{
	if (walk->deferred_count == walk->deferred_room) {
		size_t room = walk->deferred_room * 2 + 1024;
		struct deferred *more = realloc(walk->deferred, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		walk->deferred = more;
		walk->deferred_room = room;
	}
	walk->deferred[walk->deferred_count++] = deferred;
	return 0;
}

/* A list that comes back to where it was is torn, and nothing of it is believed. Brent's way to see it: remember a record,
 * and another one after twice as many. */
static int read_defers(struct walk *walk, uint64_t record)
{
	const struct ct_goroutine_layout *layout = walk->scan->census->layout.goroutine;
	uint64_t remembered = 0, next_memory = 64;
	uint8_t bytes[48];
	int rc = 0;

	walk->deferred_count = 0;
	while (record && record % 8 == 0 && !rc && walk->defers_left) {
		walk->defers_left--;
		if (record == remembered) {
			walk->deferred_count = 0;
			return 0;
		}
		if (walk->deferred_count == next_memory) {
			remembered = record;
			next_memory *= 2;
		}
		if (ct_memory_window_read(&walk->scan->census->window, walk->scan->memory, record, bytes, sizeof(bytes)))
			return 0;
		rc = keep_deferred(walk, (struct deferred){ ct_load64(bytes + CT_DEFER_SP),
							    ct_load64(bytes + CT_DEFER_FN) });
		record = ct_load64(bytes + layout->defer_link);
	}
	return rc;
}

/* Cancel functions in a stretch of the list: counted first, told only when they pile up. */
static size_t deferred_cancels(struct walk *walk, size_t begin, size_t end, uint64_t goid)
{
	struct ct_census *census = walk->scan->census;
	size_t count = 0;

	for (size_t i = begin; i < end; i++) {
		uint64_t words[2], function = walk->deferred[i].function;
		struct ct_candidate *candidate;

		if (ct_memory_window_read(&census->window, walk->scan->memory, function, words, sizeof(words)) ||
		    !ct_closure_is_owner(ct_closures_look(&census->facts.closures, words[0])))
			continue;
		candidate = goid ? ct_scan_note(walk->scan, words[1], CT_SEEN_OWNED) : NULL;
		if (candidate)
			candidate->seen.task = goid;
		count++;
	}
	return count;
}

/* What one call has deferred lies in a row. A recursion defers as often, but each call once, and each returns. */
static int walk_defers(struct walk *walk)
{
	uint64_t goid = ct_load64(walk->bytes + walk->scan->census->layout.goroutine->goid);
	int rc = 0;

	walk->scan->census->window.valid = 0;
	rc = read_defers(walk, ct_load64(walk->bytes + CT_G_DEFER));
	for (size_t begin = 0, end; !rc && begin < walk->deferred_count; begin = end) {
		for (end = begin + 1; end < walk->deferred_count; end++)
			if (walk->deferred[end].frame != walk->deferred[begin].frame)
				break;
		if (end - begin >= DEFERRED_MIN && deferred_cancels(walk, begin, end, 0) >= DEFERRED_MIN)
			deferred_cancels(walk, begin, end, goid);
	}
	return rc;
}

static int visit_goroutine(struct ct_scan *scan, const uint8_t *g, void *opaque)
{
	struct ct_census *census = scan->census;
	struct walk *walk = opaque;
	uint64_t entry = ct_load64(g + census->layout.goroutine->start_pc);
	int rc = 0;

	walk->bytes = g;
	walk->watched_left = WATCHED_MAX;
	if (census->lists_goroutines && ct_goroutine_list_add(scan, g))
		return -ENOMEM;
	if (ct_load64(walk->bytes + CT_G_DEFER))
		rc = walk_defers(walk);
	if (!rc && ct_closures_look(&census->facts.closures, entry) == CT_CLOSURE_WATCHER)
		rc = read_stack(walk, watch_words);
	if (!rc && census->facts.has_inlined_creators) {
		for (size_t at = CT_G_SCHED_SP; at < CT_G_SCHED_SP + 56; at += 8)
			ct_scan_note(walk->scan, ct_load64(walk->bytes + at), CT_SEEN_REACHED);
		rc = read_stack(walk, reach_words);
	}
	return rc == -EPROTO ? 0 : rc; // its stack was being moved
}

/* The slice only grows, and an old array may be freed once it has moved: read it until it stands still. */
static int read_allgs(struct ct_scan *scan, uint64_t **ret_goroutines, uint64_t *ret_count)
{
	uint64_t header[2], after[2] = { 0 };

	for (int tries = 0; tries < 4; tries++) {
		uint64_t *goroutines;
		int rc = ct_memory_read(scan->memory, scan->census->facts.allgs, header, sizeof(header));

		if (rc || header[0] % 8 || !header[1] || header[1] > GOROUTINES_MAX)
			return rc ? rc : -EPROTO;
		goroutines = malloc(header[1] * sizeof(*goroutines));
		if (!goroutines)
			return -ENOMEM;
		rc = ct_memory_read(scan->memory, header[0], goroutines, header[1] * sizeof(*goroutines));
		if (!rc)
			rc = ct_memory_read(scan->memory, scan->census->facts.allgs, after, sizeof(after));
		if (!rc && after[0] == header[0]) {
			*ret_goroutines = goroutines;
			*ret_count = header[1];
			return 0;
		}
		free(goroutines);
		if (rc)
			return rc;
	}
	return -EAGAIN;
}

static bool find_allgs(struct ct_census *census)
{
	for (size_t i = 0; !census->facts.allgs && i < census->facts.allgs_guess_count; i++)
		if (ct_locate_is_allgs(census, census->facts.allgs_guesses[i]))
			census->facts.allgs = census->facts.allgs_guesses[i];
	return census->facts.allgs != 0;
}

static int fail(struct ct_scan *scan, int rc)
{
	if (rc == -ESRCH || rc == -ENOMEM || !rc)
		return rc;
	ct_scan_incomplete(scan, "the goroutines could not be read (error %d)", -rc);
	return 0;
}

static bool has_stack(const struct ct_scan *scan, const uint8_t *g)
{
	uint32_t status = ct_goroutine_status(scan->census->layout.goroutine, g);

	return status != CT_GOROUTINE_IDLE && status != CT_GOROUTINE_DEAD && ct_load64(g + CT_G_STACK_HIGH);
}

/* src/runtime/runtime2.go: _Gleaked, the last status of Go 1.26 */
#define STATUS_LAST 10

static bool is_code(const struct ct_census *census, uint64_t address)
{
	return address >= census->facts.text && address < census->facts.etext;
}

/* Functions are aligned (funcAlign in src/cmd/link/internal/amd64/l.go and arm64/l.go), return addresses rarely are. */
#if defined(__x86_64__)
#define ENTRY_ALIGN 32
#else
#define ENTRY_ALIGN 16
#endif

/* Do the words of a goroutine fit together? The entry of one made for a foreign thread is not set. */
static bool is_sound(const struct ct_census *census, const uint8_t *g)
{
	const struct ct_goroutine_layout *layout = census->layout.goroutine;
	uint64_t entry = ct_load64(g + layout->start_pc), goid = ct_load64(g + layout->goid);

	return ct_goroutine_status(layout, g) <= STATUS_LAST && goid && goid < UINT64_C(1) << 48 &&
	       ct_load64(g + CT_G_STACK_LOW) < ct_load64(g + CT_G_STACK_HIGH) &&
	       (!entry || (is_code(census, entry) && entry % ENTRY_ALIGN == 0));
}

static bool has_frame(const struct ct_census *census, const uint8_t *g)
{
	uint64_t frame = ct_load64(g + census->layout.goroutine->sched_bp);

	return frame >= ct_load64(g + CT_G_STACK_LOW) && frame < ct_load64(g + CT_G_STACK_HIGH) && frame % 8 == 0 &&
	       is_code(census, ct_load64(g + CT_G_SCHED_PC));
}

static void weigh(struct ct_scan *scan, const uint8_t *g)
{
	const struct ct_goroutine_layout *layout = scan->census->layout.goroutine;
	bool sound = is_sound(scan->census, g);

	scan->evidence.goroutines += sound;
	scan->evidence.odd_goroutines += !sound;
	scan->evidence.whole_goroutines += sound && ct_load64(g + layout->start_pc);
	if (ct_goroutine_status(layout, g) != CT_GOROUTINE_WAITING)
		return;
	if (has_frame(scan->census, g))
		scan->evidence.waiting++;
	else
		scan->evidence.odd_waiting++;
}

/* The first goroutine a program makes runs main; all are dead, not idle, before they are listed (runtime/proc.go). */
static void weigh_listed(struct ct_scan *scan, const uint8_t *g, bool is_first)
{
	const struct ct_goroutine_layout *layout = scan->census->layout.goroutine;
	uint32_t status = ct_goroutine_status(layout, g);

	if (is_first && status != CT_GOROUTINE_DEAD)
		scan->evidence.has_odd_main = ct_load64(g + layout->goid) != 1 || !is_sound(scan->census, g) ||
					      !ct_load64(g + layout->start_pc);
	if (has_stack(scan, g))
		weigh(scan, g);
	else
		scan->evidence.odd_goroutines += status == CT_GOROUTINE_IDLE;
}

int ct_scan_each_goroutine(struct ct_scan *scan, int (*visit)(struct ct_scan *scan, const uint8_t *g, void *opaque),
			   void *opaque)
{
	struct ct_memory_window window = { 0 }; // goroutines are made one after the other, so they lie side by side
	uint64_t *goroutines = NULL, count = 0;
	uint8_t g[CT_G_BYTES];
	int rc = find_allgs(scan->census) ? read_allgs(scan, &goroutines, &count) : -ENOENT;

	for (uint64_t i = 0; i < count && !rc; i++) {
		rc = goroutines[i] % 8 ? -EPROTO :
					 ct_memory_window_read(&window, scan->memory, goroutines[i], g, sizeof(g));
		if (!rc)
			weigh_listed(scan, g, !i);
		if (!rc && has_stack(scan, g))
			rc = visit(scan, g, opaque);
		if (i % BREATHE == 0)
			ct_scan_breathe(scan);
	}
	free(goroutines);
	return fail(scan, rc);
}

/* In a frozen process with inlined creators a context may be in a register only. */
static void reach_registers(struct ct_scan *scan)
{
	const struct ct_freeze *freeze = scan->census->freeze;

	for (size_t i = 0; freeze && scan->census->facts.has_inlined_creators && i < freeze->threads.count; i++)
		for (size_t k = 0; k < freeze->threads.list[i].words_count; k++)
			ct_scan_note(scan, freeze->threads.list[i].words[k], CT_SEEN_REACHED);
}

int ct_scan_goroutines(struct ct_scan *scan)
{
	struct walk *walk = calloc(1, sizeof(*walk));
	int rc;

	if (!walk)
		return -ENOMEM;
	walk->scan = scan;
	walk->stack_bytes_left = ALL_STACKS_BYTES;
	walk->defers_left = DEFERS_MAX;
	reach_registers(scan);
	rc = ct_scan_each_goroutine(scan, visit_goroutine, walk);
	free(walk->deferred);
	free(walk);
	return rc;
}
