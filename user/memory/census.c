// SPDX-License-Identifier: Apache-2.0
/* What stays between the readings of one process; a reading is in scan.c. */
#include "memory/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Far more than any heap that was seen: a million contexts take some 300 MB. A forged one ends here. */
#define READ_BOUND (UINT64_C(32) << 30)

void ct_census_freeze(struct ct_census *census, struct ct_freeze *freeze)
{
	census->freeze = freeze;
	census->memory = freeze ? &freeze->copy.memory : &census->process.memory;
	census->heap.memory = census->itabs.memory = census->memory;
	census->window.valid = 0;
}

/* An odd number the target does not know, or it could choose addresses that all fall into one slot. */
static uint64_t draw_hash(void)
{
	uint64_t number = UINT64_C(0x9e3779b97f4a7c15), drawn = 0;

	if (getrandom(&drawn, sizeof(drawn), GRND_NONBLOCK) == sizeof(drawn))
		number ^= drawn;
	return number | 1;
}

/* A census of memory that is already there: `facts` become the census's own, whatever happens. */
static int begin(struct ct_census *census, struct ct_census_facts *facts, struct ct_memory *memory,
		 struct ct_error *reterr)
{
	census->facts = *facts;
	*facts = (struct ct_census_facts){ 0 };
	if (ct_go_layout_try(census->facts.minor, &census->layout))
		return ct_error_set(reterr, -EOPNOTSUPP, "census: the memory layout of Go 1.%llu is not known",
				    (unsigned long long)census->facts.minor);
	census->memory = memory;
	census->read_bound = READ_BOUND;
	memory->image_start = census->facts.image_start;
	memory->image_end = census->facts.image_end;
	census->heap = (struct ct_heap){ .memory = memory,
					 .layout = census->layout.heap,
					 .mheap = census->facts.mheap };
	census->itabs.memory = memory;
	census->itabs.heap = &census->heap;
	census->itabs.hash = draw_hash();
	census->itabs.types = census->facts.types;
	census->itabs.etypes = census->facts.etypes;
	return 0;
}

int ct_census_over(struct ct_census_facts *facts, struct ct_memory *memory, struct ct_census **ret_census,
		   struct ct_error *reterr)
{
	struct ct_census *census = calloc(1, sizeof(*census));
	int rc = census ? begin(census, facts, memory, reterr) :
			  ct_error_set(reterr, -ENOMEM, "census: out of memory");

	ct_census_facts_done(facts);
	if (rc)
		ct_census_free(census);
	else
		*ret_census = census;
	return rc;
}

int ct_census_new(int pid, struct ct_binary *binary, uint64_t load_bias, uint64_t time_base_ns,
		  struct ct_census **ret_census, struct ct_error *reterr)
{
	struct ct_census *census = calloc(1, sizeof(*census));
	struct ct_census_facts facts = { .time_base_ns = time_base_ns };
	int rc;

	if (!census)
		return ct_error_set(reterr, -ENOMEM, "census: out of memory");
	rc = ct_process_memory_init(&census->process, pid);
	if (rc)
		ct_error_set(reterr, rc, "census: memory of process %d cannot be opened: %s", pid, strerror(-rc));
	else
		rc = ct_census_facts_load(&facts, binary, load_bias, reterr);
	if (!rc)
		rc = begin(census, &facts, &census->process.memory, reterr);
	ct_census_facts_done(&facts);
	if (rc)
		ct_census_free(census);
	else
		*ret_census = census;
	return rc;
}

bool ct_census_is_known_release(const struct ct_census *census)
{
	return census->c_library || ct_go_minor_is_known(census->facts.minor);
}

void ct_census_limit(struct ct_census *census, unsigned int helpers, uint64_t end_ns)
{
	census->helpers = helpers;
	census->end_ns = end_ns;
}

unsigned int ct_census_percent(const struct ct_census *census)
{
	return census->spans_to_read ? (unsigned int)(census->spans_read * 100 / census->spans_to_read) : 0;
}

int ct_census_new_c(int pid, uint64_t address, struct ct_census **ret_census, struct ct_error *reterr)
{
	struct ct_census *census = calloc(1, sizeof(*census));
	int rc;

	if (!census)
		return ct_error_set(reterr, -ENOMEM, "census: out of memory");
	rc = ct_process_memory_init(&census->process, pid);
	if (rc) {
		ct_error_set(reterr, rc, "census: memory of process %d cannot be opened: %s", pid, strerror(-rc));
		goto fail;
	}
	census->memory = &census->process.memory;
	census->memory->image_start = address; // the constant may stand on a page that the program never touched
	census->memory->image_end = address + CT_C_LIBRARY_CONSTANT_BYTES;
	rc = ct_c_library_new(census->memory, address, &census->c_library);
	if (rc) {
		ct_error_set(reterr, rc, "census: the constant of libctxtrace-context in process %d is of no version known here",
			     pid);
		goto fail;
	}
	*ret_census = census;
	return 0;
fail:
	ct_census_free(census);
	return rc;
}

void ct_census_free(struct ct_census *census)
{
	if (!census)
		return;
	ct_c_library_free(census->c_library);
	ct_process_memory_done(&census->process);
	ct_heap_done(&census->heap);
	ct_census_facts_done(&census->facts);
	free(census);
}

const struct ct_census_facts *ct_census_facts(const struct ct_census *census)
{
	return &census->facts;
}

void ct_census_listen(struct ct_census *census, struct ct_memory_listener *listener)
{
	census->listener = listener;
}

void ct_census_list_goroutines(struct ct_census *census)
{
	census->lists_goroutines = true;
}

void ct_census_bound(struct ct_census *census, uint64_t cost)
{
	census->read_bound = cost;
}

void ct_census_look_at(struct ct_census *census, uint64_t first, uint64_t last)
{
	ct_heap_look_at(&census->heap, first, last);
}

static int by_address(const void *a, const void *b)
{
	uint64_t left = ((const struct ct_census_context *)a)->address;
	uint64_t right = ((const struct ct_census_context *)b)->address;

	return left < right ? -1 : left > right;
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
	free(result->goroutines);
	*result = (struct ct_census_result){ 0 };
}
