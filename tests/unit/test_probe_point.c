// SPDX-License-Identifier: Apache-2.0
/*
 * Where a probe may stand, byte by byte: the stack checks Go's compilers have written from 1.17 to 1.27, C functions
 * with and without endbr64, and what must be refused. Code ends where its block ends, so the sanitizer sees a look
 * beyond; and whatever is cut off, a probe never stands inside an instruction.
 */
#include "provider/probe_point.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define INSTRUCTIONS_MAX 8

/* The beginning of a function, one string for each instruction. */
struct code {
	const char *name;
	struct {
		const char *bytes;
		size_t length;
	} instructions[INSTRUCTIONS_MAX];
	int place; /* instruction to be probed; -1: refused */
	enum ct_probe_cost cost;
	bool at_stack_check;
};

#define I(bytes) { bytes, sizeof(bytes) - 1 }

/* Go's stack check (cmp with the stack guard, jbe to the end), then what follows. */
#define CMP I("\x49\x3b\x66\x10")
#define CMP_SYSTEM I("\x49\x3b\x66\x18")
#define CMP_LARGE I("\x4d\x3b\x66\x10")
#define JBE I("\x76\x2a")
#define JBE_NEAR I("\x0f\x86\x10\x02\x00\x00")
#define PUSH_RBP I("\x55")
#define MOV_RBP I("\x48\x89\xe5")
#define SUB_RSP I("\x48\x83\xec\x18")
#define SUB_RSP_LONG I("\x48\x81\xec\x90\x01\x00\x00")
#define NOP5 I("\x0f\x1f\x44\x00\x00")
#define ENDBR I("\xf3\x0f\x1e\xfa")

static const struct code go_code[] = {
	{ "1.21 and newer", { CMP, JBE, PUSH_RBP, MOV_RBP, SUB_RSP }, 2, CT_PROBE_EMULATED, false },
	{ "1.21, long function", { CMP, JBE_NEAR, PUSH_RBP, MOV_RBP, SUB_RSP_LONG }, 2, CT_PROBE_EMULATED, false },
	{ "1.17 to 1.20", { CMP, JBE, SUB_RSP, MOV_RBP }, 1, CT_PROBE_EMULATED, true },
	{ "1.17 to 1.20, long function", { CMP, JBE_NEAR, SUB_RSP_LONG, MOV_RBP }, 1, CT_PROBE_EMULATED, true },
	{ "on the system stack", { CMP_SYSTEM, JBE, PUSH_RBP, MOV_RBP }, 2, CT_PROBE_EMULATED, false },
	{ "large frame",
	  { I("\x4c\x8d\x64\x24\x80"), CMP_LARGE, JBE, PUSH_RBP, MOV_RBP }, 3, CT_PROBE_EMULATED, false },
	{ "larger frame",
	  { I("\x4c\x8d\xa4\x24\x00\xff\xff\xff"), CMP_LARGE, JBE_NEAR, PUSH_RBP, MOV_RBP },
	  3, CT_PROBE_EMULATED, false },
	{ "large frame, 1.17 to 1.20",
	  { I("\x4c\x8d\xa4\x24\x00\xff\xff\xff"), CMP_LARGE, JBE, SUB_RSP_LONG, MOV_RBP }, 2, CT_PROBE_EMULATED, true },
	{ "huge frame",
	  { I("\x49\x89\xe4"), I("\x49\x81\xec\x80\x20\x00\x00"),
	I("\x72\x30"), CMP_LARGE, JBE, PUSH_RBP, MOV_RBP },
	  5, CT_PROBE_EMULATED, false },
	{ "huge frame, far jumps",
	  { I("\x49\x89\xe4"), I("\x49\x81\xec\x80\x20\x00\x00"),
	I("\x0f\x82\x30\x01\x00\x00"), CMP_LARGE, JBE_NEAR,
	    PUSH_RBP, MOV_RBP },
	  5, CT_PROBE_EMULATED, false },
	{ "huge frame, small step",
	  { I("\x49\x89\xe4"), I("\x49\x83\xec\x40"), I("\x72\x30"), CMP_LARGE, JBE, PUSH_RBP, MOV_RBP },
	  5, CT_PROBE_EMULATED, false },
	{ "no stack check", { PUSH_RBP, MOV_RBP, SUB_RSP }, 0, CT_PROBE_EMULATED, false },
	{ "no stack check and no push", { SUB_RSP, MOV_RBP }, 0, CT_PROBE_SINGLE_STEPPED, false },
	{ "five-byte nop behind the check", { CMP, JBE, NOP5, MOV_RBP }, -1, CT_PROBE_EMULATED, false },
	{ "nothing behind the check", { CMP, JBE }, -1, CT_PROBE_EMULATED, false },
	{ "unknown comparison", { I("\x49\x3b\x66\x20"), JBE, PUSH_RBP }, -1, CT_PROBE_EMULATED, false },
	{ "unknown jump", { CMP, I("\x77\x2a"), PUSH_RBP }, -1, CT_PROBE_EMULATED, false },
	{ "a frame without its comparison", { I("\x4c\x8d\x64\x24\x80"), PUSH_RBP, MOV_RBP }, -1, CT_PROBE_EMULATED,
	  false },
	{ "breakpoint of another", { I("\xcc"), JBE, PUSH_RBP }, -1, CT_PROBE_EMULATED, false },
	{ "return", { I("\xc3") }, -1, CT_PROBE_EMULATED, false },
	{ "return with a count", { I("\xc2\x08\x00") }, -1, CT_PROBE_EMULATED, false },
};

