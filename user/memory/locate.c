// SPDX-License-Identifier: Apache-2.0
/*
 * Where runtime.mheap_ and runtime.allgs are, with a symbol table or without.
 *
 * Without: runtime.mallocinit passes &mheap_ to (*mheap).init, so the last `lea X(%rip),%rax` before that call names
 * it. (*emptyCtx).String names the two roots of up to 1.20. runtime.allgadd appends to allgs: every address it refers
 * to is a guess, and the one whose words are a slice of goroutines is it (asked when the heap is there).
 */
#include "memory/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CODE_MAX 4096

static int read_code(struct ct_binary *binary, const char *name, struct ct_function *function, uint8_t *code,
		     size_t *ret_bytes)
{
	size_t bytes;
	int found = ct_binary_find(binary, name, function, 1);

	if (found < 1)
		return found < 0 ? found : -ENOENT;
	bytes = function->end > function->start ? function->end - function->start : 512;
	if (bytes > CODE_MAX)
		bytes = CODE_MAX;
	*ret_bytes = bytes;
	return ct_binary_read(binary, function->start, code, bytes);
}

static uint64_t relative(const uint8_t *displacement, uint64_t next)
{
	return next + (uint64_t)(int64_t)(int32_t)ct_load(displacement, 4);
}

/* lea disp32(%rip),%rax is 48 8d 05; call rel32 is e8. */
static int decode_heap(struct ct_binary *binary, uint64_t *ret_address)
{
	struct ct_function init, outer;
	uint8_t code[CODE_MAX];
	uint64_t address = 0;
	size_t bytes = 0;
	int rc = read_code(binary, "runtime.mallocinit", &outer, code, &bytes);

	if (rc || ct_binary_find(binary, "runtime.(*mheap).init", &init, 1) < 1)
		return rc ? rc : -ENOENT;
	for (size_t i = 0; i + 7 <= bytes; i++) {
		if (code[i] == 0x48 && code[i + 1] == 0x8d && code[i + 2] == 0x05)
			address = relative(code + i + 3, outer.start + i + 7);
		else if (code[i] == 0xe8 && address && relative(code + i + 1, outer.start + i + 5) == init.start)
			break;
		if (i + 8 > bytes)
			address = 0;
	}
	if (!address)
		return -ENOENT;
	*ret_address = address;
	return 0;
}

int ct_locate_heap(struct ct_binary *binary, uint64_t *ret_address)
{
	uint64_t bytes;

	if (!ct_binary_data_symbol(binary, "runtime.mheap_", ret_address, &bytes))
		return 0;
	return decode_heap(binary, ret_address);
}

/* (*emptyCtx).String compares its receiver with both, Background first: cmp %rax,d(%rip) (src/context/context.go). */
static int decode_roots(struct ct_binary *binary, uint64_t *ret_background, uint64_t *ret_todo)
{
	static const uint8_t compare[] = { 0x48, 0x39, 0x05 };
	struct ct_function function;
	uint8_t code[CODE_MAX];
	uint64_t found[2];
	size_t bytes = 0, count = 0;
	int rc = read_code(binary, "context.(*emptyCtx).String", &function, code, &bytes);

	for (size_t i = 0; !rc && i + 7 <= bytes && count < 2; i++)
		if (!memcmp(code + i, compare, sizeof(compare)))
			found[count++] = relative(code + i + 3, function.start + i + 7);
	if (rc || count < 2)
		return rc ? rc : -ENOENT;
	*ret_background = found[0];
	*ret_todo = found[1];
	return 0;
}

int ct_locate_roots(struct ct_binary *binary, uint64_t *ret_background, uint64_t *ret_todo)
{
	uint64_t bytes;

	if (!ct_binary_data_symbol(binary, "context.background", ret_background, &bytes) &&
	    !ct_binary_data_symbol(binary, "context.todo", ret_todo, &bytes))
		return 0;
	return decode_roots(binary, ret_background, ret_todo);
}

int ct_locate_allgs(struct ct_census_facts *facts, struct ct_binary *binary, uint64_t load_bias)
{
	struct ct_function function;
	uint8_t code[CODE_MAX];
	uint64_t address, bytes;
	size_t code_bytes = 0;
	int rc;

	if (!ct_binary_data_symbol(binary, "runtime.allgs", &address, &bytes)) {
		facts->allgs = address + load_bias;
		return 0;
	}
	rc = read_code(binary, "runtime.allgadd", &function, code, &code_bytes);
	for (size_t i = 0; !rc && i + 4 <= code_bytes; i++) {
		address = relative(code + i, function.start + i + 4) + load_bias;
		if (address % 8 == 0 && address >= facts->image_start && address < facts->image_end)
			rc = ct_census_facts_guess_allgs(facts, address);
	}
	return rc == -ENOSPC ? 0 : rc;
}

/* Does this look like a goroutine that once ran? */
static bool is_goroutine(struct ct_census *census, uint64_t address)
{
	const struct ct_goroutine_layout *layout = census->layout.goroutine;
	uint8_t bytes[CT_G_BYTES];
	uint64_t low, high, goid;

	if (!address || address % 8 || ct_memory_read(census->memory, address, bytes, sizeof(bytes)))
		return false;
	low = ct_load64(bytes + CT_G_STACK_LOW);
	high = ct_load64(bytes + CT_G_STACK_HIGH);
	goid = ct_load64(bytes + layout->goid);
	if (goid > UINT64_C(1) << 48 || (ct_load(bytes + layout->status, 4) & ~UINT64_C(0x1000)) > 16)
		return false;
	return !high || (low < high && low % 8 == 0 && high - low <= UINT64_C(1) << 30);
}

bool ct_locate_is_allgs(struct ct_census *census, uint64_t address)
{
	struct ct_memory *memory = census->memory;
	uint64_t slice[3], first[2] = { 0 }, main_goid, count;

	if (ct_memory_read(memory, address, slice, sizeof(slice)) || slice[0] % 8 || !slice[1] ||
	    slice[1] > slice[2] || slice[2] > UINT64_C(1) << 24)
		return false;
	count = slice[1] < 2 ? slice[1] : 2;
	if (ct_memory_read(memory, slice[0], first, count * 8))
		return false;
	// the first goroutine a program makes is the main one, and its id is 1
	if (ct_memory_read_word(memory, first[0] + census->layout.goroutine->goid, &main_goid) || main_goid != 1)
		return false;
	return is_goroutine(census, first[0]) && (count < 2 || is_goroutine(census, first[1]));
}
