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
 * - contexts are read first, closures second, then the seemingly lost once more: a context made meanwhile is not
 *   listed, one that ended meanwhile drops out;
 * - where profile-guided optimization inlined a creator, the closure may exist on a stack only, or not at all while
 *   its maker runs: then all stacks and closures are searched for the context's pointer, and found means undecided.
 *   A context that is in a register of a running goroutine only is not found: two readings have to agree;
 * - what points into no arena, is out of bounds, torn or swapped out is left out, and if that could make something
 *   look lost or absent, the reading is incomplete.
 *
 * Verified to the object on programs with known contexts: tests/targets/census_leaks, tests/e2e/census.sh.
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

void ct_scan_breathe(struct ct_scan *scan)
{
	if (scan->known)
		scan->known(scan->opaque, 0);
}

static size_t slot_of(const struct ct_scan *scan, uint64_t object)
{
	return (object * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (scan->slots_count - 1);
}

/* Every word of every small closure is looked up: a million candidates want one cache miss, not twenty. */
int ct_scan_index(struct ct_scan *scan)
{
	scan->slots_count = 64;
	while (scan->slots_count < scan->count * 2)
		scan->slots_count *= 2;
	scan->slots = calloc(scan->slots_count, sizeof(*scan->slots));
	if (!scan->slots)
		return -ENOMEM;
	for (size_t i = 0; i < scan->count; i++) {
		size_t at = slot_of(scan, scan->candidates[i].object);

		while (scan->slots[at])
			at = (at + 1) & (scan->slots_count - 1);
		scan->slots[at] = (uint32_t)i + 1;
	}
	return 0;
}

static struct ct_candidate *find_object(struct ct_scan *scan, uint64_t object)
{
	if (!scan->count || object < scan->candidates[0].object || object > scan->candidates[scan->count - 1].object)
		return NULL;
	for (size_t at = slot_of(scan, object); scan->slots[at]; at = (at + 1) & (scan->slots_count - 1))
		if (scan->candidates[scan->slots[at] - 1].object == object)
			return &scan->candidates[scan->slots[at] - 1];
	return NULL;
}

static const struct ct_outer *find_outer(const struct ct_scan *scan, uint64_t address)
{
	size_t low = 0, high = scan->outer_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (scan->outers[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < scan->outer_count && scan->outers[low].address == address ? &scan->outers[low] : NULL;
}

struct ct_candidate *ct_scan_find(struct ct_scan *scan, uint64_t address, const struct ct_outer **ret_outer)
{
	struct ct_candidate *candidate = find_object(scan, address);
	const struct ct_outer *outer = candidate ? NULL : find_outer(scan, address);

	if (outer)
		candidate = find_object(scan, outer->inner);
	if (ret_outer)
		*ret_outer = outer;
	return candidate;
}

struct ct_candidate *ct_scan_note(struct ct_scan *scan, uint64_t address, uint16_t flags)
{
	const struct ct_outer *outer = NULL;
	struct ct_candidate *candidate = ct_scan_find(scan, address, &outer);

	if (!candidate)
		return NULL;
	candidate->flags |= flags;
	if (outer && flags & CT_SEEN_PROOF)
		candidate->seen.address = outer->address;
	return candidate;
}

/* The program's own image: type tables and itabs are read there whether their pages are present or not. */
static int take_module(struct ct_census *census, struct ct_binary *binary, uint64_t load_bias)
{
	struct ct_go_module module;
	int rc = ct_binary_go_module(binary, &module);
	uint64_t starts[] = { module.text, module.data, module.bss, module.noptrdata, module.noptrbss, module.types };
	uint64_t ends[] = { module.etext, module.edata, module.ebss, module.enoptrdata, module.enoptrbss, module.etypes };

	if (rc)
		return rc;
	census->memory->image_start = UINT64_MAX;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		if (starts[i] && starts[i] + load_bias < census->memory->image_start)
			census->memory->image_start = starts[i] + load_bias;
		if (ends[i] + load_bias > census->memory->image_end)
			census->memory->image_end = ends[i] + load_bias;
	}
	census->types = census->itabs.types = module.types + load_bias;
	census->etypes = census->itabs.etypes = module.etypes + load_bias;
	census->text = module.text + load_bias;
	census->etext = module.etext + load_bias;
	census->globals[0][0] = module.data + load_bias;
	census->globals[0][1] = module.edata + load_bias;
	census->globals[1][0] = module.bss + load_bias;
	census->globals[1][1] = module.ebss + load_bias;
	return 0;
}

static bool has_inlined_creators(struct ct_binary *binary)
{
	static const char *const names[] = { "context.WithCancel", "context.WithCancelCause", "context.AfterFunc" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ct_binary_go_is_inlined_outside(binary, names[i], "context.")) // an error is a yes: be careful
			return true;
	return false;
}

/* Up to 1.20 Background and TODO are of one type. */
static void take_todo(struct ct_census *census, struct ct_binary *binary)
{
	uint64_t address, bytes, word;

	if (census->minor <= 20 && !ct_binary_data_symbol(binary, "context.todo", &address, &bytes) &&
	    !ct_binary_read(binary, address, &word, sizeof(word)))
		census->todo = word;
}

/* Everything a binary tells. */
static int take_binary(struct ct_census *census, struct ct_binary *binary, uint64_t load_bias, struct ct_error *reterr)
{
	struct ct_go_version version;
	int rc = ct_binary_go_version(binary, &version);

	if (rc)
		return ct_error_set(reterr, -EOPNOTSUPP, "census: this is not a Go program whose version can be read");
	census->minor = version.minor;
	if (ct_go_layout_find(version.minor, &census->layout))
		return ct_error_set(reterr, -EOPNOTSUPP, "census: the memory layout of %s is not known (1.17 to 1.27 are)",
				    version.text);
	if (take_module(census, binary, load_bias))
		return ct_error_set(reterr, -EOPNOTSUPP, "census: no module data found in this %s program", version.text);
	rc = ct_locate_heap(binary, &census->mheap);
	if (rc)
		return ct_error_set(reterr, -EOPNOTSUPP, "census: the heap of this %s program was not found", version.text);
	census->mheap += load_bias;
	rc = ct_closures_load(&census->closures, binary, version.minor, load_bias);
	if (rc)
		return ct_error_set(reterr, rc, "census: the functions of this %s program cannot be read", version.text);
	census->has_inlined_creators = has_inlined_creators(binary);
	take_todo(census, binary);
	rc = ct_locate_allgs(census, binary, load_bias);
	return rc == -ENOMEM ? rc : 0; // without goroutines every scan says that it is incomplete
}

int ct_census_new(int pid, struct ct_binary *binary, uint64_t load_bias, uint64_t time_base_ns,
		  struct ct_census **ret_census, struct ct_error *reterr)
{
	struct ct_census *census = calloc(1, sizeof(*census));
	int rc;

	if (!census)
		return ct_error_set(reterr, -ENOMEM, "census: out of memory");
	census->memory = &census->process.memory;
	rc = ct_process_memory_init(&census->process, pid);
	if (rc)
		ct_error_set(reterr, rc, "census: memory of process %d cannot be opened: %s", pid, strerror(-rc));
	else
		rc = take_binary(census, binary, load_bias, reterr);
	if (rc) {
		ct_census_free(census);
		return rc;
	}
	census->time_base_ns = time_base_ns;
	census->heap.memory = census->itabs.memory = census->memory;
	census->heap.layout = census->layout.heap;
	census->heap.mheap = census->mheap;
	census->itabs.heap = &census->heap;
	*ret_census = census;
	return 0;
}

void ct_census_free(struct ct_census *census)
{
	if (!census)
		return;
	ct_process_memory_done(&census->process);
	ct_closures_done(&census->closures);
	ct_heap_done(&census->heap);
	free(census->allgs_guesses);
	free(census);
}

/* The order is part of the proof; see the head of this file. */
static int run_passes(struct ct_scan *scan)
{
	static int (*const passes[])(struct ct_scan *scan) = {
		ct_scan_contexts, ct_scan_owners, ct_scan_children, ct_scan_goroutines, ct_scan_parents, ct_scan_judge,
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]) && !rc; i++) {
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

static int load_heap(struct ct_scan *scan)
{
	struct ct_census *census = scan->census;
	int rc = ct_heap_load(&census->heap, ct_scan_sizes(census));

	if (rc == -EAGAIN)
		ct_scan_incomplete(scan, "the program has not set up its heap yet");
	else if (rc == -EPROTO || rc == -EFAULT)
		ct_scan_incomplete(scan, "the heap does not look like that of Go 1.%u", census->minor);
	else if (rc == -EOVERFLOW)
		ct_scan_incomplete(scan, "the heap is larger than a census goes");
	else
		return rc;
	return 1;
}

int ct_census_scan(struct ct_census *census, ct_census_known known, void *opaque, struct ct_census_result *ret_result,
		   struct ct_error *reterr)
{
	struct ct_census_result result = { .began_ns = now_ns() };
	struct ct_memory *memory = census->memory;
	struct ct_scan scan = { .census = census, .memory = memory, .known = known, .opaque = opaque,
				.is_complete = true, .reason = result.reason };
	uint64_t swapped = memory->swapped_pages, bytes = memory->read_bytes;
	int rc;

	ct_itabs_clear(&census->itabs);
	rc = load_heap(&scan);
	if (!rc)
		rc = run_passes(&scan);
	free(scan.outers);
	free(scan.slots);
	if (rc < 0) {
		free(scan.candidates);
		return ct_error_set(reterr, rc, "census: the target's memory cannot be read: %s", strerror(-rc));
	}
	take_result(&scan, &result);
	if (memory->swapped_pages != swapped)
		ct_scan_incomplete(&scan, "%llu pages are swapped out",
				   (unsigned long long)(memory->swapped_pages - swapped));
	result.is_complete = scan.is_complete;
	result.collections = census->heap.sweepgen / 2;
	result.read_bytes = memory->read_bytes - bytes;
	*ret_result = result;
	return 0;
}

const struct ct_census_context *ct_census_find(const struct ct_census_result *result, uint64_t address)
{
	const struct ct_census_context key = { .address = address };

	if (!result->count)
		return NULL;
	return bsearch(&key, result->contexts, result->count, sizeof(key), by_address);
}

void ct_census_result_done(struct ct_census_result *result)
{
	free(result->contexts);
	*result = (struct ct_census_result){ 0 };
}
