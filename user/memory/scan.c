// SPDX-License-Identifier: Apache-2.0
/*
 * The method.
 *
 * The heap's spans whose element size is that of a context or of a small closure are read whole. A live element whose
 * first word is an itab for context.Context and whose err word is nil may be a context; it is one if something of the
 * library's own says so: it is a key of a children map, its children are contexts, an armed timer's callback, a
 * watcher goroutine or an owner's cancel function points at it, or a create event named it. A cancel function is a
 * closure {code, context}. A live context that is not cancelled, that something retains, and for which no such
 * closure is alive was lost: nobody can call what no longer exists, as of the last collection.
 *
 * Guards, each against an error that was seen:
 * - garbage that was not collected yet counts as alive: a lost context shows as held until the next collection;
 * - a span that is not swept yet proves nothing: undecided;
 * - a cancel function is gone only when a collection took it, which the context survived: one made since is undecided;
 * - contexts are read first, closures second, then the seemingly lost once more: a context made meanwhile is not
 *   listed, one that ended meanwhile drops out;
 * - where profile-guided optimization inlined a creator, the closure may exist on a stack only, or not at all while
 *   its maker runs: then all stacks and closures are searched for the context's pointer, and found means undecided.
 *   A context that is in a register of a running goroutine only is not found: two readings have to agree;
 * - what points into no arena, is out of bounds, torn or swapped out is left out, and if that could make something
 *   look lost or absent, the reading is incomplete.
 *
 * Verified to the object on programs with known contexts: tests/targets/census_leaks, tests/e2e/test_census.py.
 */
#include "memory/scan.h"

#include "base/time.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CT_NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

void ct_scan_incomplete(struct ct_scan *scan, const char *format, ...)
{
	va_list args;

	if (scan->is_complete) {
		va_start(args, format);
		vsnprintf(scan->reason, CT_REASON_BYTES, format, args);
		va_end(args);
	}
	scan->is_complete = false;
}

bool ct_scan_is_live(const struct ct_scan *scan, uint32_t index)
{
	struct ct_census *census = scan->census;
	const struct ct_span *span = &scan->view->span;

	if (!census->freeze)
		return ct_view_is_live(scan->view, index);
	return ct_mark_has(&census->freeze->mark, span->start + (uint64_t)index * span->element_bytes);
}

void ct_scan_breathe(struct ct_scan *scan)
{
	if (scan->known)
		scan->known(scan->opaque, 0);
}

bool ct_scan_is_late(struct ct_scan *scan)
{
	const struct ct_census *census = scan->census;

	if (!census->end_ns || now_ns() < census->end_ns)
		return false;
	ct_scan_incomplete(scan, "no time left (--budget): %u%% of the heap was read, with %zu live contexts so far",
			   ct_census_percent(census), scan->count);
	return true;
}

/* The order is part of the proof; see the head of this file. */
static int run_passes(struct ct_scan *scan)
{
	static int (*const passes[])(struct ct_scan *scan) = {
		ct_scan_contexts, ct_scan_owners, ct_scan_children, ct_scan_goroutines, ct_scan_parents, ct_scan_judge,
	};
	int rc = scan->census->freeze ? ct_scan_mark(scan) : 0;

	for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]) && !rc && !ct_scan_is_late(scan); i++) {
		rc = passes[i](scan);
		ct_scan_breathe(scan);
	}
	return rc;
}

static int by_address(const void *a, const void *b)
{
	uint64_t left = ((const struct ct_census_context *)a)->address;
	uint64_t right = ((const struct ct_census_context *)b)->address;

	return left < right ? -1 : left > right;
}

/* Candidates become the result in place: a million of them need no second array. */
static void take_result(struct ct_scan *scan, struct ct_census_result *result)
{
	struct ct_census_context *contexts = (struct ct_census_context *)(void *)scan->candidates, *smaller;
	size_t count = 0;

	for (size_t i = 0; i < scan->count; i++) {
		struct ct_census_context seen = scan->candidates[i].seen;

		result->is_torn |= scan->candidates[i].flags & CT_SEEN_TORN_MAP;
		if (seen.state == CT_OBSERVED_END || seen.state == CT_OBSERVED_CANCELLED)
			continue;
		if (seen.state == CT_OBSERVED_LOST)
			result->lost++;
		memmove(&contexts[count++], &seen, sizeof(seen));
	}
	smaller = realloc(contexts, (count + 1) * sizeof(*contexts));
	result->contexts = smaller ? smaller : contexts;
	result->count = count;
	scan->candidates = NULL;
	if (scan->outer_count)
		qsort(result->contexts, count, sizeof(*contexts), by_address);
}

/* All or none. */
static void take_goroutines(struct ct_scan *scan, struct ct_census_result *result)
{
	if (!scan->is_complete)
		ct_goroutine_list_drop(&scan->goroutines);
	result->goroutines = scan->goroutines.list;
	result->goroutines_count = scan->goroutines.count;
}

/* Nothing of what was read is told. */
static void refuse(struct ct_scan *scan, const char *why)
{
	unsigned int minor = (unsigned int)scan->census->facts.minor;

	scan->is_complete = true; // this is the reason that counts
	scan->is_refused = true;
	scan->count = 0;
	if (ct_go_minor_is_known(minor))
		ct_scan_incomplete(scan, "this memory is not laid out like that of Go 1.%u: %s", minor, why);
	else
		ct_scan_incomplete(scan, "the layout of this Go release is not known, and that of 1.%u is not proven: %s",
				   CT_GO_MINOR_NEWEST, why);
}