static const struct code c_code[] = {
	{ "push", { PUSH_RBP, MOV_RBP }, 0, CT_PROBE_EMULATED, false },
	{ "endbr64", { ENDBR, PUSH_RBP, MOV_RBP }, 1, CT_PROBE_EMULATED, false },
	{ "endbr64, push of a new register", { ENDBR, I("\x41\x57"), MOV_RBP }, 1, CT_PROBE_EMULATED, false },
	{ "endbr64, jump", { ENDBR, I("\xe9\x10\x00\x00\x00") }, 1, CT_PROBE_EMULATED, false },
	{ "endbr64, call", { ENDBR, I("\xe8\x10\x00\x00\x00") }, 1, CT_PROBE_EMULATED, false },
	{ "endbr64, nop", { ENDBR, I("\x90"), I("\xc3") }, 1, CT_PROBE_EMULATED, false },
	{ "short jcc", { I("\x74\x10"), I("\xc3") }, 0, CT_PROBE_EMULATED, false },
	{ "near jcc", { I("\x0f\x84\x10\x00\x00\x00"), I("\xc3") }, 0, CT_PROBE_EMULATED, false },
	{ "move", { MOV_RBP, I("\xc3") }, 0, CT_PROBE_SINGLE_STEPPED, false },
	{ "nop of five bytes first: nothing of the function lies below the stack pointer yet", { ENDBR, NOP5, PUSH_RBP },
	  1, CT_PROBE_SINGLE_STEPPED, false },
	{ "pop is not push", { I("\x58"), I("\xc3") }, 0, CT_PROBE_SINGLE_STEPPED, false },
	{ "return at once", { ENDBR, I("\xc3") }, -1, CT_PROBE_EMULATED, false },
	{ "breakpoint", { ENDBR, I("\xcc") }, -1, CT_PROBE_EMULATED, false },
	{ "endbr64 alone", { ENDBR }, -1, CT_PROBE_EMULATED, false },
};

typedef int (*chooser)(const uint8_t *code, size_t bytes, struct ct_probe_point *ret, const char **ret_reason);

static size_t put_together(const struct code *code, uint8_t *bytes, bool *is_start)
{
	size_t length = 0;

	for (size_t i = 0; i < INSTRUCTIONS_MAX && code->instructions[i].length; i++) {
		is_start[length] = true;
		memcpy(bytes + length, code->instructions[i].bytes, code->instructions[i].length);
		length += code->instructions[i].length;
	}
	return length;
}

static size_t offset_of(const struct code *code, int instruction)
{
	size_t offset = 0;

	for (int i = 0; i < instruction; i++)
		offset += code->instructions[i].length;
	return offset;
}

/* As much of the code as is there, in a block of exactly that size. */
static int choose(chooser function, const uint8_t *bytes, size_t length, struct ct_probe_point *ret,
		  const char **ret_reason)
{
	uint8_t *block = malloc(length ? length : 1);
	int rc;

	assert_non_null(block);
	memcpy(block, bytes, length);
	*ret = (struct ct_probe_point){ .offset = 777 };
	*ret_reason = NULL;
	rc = function(block, length, ret, ret_reason);
	free(block);
	assert_true(rc == 0 || rc == -ENOTSUP);
	assert_int_equal(rc != 0, *ret_reason != NULL);
	if (rc)
		assert_int_equal(ret->offset, 777);
	return rc;
}

