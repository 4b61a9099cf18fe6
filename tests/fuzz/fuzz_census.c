// SPDX-License-Identifier: Apache-2.0
/*
 * A census over a recorded image, as `replay` reads it: facts and memory from the input, every pass, and the questions
 * about single contexts. The input:
 *
 *   1 byte   options: bit 0 create events named every address
 *   events   2 bytes length (cut at the end of the input), then that many bytes: FACTS and MEMORY
 */
#include "fuzz.h"

#include "go_heap.h"
#include "memory/image.h"

#include <errno.h>
#include <string.h>

#define KNOWS_ALL 0x01

/* What one input may cost. */
#define READ_COST (UINT64_C(8) << 20)
#define STEPS (UINT64_C(1) << 16)
#define PIECES_BYTES (UINT64_C(4) << 20)

struct input {
	struct ct_census_facts facts;
	struct ct_image *image;
	uint64_t bytes_left; /* of stretches that take no room in the input */
};

static bool know_all(void *opaque, uint64_t address)
{
	(void)opaque;
	return address;
}

static void take(struct input *input, const void *bytes, size_t length)
{
	struct ct_event event;
	int rc = ct_event_decode(bytes, length, &event);

	if (rc)
		return;
	if (event.header->type == CT_EVENT_FACTS) {
		rc = ct_census_facts_take(&input->facts, event.facts);
		FUZZ_CHECK(rc == 0 || rc == -EPROTO || rc == -ENOMEM);
	} else if (event.header->type == CT_EVENT_MEMORY && event.memory->bytes <= input->bytes_left) {
		input->bytes_left -= event.memory->bytes;
		rc = ct_image_add(input->image, event.memory);
		FUZZ_CHECK(rc == 0 || rc == -EPROTO || rc == -EOVERFLOW || rc == -ENOMEM);
	}
}

static void take_all(struct input *input, const uint8_t *data, size_t size)
{
	while (size >= 2) {
		size_t length = data[0] | (size_t)data[1] << 8;
		char *event;

		data += 2;
		size -= 2;
		length = length < size ? length : size;
		event = fuzz_copy(data, length);
		take(input, event, length);
		free(event);
		data += length;
		size -= length;
	}
}

static void check(const struct ct_census_result *result)
{
	uint32_t lost = 0;

	FUZZ_CHECK(memchr(result->reason, '\0', sizeof(result->reason)) && (result->is_complete || *result->reason));
	for (size_t i = 0; i < result->count; i++) {
		const struct ct_census_context *seen = &result->contexts[i];

		FUZZ_CHECK(!i || seen->address > result->contexts[i - 1].address);
		FUZZ_CHECK(seen->state < CT_OBSERVED_END && seen->kind < CT_KIND_END && seen->parent_kind < CT_KIND_END);
		FUZZ_CHECK(seen->state != CT_OBSERVED_LOST || seen->retained_by);
		FUZZ_CHECK(!seen->is_in_flux || seen->state == CT_OBSERVED_UNDECIDED);
		lost += seen->state == CT_OBSERVED_LOST;
	}
	FUZZ_CHECK(lost == result->lost);
	for (size_t i = 0; i < result->goroutines_count; i++)
		FUZZ_CHECK(result->goroutines[i].task);
}

static void ask(struct ct_census *census, const struct ct_census_result *result)
{
	for (size_t i = 0; i < result->count && i < 64; i++)
		FUZZ_CHECK(ct_census_state_of(census, result, result->contexts[i].address) == result->contexts[i].state);
	for (uint64_t page = 0; page < GO_HEAP_SPANS; page++)
		for (uint64_t i = 0; i < 12; i++)
			FUZZ_CHECK(ct_census_state_of(census, result, GO_HEAP_ARENA + page * CT_GO_PAGE_BYTES + 16 * i) <
				   CT_OBSERVED_END);
}

static void judge(struct ct_census *census, struct ct_image *image, bool knows_all)
{
	ct_census_list_goroutines(census);
	ct_census_bound(census, READ_COST);
	ct_census_look_at(census, GO_HEAP_ARENA, GO_HEAP_ARENA + CT_ARENA_BYTES);
	ct_image_bound(image, STEPS);
	for (uint32_t scan = 1; scan <= 2; scan++) {
		struct ct_census_result result = { 0 };
		int rc;

		ct_image_begin(image, scan);
		rc = ct_census_scan(census, knows_all ? know_all : NULL, NULL, &result, NULL);
		FUZZ_CHECK(rc <= 0);
		if (!rc) {
			check(&result);
			ask(census, &result);
		}
		ct_census_result_done(&result);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { .image = ct_image_new(), .bytes_left = PIECES_BYTES };
	struct ct_census *census = NULL;

	FUZZ_CHECK(input.image);
	if (size) {
		take_all(&input, data + 1, size - 1);
		if (!ct_census_over(&input.facts, ct_image_memory(input.image), &census, NULL))
			judge(census, input.image, data[0] & KNOWS_ALL);
	}
	ct_census_free(census);
	ct_census_facts_done(&input.facts);
	ct_image_free(input.image);
	return 0;
}