/* src/runtime/symtab.go: a module begins with a pointer to the header of its pclntab, which begins with its magic number. */
static bool is_module(struct ct_scan *scan, uint64_t address)
{
	uint64_t header, magic;

	return !ct_memory_read_word(scan->memory, address, &header) && !ct_memory_read_word(scan->memory, header, &magic) &&
	       (uint32_t)magic >= 0xfffffff0 && (uint32_t)magic <= 0xfffffffb;
}

/* A plugin brings a package context of its own, whose cancel functions are none that we know. */
static bool has_plugin(struct ct_scan *scan)
{
	const struct ct_census_facts *facts = &scan->census->facts;
	uint64_t next = 0;

	if (!facts->next_module || ct_memory_read_word(scan->memory, facts->next_module, &next))
		return false;
	return next && (ct_go_minor_is_known(facts->minor) || is_module(scan, next));
}

static void verify(struct ct_scan *scan)
{
	uint64_t unread = scan->census->heap.unread_spans;
	char why[CT_REASON_BYTES];

	if (has_plugin(scan)) { // its contexts would be no contexts
		ct_scan_incomplete(scan, "the program has loaded a Go plugin, whose cancel functions are not known");
		return;
	}
	if (unread)
		ct_scan_incomplete(scan, "%llu spans in use could not be read", (unsigned long long)unread);
	if (!ct_scan_verify(scan, why, sizeof(why)))
		refuse(scan, why);
}

static int load_heap(struct ct_scan *scan)
{
	struct ct_census *census = scan->census;
	int rc = ct_heap_load(&census->heap, ct_scan_sizes(census));

	if (rc == -EAGAIN && ct_go_minor_is_known(census->facts.minor))
		ct_scan_incomplete(scan, "the program has not set up its heap yet");
	else if (rc == -EAGAIN)
		refuse(scan, "its heap is empty");
	else if (rc == -EPROTO || rc == -EFAULT)
		refuse(scan, "its heap was not found where it should be");
	else if (rc == -EOVERFLOW)
		ct_scan_incomplete(scan, "the heap is larger than a census goes");
	else
		return rc;
	return 1;
}

static int scan_c_library(struct ct_census *census, ct_census_known known, void *opaque,
			  struct ct_census_result *ret_result, struct ct_error *reterr)
{
	struct ct_census_result result = { .began_ns = now_ns() };
	uint64_t bytes = census->memory->read_bytes;
	int rc = ct_c_library_scan(census->c_library, known, opaque, &result);

	if (rc)
		return ct_error_set(reterr, rc, "census: the target's memory cannot be read: %s", strerror(-rc));
	result.read_bytes = census->memory->read_bytes - bytes;
	*ret_result = result;
	return 0;
}

/* Too much to read, or too many contexts: what is there is no whole, but told as that. */
static int give_up(struct ct_scan *scan, int rc)
{
	if (scan->memory->is_spent)
		ct_scan_incomplete(scan, "there is more to read than a census goes");
	else if (rc == -EOVERFLOW)
		ct_scan_incomplete(scan, "there are more contexts than a census goes");
	if (rc != -EOVERFLOW)
		return rc;
	scan->count = 0; // in no state that was judged
	return 0;
}

int ct_census_scan(struct ct_census *census, ct_census_known known, void *opaque, struct ct_census_result *ret_result,
		   struct ct_error *reterr)
{
	const struct ct_freeze *freeze = census->freeze;
	struct ct_census_result result = { .began_ns = freeze ? freeze->stopped_ns : now_ns() };
	struct ct_memory *memory = census->memory;
	struct ct_scan scan = { .census = census, .memory = memory, .known = known, .opaque = opaque,
				.is_complete = true, .reason = result.reason };
	uint64_t swapped = memory->swapped_pages, bytes = memory->read_bytes;
	int rc;

	census->spans_read = census->spans_to_read = 0;
	census->process.pagemap.vain = 0;
	if (census->c_library)
		return scan_c_library(census, known, opaque, ret_result, reterr);
	ct_itabs_clear(&census->itabs);
	memory->listener = census->listener;
	memory->has_bound = true;
	memory->is_spent = false;
	memory->cost_left = census->read_bound;
	rc = load_heap(&scan);
	if (!rc)
		rc = run_passes(&scan);
	if (!rc && !memory->is_spent)
		verify(&scan);
	rc = give_up(&scan, rc);
	free(scan.outers);
	free(scan.slots);
	if (rc < 0) {
		ct_goroutine_list_drop(&scan.goroutines);
		free(scan.candidates);
		return ct_error_set(reterr, rc, "census: the target's memory cannot be read: %s", strerror(-rc));
	}
	take_result(&scan, &result);
	take_goroutines(&scan, &result);
	if (memory->swapped_pages != swapped)
		ct_scan_incomplete(&scan, "%llu pages are swapped out",
				   (unsigned long long)(memory->swapped_pages - swapped));
	result.is_complete = scan.is_complete;
	result.is_refused = scan.is_refused;
	result.collections = census->heap.sweepgen / 2;
	result.read_bytes = freeze ? freeze->copy.bytes : memory->read_bytes - bytes;
	result.is_stopped = freeze != NULL;
	result.paused_ns = freeze ? freeze->paused_ns : 0;
	*ret_result = result;
	return 0;
}