static void check(chooser function, const struct code *code)
{
	uint8_t bytes[CT_PROBE_BYTES];
	bool is_start[CT_PROBE_BYTES] = { false };
	size_t length = put_together(code, bytes, is_start);
	struct ct_probe_point point;
	const char *reason;
	int rc = choose(function, bytes, length, &point, &reason);

	if (rc != (code->place < 0 ? -ENOTSUP : 0))
		fail_msg("%s: %s", code->name, rc ? reason : "is not refused");
	if (!rc && (point.offset != offset_of(code, code->place) || point.cost != code->cost ||
		    point.cookie_flags != (code->at_stack_check ? CT_COOKIE_AT_STACK_CHECK : 0)))
		fail_msg("%s: offset %zu, cost %d", code->name, point.offset, (int)point.cost);
	for (size_t cut = 0; cut < length; cut++) {
		if (choose(function, bytes, cut, &point, &reason))
			continue;
		if (point.offset >= cut || !is_start[point.offset])
			fail_msg("%s cut to %zu bytes: a probe at %zu", code->name, cut, point.offset);
	}
}

static void go_functions_are_probed_behind_their_stack_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(go_code) / sizeof(go_code[0]); i++)
		check(ct_probe_point_go, &go_code[i]);
}

static void c_functions_are_probed_behind_endbr64(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(c_code) / sizeof(c_code[0]); i++)
		check(ct_probe_point_c, &c_code[i]);
}

/* pthread_join of glibc 2.36 and its relatives: constants, and a jump. Anything else is as for every C function. */
static void a_jump_behind_constants_is_taken(void **state)
{
	static const struct {
		const char *code;
		size_t length, offset;
	} thunks[] = {
		{ "\x41\xb8\x01\x00\x00\x00\x31\xc9\x31\xd2\xe9\x21\x00\x00\x00", 15, 10 },
		{ "\xf3\x0f\x1e\xfa\x31\xd2\xeb\x10", 8, 6 },
		{ "\x45\x31\xc0\xb9\x07\x00\x00\x00\xe9\x00\x00\x00\x00", 13, 8 },
		{ "\xe9\x00\x00\x00\x00", 5, 0 },
		{ "\x31\xff\xe9\x00\x00\x00\x00", 7, 0 },			 // it changes the first argument
		{ "\xbe\x01\x00\x00\x00\xe9\x00\x00\x00\x00", 10, 0 },	 // the second
		{ "\x31\xca\xe9\x00\x00\x00\x00", 7, 0 },			 // no constant: xor %ecx,%edx
		{ "\x41\x31\xc0\xe9\x00\x00\x00\x00", 8, 0 },		 // xor %eax,%r8d
		{ "\x31\xd2\x55\xe9\x00\x00\x00\x00", 8, 0 },		 // a frame
		{ "\x31\xd2\x31\xc9", 4, 0 },				 // no jump in sight
		{ "\x41\xb8\x01\x00", 4, 0 },				 // cut off
	};

	(void)state;
	for (size_t i = 0; i < sizeof(thunks) / sizeof(thunks[0]); i++) {
		struct ct_probe_point point;
		const char *reason;

		assert_int_equal(choose(ct_probe_point_c_thunk, (const uint8_t *)thunks[i].code, thunks[i].length, &point,
					&reason),
				 0);
		if (point.offset != thunks[i].offset)
			fail_msg("thunk %zu: at %zu", i, point.offset);
	}
}

