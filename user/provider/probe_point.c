// SPDX-License-Identifier: Apache-2.0
#include "provider/probe_point.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#ifdef __x86_64__

/* Instruction bytes: Intel SDM volume 2; Go's stack check: cmd/internal/obj/x86/obj6.go, stacksplit(). */
#define NOP 0x90
#define BREAKPOINT 0xcc
#define REX_W 0x48

static bool starts_with(const uint8_t *code, size_t bytes, const char *pattern, size_t length)
{
	return bytes >= length && !memcmp(code, pattern, length);
}
#define STARTS(code, bytes, literal) starts_with(code, bytes, literal, sizeof(literal) - 1)

static bool is_emulated(const uint8_t *code, size_t bytes)
{
	if (!bytes)
		return false;
	if ((code[0] >= 0x50 && code[0] <= 0x57) || code[0] == NOP) // push r64, nop
		return true;
	if (code[0] == 0x41 && bytes > 1 && code[1] >= 0x50 && code[1] <= 0x57) // push r8-r15
		return true;
	if (code[0] == 0xe8 || code[0] == 0xe9 || code[0] == 0xeb) // call, jmp
		return true;
	if (code[0] >= 0x70 && code[0] <= 0x7f) // jcc short
		return true;
	return code[0] == 0x0f && bytes > 1 && code[1] >= 0x80 && code[1] <= 0x8f; // jcc near
}

/* A reason not to probe an instruction at all, or NULL. */
static const char *refusal(const uint8_t *code, size_t bytes)
{
	if (!bytes)
		return "the function ends before a place for a probe";
	if (code[0] == BREAKPOINT)
		return "a breakpoint stands there already";
	if (code[0] == 0xc3 || code[0] == 0xc2)
		return "it begins with a return";
	if (STARTS(code, bytes, "\x0f\x1f\x44\x00\x00"))
		return "a five-byte nop: kernels 6.18 to 7.1 damage the red zone there";
	return NULL;
}

static int settle(const uint8_t *code, size_t bytes, size_t at, struct ct_probe_point *ret, const char **ret_reason)
{
	const char *reason = refusal(code + at, at < bytes ? bytes - at : 0);

	if (reason) {
		*ret_reason = reason;
		return -ENOTSUP;
	}
	*ret = (struct ct_probe_point){
		.offset = at,
		.cost = is_emulated(code + at, bytes - at) ? CT_PROBE_EMULATED : CT_PROBE_SINGLE_STEPPED,
	};
	return 0;
}

/* Length of `lea -N(%rsp),%r12`, which precedes the comparison in functions with large frames; 0 when it is none. */
static size_t large_frame(const uint8_t *code, size_t bytes)
{
	if (STARTS(code, bytes, "\x4c\x8d\x64\x24"))
		return 5;
	return STARTS(code, bytes, "\x4c\x8d\xa4\x24") ? 8 : 0;
}

/* Offset of the jump of the stack check; 0 when the function has none. */
static size_t stack_check(const uint8_t *code, size_t bytes)
{
	size_t at = large_frame(code, bytes);

	// cmp 0x10(%r14),%rsp or %r12; 0x18 in functions of the system stack
	if (bytes < at + 6 || (code[at] != 0x49 && code[at] != 0x4d) || code[at + 1] != 0x3b || code[at + 2] != 0x66 ||
	    (code[at + 3] != 0x10 && code[at + 3] != 0x18))
		return 0;
	at += 4;
	return code[at] == 0x76 || (code[at] == 0x0f && code[at + 1] == 0x86) ? at : 0; // jbe
}

int ct_probe_point_go(const uint8_t *code, size_t bytes, struct ct_probe_point *ret, const char **ret_reason)
{
	size_t jump = stack_check(code, bytes);
	struct ct_probe_point point;
	int rc;

	if (!jump)
		return settle(code, bytes, 0, ret, ret_reason);
	rc = settle(code, bytes, jump + (code[jump] == 0x76 ? 2 : 6), &point, ret_reason);
	if (rc)
		return rc;
	if (point.cost == CT_PROBE_SINGLE_STEPPED) // Go up to 1.20 goes on with `sub $N,%rsp`
		point = (struct ct_probe_point){ jump, CT_PROBE_EMULATED, CT_COOKIE_AT_STACK_CHECK };
	*ret = point;
	return 0;
}

