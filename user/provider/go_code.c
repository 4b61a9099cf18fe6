// SPDX-License-Identifier: Apache-2.0
/* Addresses of Go's variables in programs without a symbol table: from the code that uses them. */
#include "provider/go.h"

#include "provider/plan_function.h"

#include <errno.h>
#include <string.h>

#define CODE_BYTES_MAX 1024

/* The first bytes of a function. */
struct code {
	uint8_t bytes[CODE_BYTES_MAX];
	size_t count;
	uint64_t address;
};

static int read_code(struct ct_binary *binary, const char *name, struct code *ret)
{
	struct ct_function function;

	if (ct_binary_find(binary, name, &function, 1) < 1 || !function.end)
		return -ENOENT;
	ret->count = ct_function_code(binary, &function, ret->bytes, sizeof(ret->bytes));
	ret->address = function.start;
	return ret->count ? 0 : -ENOENT;
}

/* Target of the instruction of `length` bytes at `at` whose last four bytes are relative to what follows it. */
static uint64_t relative(const struct code *code, size_t at, size_t length)
{
	int32_t distance;

	memcpy(&distance, code->bytes + at + length - sizeof(distance), sizeof(distance));
	return code->address + at + length + (uint64_t)(int64_t)distance;
}

/* Go up to 1.24, and programs with time.Until: `sub d(%rip),%reg`, the only subtraction of a global there. */
static int from_subtraction(const struct code *code, uint64_t *ret_address)
{
	for (size_t at = 0; at + 7 <= code->count; at++) {
		const uint8_t *byte = code->bytes + at;

		if ((byte[0] & 0xfb) != 0x48 || byte[1] != 0x2b || (byte[2] & 0xc7) != 0x05)
			continue;
		*ret_address = relative(code, at, 7);
		return 0;
	}
	return -ENOENT;
}

/* `var startNano int64 = runtimeNano() - 1` (src/time/time.go): call; dec %rax; mov %rax,d(%rip). */
static int from_initializer(const struct code *code, uint64_t *ret_address)
{
	static const uint8_t store[] = {0x48, 0xff, 0xc8, 0x48, 0x89, 0x05};

	for (size_t at = 0; at + 15 <= code->count; at++) {
		if (code->bytes[at] != 0xe8 || memcmp(code->bytes + at + 5, store, sizeof(store)))
			continue;
		*ret_address = relative(code, at + 8, 7);
		return 0;
	}
	return -ENOENT;
}

int ct_go_find_start_nano(struct ct_binary *binary, uint64_t *ret_address)
{
	static const char *const users[] = {"time.Now", "time.Since", "time.Until"};
	struct code code;
	uint64_t bytes;

	if (!ct_binary_data_symbol(binary, "time.startNano", ret_address, &bytes))
		return 0;
	if (!read_code(binary, "time.init", &code) && !from_initializer(&code, ret_address))
		return 0;
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		if (!read_code(binary, users[i], &code) && !from_subtraction(&code, ret_address))
			return 0;
	return -ENOENT;
}