/* What the kernel emulates of one-byte opcodes; anything else would be single-stepped. */
static void only_emulated_instructions_are_called_so(void **state)
{
	struct ct_probe_point point;
	const char *reason;

	(void)state;
	for (unsigned int opcode = 0; opcode < 256; opcode++) {
		uint8_t code[16] = { (uint8_t)opcode, 0x50 };
		bool is_emulated = (opcode >= 0x50 && opcode <= 0x57) || (opcode >= 0x70 && opcode <= 0x7f) ||
				   opcode == 0x90 || opcode == 0xe8 || opcode == 0xe9 || opcode == 0xeb ||
				   opcode == 0x41; // push of r8, with the 0x50 behind it
		bool is_refused = opcode == 0xcc || opcode == 0xc3 || opcode == 0xc2;

		assert_int_equal(choose(ct_probe_point_c, code, sizeof(code), &point, &reason) != 0, is_refused);
		if (!is_refused)
			assert_int_equal(point.cost, is_emulated ? CT_PROBE_EMULATED : CT_PROBE_SINGLE_STEPPED);
	}
}

#define FUNCTION_ADDRESS UINT64_C(0x401000)
#define CALLEE UINT64_C(0x409000)

/* Append a call of CALLEE. */
static size_t add_call(uint8_t *code, size_t at)
{
	int32_t distance = (int32_t)(CALLEE - (FUNCTION_ADDRESS + at + 5));

	code[at] = 0xe8;
	memcpy(code + at + 1, &distance, sizeof(distance));
	return at + 5;
}

static int find_call(const uint8_t *code, size_t length, size_t *ret)
{
	uint8_t *block = malloc(length ? length : 1);
	int rc;

	assert_non_null(block);
	memcpy(block, code, length);
	rc = ct_probe_point_call(block, length, FUNCTION_ADDRESS, CALLEE, ret);
	free(block);
	return rc;
}

/* Each must be stepped over exactly: the call stands right behind it. */
static const struct {
	const char *bytes;
	size_t length;
} known[] = {
	I("\x55"), I("\x41\x57"), I("\x90"), I("\x48\x89\xe5"), I("\x48\x83\xec\x18"),
	I("\x48\x81\xec\x00\x01\x00\x00"),
	I("\x48\x8b\x44\x24\x08"), I("\x48\x8b\x84\x24\x80\x00\x00\x00"), I("\x48\x8b\x04\x24"),
	I("\x48\x8b\x05\x01\x02\x03\x04"),
	I("\x48\x8b\x04\xc5\x01\x02\x03\x04"), I("\x49\x8b\x46\x30"), I("\x48\x8d\x05\x01\x02\x03\x04"),
	I("\x48\x8d\x6c\x24\x10"),
	I("\xb8\x01\x00\x00\x00"), I("\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08"), I("\x66\xb8\x01\x02"),
	I("\x41\xb8\x01\x02\x03\x04"),
	I("\xc7\x44\x24\x08\x01\x02\x03\x04"), I("\xc6\x44\x24\x08\x01"), I("\x66\xc7\x44\x24\x08\x01\x02"),
	I("\x48\x85\xc0"),
	I("\x84\x00"), I("\x48\x39\xc8"), I("\x80\x3d\x01\x02\x03\x04\x05"),
	I("\x83\x3d\x01\x02\x03\x04\x05"), I("\x74\x05"),
	I("\x0f\x84\x01\x02\x03\x04"), I("\xeb\x02"), I("\xe9\x01\x02\x03\x04"), I("\xe8\x01\x02\x03\x04"),
	I("\x0f\x11\x44\x24\x08"),
	I("\x44\x0f\x11\x7c\x24\x08"), I("\x0f\x1f\x40\x00"), I("\x0f\x1f\x44\x00\x00"),
	I("\x66\x0f\x1f\x84\x00\x00\x00\x00\x00"),
	I("\x66\x90"), I("\x0f\xb6\x44\x24\x08"), I("\x48\x0f\x44\xc1"), I("\x0f\x94\xc0"),
	I("\xf0\x0f\xb1\x0a"), I("\xf0\x48\x0f\xc1\x01"),
	I("\x48\xc1\xe0\x03"), I("\x48\xd1\xe8"), I("\x48\x69\xc0\x01\x02\x03\x04"), I("\x48\x6b\xc0\x05"),
	I("\xf6\x40\x08\x01"),
	I("\xf7\x40\x08\x01\x02\x03\x04"), I("\x66\xf7\x40\x08\x01\x02"), I("\x48\xf7\xd8"), I("\xff\xd0"),
	I("\x48\xff\xc0"), I("\x31\xc0"),
	I("\x45\x0f\x57\xff"), I("\x64\x4c\x8b\x34\x25\xf8\xff\xff\xff"), I("\xc3"), I("\xcc"),
	I("\x48\x63\xc8"), I("\x5d"),
};