int ct_probe_point_c(const uint8_t *code, size_t bytes, struct ct_probe_point *ret, const char **ret_reason)
{
	size_t at = STARTS(code, bytes, "\xf3\x0f\x1e\xfa") ? 4 : 0; // endbr64

	return settle(code, bytes, at, ret, ret_reason);
}

/* Bytes of the ModRM byte at `code` with what follows it (SIB, displacement); 0 when cut off. */
static size_t modrm_length(const uint8_t *code, size_t bytes)
{
	unsigned int mode, memory;
	size_t length = 1;

	if (!bytes)
		return 0;
	mode = code[0] >> 6;
	memory = code[0] & 7;
	if (mode == 3)
		return 1;
	if (memory == 4) {
		if (bytes < 2)
			return 0;
		length++;
		if (mode == 0 && (code[1] & 7) == 5)
			length += 4;
	} else if (mode == 0 && memory == 5) {
		length += 4;
	}
	return length + (mode == 1 ? 1 : mode == 2 ? 4 : 0);
}

/* Length of an instruction of the subset Go's compiler uses in small functions; 0 when it is not known here. */
static size_t instruction_length(const uint8_t *code, size_t bytes)
{
	size_t at = 0, operand;
	uint8_t opcode;

	while (at < bytes && at < 4 && (code[at] == 0x66 || code[at] == 0xf0 || code[at] == 0xf2 || code[at] == 0xf3))
		at++;
	if (at < bytes && (code[at] & 0xf0) == 0x40)
		at++;
	if (at >= bytes)
		return 0;
	opcode = code[at++];
	if ((opcode >= 0x50 && opcode <= 0x5f) || opcode == NOP || opcode == 0xc3 || opcode == BREAKPOINT)
		return at;
	if ((opcode >= 0x70 && opcode <= 0x7f) || opcode == 0xeb)
		return at + 1;
	if (opcode == 0xe8 || opcode == 0xe9)
		return at + 4;
	if (opcode >= 0xb8 && opcode <= 0xbf)
		return at + (at > 1 && (code[at - 2] & 0xf8) == REX_W ? 8 : 4);
	if (opcode == 0x0f) {
		if (at >= bytes)
			return 0;
		opcode = code[at++];
		if (opcode >= 0x80 && opcode <= 0x8f)
			return at + 4;
		if (opcode == 0x38 || opcode == 0x3a)
			return 0;
		operand = modrm_length(code + at, bytes - at);
		return operand ? at + operand : 0; // movups, movzx, cmov, setcc, nop, cmpxchg, xadd
	}
	operand = modrm_length(code + at, bytes - at);
	if (!operand)
		return 0;
	if (opcode == 0x81 || opcode == 0xc7 || opcode == 0x69)
		return at + operand + 4;
	if (opcode == 0x80 || opcode == 0x83 || opcode == 0xc6 || opcode == 0xc0 || opcode == 0xc1 || opcode == 0x6b)
		return at + operand + 1;
	if (opcode == 0xf6 || opcode == 0xf7)
		return at + operand + ((code[at] >> 3 & 7) < 2 ? (opcode == 0xf6 ? 1 : 4) : 0);
	if (opcode < 0x40 && (opcode & 7) < 4) // add, or, and, sub, xor, cmp with ModRM
		return at + operand;
	if ((opcode >= 0x84 && opcode <= 0x8b) || opcode == 0x8d || opcode == 0x63 || opcode == 0xff ||
	    opcode == 0xd1 || opcode == 0xd3)
		return at + operand;
	return 0;
}

int ct_probe_point_call(const uint8_t *code, size_t bytes, uint64_t address, uint64_t callee, size_t *ret)
{
	size_t at = 0;

	while (at + 5 <= bytes) {
		size_t length = instruction_length(code + at, bytes - at);
		int32_t distance;

		if (!length)
			return -ENOTSUP;
		memcpy(&distance, code + at + 1, sizeof(distance));
		if (code[at] == 0xe8 && address + at + 5 + (uint64_t)(int64_t)distance == callee) {
			*ret = at;
			return 0;
		}
		at += length;
	}
	return -ENOENT;
}

#else
#error "probe points are known for x86-64 only; another machine needs its rules here"
#endif
