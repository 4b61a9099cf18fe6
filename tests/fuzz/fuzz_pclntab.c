// SPDX-License-Identifier: Apache-2.0
/*
 * pclntab and inline trees. The first byte is a choice, the rest is the memory from the table on, where a miniature
 * program (go_sample.h) has it: trees that stand behind the table are read through the same bytes.
 */
#include "fuzz.h"

#include "go_sample.h"
#include "symbol/pclntab.h"

#include <errno.h>
#include <string.h>

#define WITHOUT_TREES 0x01

#define FUNCTIONS_TRIED 64

struct memory {
	const char *bytes;
	size_t size;
};

static int read_memory(void *opaque, uint64_t address, void *buffer, size_t bytes)
{
	const struct memory *memory = opaque;
	uint64_t at = address - CT_SAMPLE_PCLNTAB;

	if (at > memory->size || bytes > memory->size - at)
		return -EFAULT;
	memcpy(buffer, memory->bytes + at, bytes);
	return 0;
}

static void locate(const struct ct_pclntab *table, const struct ct_inline_trees *trees, uint64_t address, size_t room)
{
	struct ct_location at[CT_LOCATIONS_MAX];
	int count = ct_pclntab_locate(table, trees, address, at, room);

	FUZZ_CHECK(count <= (int)room);
	for (int i = 0; i < count; i++) {
		fuzz_touch(at[i].function);
		fuzz_touch(at[i].file);
		FUZZ_CHECK(at[i].is_inlined == (i + 1 < count));
	}
}

static int count_function(void *opaque, const struct ct_function *into)
{
	unsigned int *count = opaque;

	fuzz_touch(into->name);
	return ++*count == 10 ? 7 : 0;
}

static void use(struct ct_pclntab *table, const struct ct_inline_trees *trees)
{
	size_t count = table->functions.count < FUNCTIONS_TRIED ? table->functions.count : FUNCTIONS_TRIED;
	const char *const names[] = { "main.small", table->functions.items[0].name };

	for (size_t i = 0; i < count; i++) {
		const struct ct_function *function = &table->functions.items[i];

		fuzz_touch(function->name);
		FUZZ_CHECK(function->start <= function->end);
		locate(table, trees, function->start, CT_LOCATIONS_MAX);
		locate(table, trees, function->start + (function->end - function->start) / 2, 1 + i % 4);
		locate(table, trees, function->end - 1, i % 2);
	}
	for (size_t i = 0; trees && i < sizeof(names) / sizeof(*names); i++) {
		unsigned int visited = 0;
		int r = ct_pclntab_each_inlined(table, trees, names[i], count_function, &visited);

		FUZZ_CHECK(visited == 10 ? r == 7 : r == 0 || r == -E2BIG);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_pclntab table;
	struct memory memory;
	struct ct_inline_trees trees = { CT_SAMPLE_GOFUNC, read_memory, &memory };
	char *copy;
	int r;

	if (!size)
		return 0;
	copy = fuzz_copy(data + 1, size - 1);
	memory = (struct memory){ copy, size - 1 };
	r = ct_pclntab_init(&table, copy, size - 1, CT_SAMPLE_TEXT);
	FUZZ_CHECK(r == 0 || r == -EPROTO);
	if (!r) {
		use(&table, data[0] & WITHOUT_TREES ? NULL : &trees);
		ct_pclntab_done(&table);
	}
	free(copy);
	return 0;
}
