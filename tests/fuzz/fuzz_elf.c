// SPDX-License-Identifier: Apache-2.0
/* A whole file, asked everything a provider and the symbolizer ask. Lines of C code are libdw's and left to it. */
#include "fuzz.h"

#include "go_sample.h"
#include "symbol/binary.h"
#include "symbol/binary_private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define FUNCTIONS_TRIED 64

/* A walk over the functions, with what is asked about each. */
struct walk {
	struct ct_binary *binary;
	unsigned int count;
};

static int visit(void *opaque, const struct ct_function *function)
{
	struct walk *walk = opaque;
	struct ct_function found[4];
	uint64_t offset;
	int count;

	fuzz_touch(function->name);
	count = ct_binary_find(walk->binary, function->name, found, 4);
	FUZZ_CHECK(count > 0 && !strcmp(found[0].name, function->name));
	if (ct_binary_function_at(walk->binary, function->start, &found[0]) == 0)
		FUZZ_CHECK(found[0].start <= function->start);
	if (ct_binary_offset(walk->binary, function->start, &offset) == 0)
		FUZZ_CHECK(offset < walk->binary->image.file_bytes);
	return ++walk->count == FUNCTIONS_TRIED;
}

static void ask_addresses(struct ct_binary *binary)
{
	char bytes[64];
	uint64_t address, length;

	FUZZ_CHECK(fuzz_touch(ct_binary_build_id(binary)) <= 128);
	FUZZ_CHECK(ct_binary_base(binary) % 4096 == 0);
	for (size_t i = 0; i < binary->image.segment_count; i++) {
		const struct ct_segment *segment = &binary->image.segments[i];

		ct_binary_read(binary, segment->address, bytes, sizeof(bytes));
		ct_binary_read(binary, segment->address + segment->file_bytes - 32, bytes, sizeof(bytes));
	}
	ct_binary_data_symbol(binary, "data_symbol", &address, &length);
}

static void ask_go(struct ct_binary *binary)
{
	struct ct_location at[CT_LOCATIONS_MAX];
	struct ct_go_version version;
	struct ct_go_module module;
	struct ct_function runs[4];
	uint64_t type;
	int count;

	ct_binary_go_version(binary, &version);
	ct_binary_go_module(binary, &module);
	ct_binary_go_type(binary, "context.cancelCtx", "context.Context", &type);
	count = ct_binary_go_package_runs(binary, "context.", runs, 4);
	for (int i = 0; i < count; i++)
		FUZZ_CHECK(runs[i].start < runs[i].end);
	ct_binary_go_is_inlined_outside(binary, "main.small", "context.");
	if (ct_binary_need_pclntab(binary) != 0)
		return; // else locating would ask libdw
	count = ct_binary_locate(binary, CT_SAMPLE_SMALL + 5, at, CT_LOCATIONS_MAX);
	for (int i = 0; i < count; i++)
		fuzz_touch(at[i].function);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_binary *binary = NULL;
	int fd = fuzz_file(data, size);
	int r = ct_binary_open(fd, "input", &binary, &error);

	FUZZ_CHECK(r == 0 ? binary != NULL : r < 0 && *error.message && !binary);
	if (!r) {
		struct walk walk = { binary, 0 };

		ask_addresses(binary);
		ct_binary_each_function(binary, visit, &walk);
		ask_go(binary);
		ct_binary_free(binary);
	}
	close(fd);
	return 0;
}