static void instructions_before_a_call_are_stepped_over(void **state)
{
	uint8_t code[64];
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		bool has_segment = (uint8_t)known[i].bytes[0] == 0x64; // thread-local words are not in the subset
		int rc;

		memcpy(code, known[i].bytes, known[i].length);
		at = 777;
		rc = find_call(code, add_call(code, known[i].length), &at);
		if (has_segment ? rc != -ENOTSUP : rc || at != known[i].length)
			fail_msg("instruction %zu (%02x %02x, %zu bytes): %d, %zu", i, code[0], code[1], known[i].length,
				 rc, at);
	}
}

/* The bytes of the call inside an immediate: a probe there would be inside an instruction. */
static void what_looks_like_a_call_is_none(void **state)
{
	uint8_t code[32] = { 0x48, 0xb8 }; // mov $imm64,%rax
	size_t at = 777, length;

	(void)state;
	add_call(code, 2);
	length = 10;
	code[length++] = 0xc3;
	assert_int_equal(find_call(code, length, &at), -ENOENT);
	assert_int_equal(at, 777);
	length = add_call(code, length);
	assert_int_equal(find_call(code, length, &at), 0);
	assert_int_equal(at, 11);
}

static void calls_of_others_are_passed(void **state)
{
	uint8_t code[32] = { 0xe8, 1, 0, 0, 0, 0xe8, 0xff, 0xff, 0xff, 0xff };
	size_t at, length = 10;

	(void)state;
	assert_int_equal(find_call(code, length, &at), -ENOENT);
	length = add_call(code, length);
	length = add_call(code, length);
	assert_int_equal(find_call(code, length, &at), 0);
	assert_int_equal(at, 10); // the first of two
	for (size_t cut = 0; cut < 15; cut++)
		assert_int_equal(find_call(code, cut, &at), -ENOENT);
}

static void unknown_instructions_end_the_search(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} unknown[] = {
		I("\x0f\x05"), I("\xc5\xf8\x77"), I("\x62\xf1\x7c\x48"), I("\xf3\xa4"), I("\xc8\x01\x02\x03"),
		I("\x0f\x3a\x0f\xc1"),
		I("\x66\x66\x66\x66\x66\x90"), I("\x06"),
	};
	uint8_t code[32];
	size_t at = 777;

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		memcpy(code, unknown[i].bytes, unknown[i].length);
		assert_int_equal(find_call(code, add_call(code, unknown[i].length), &at), -ENOTSUP);
		assert_int_equal(at, 777);
	}
}

/* Any bytes at all: no look beyond the end, no place outside. */
static void random_bytes_are_survived(void **state)
{
	uint8_t code[CT_PROBE_BYTES];
	struct ct_probe_point point;
	const char *reason;
	uint32_t seed = 1;
	size_t at;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t length = (size_t)round % (CT_PROBE_BYTES + 1);

		for (size_t i = 0; i < length; i++) {
			seed = seed * 1664525 + 1013904223;
			code[i] = (uint8_t)(seed >> 24);
		}
		if (round % 3 == 0 && length >= 4)
			memcpy(code, round % 2 ? "\x49\x3b\x66\x10" : "\x4c\x8d\x64\x24", 4);
		if (!choose(ct_probe_point_go, code, length, &point, &reason))
			assert_true(point.offset < length);
		if (!choose(ct_probe_point_c, code, length, &point, &reason))
			assert_true(point.offset < length);
		if (!choose(ct_probe_point_c_thunk, code, length, &point, &reason))
			assert_true(point.offset < length);
		if (!find_call(code, length, &at))
			assert_true(at + 5 <= length && code[at] == 0xe8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(go_functions_are_probed_behind_their_stack_check),
		cmocka_unit_test(c_functions_are_probed_behind_endbr64),
		cmocka_unit_test(a_jump_behind_constants_is_taken),
		cmocka_unit_test(only_emulated_instructions_are_called_so),
		cmocka_unit_test(instructions_before_a_call_are_stepped_over),
		cmocka_unit_test(what_looks_like_a_call_is_none),
		cmocka_unit_test(calls_of_others_are_passed),
		cmocka_unit_test(unknown_instructions_end_the_search),
		cmocka_unit_test(random_bytes_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
