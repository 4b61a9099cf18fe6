// SPDX-License-Identifier: Apache-2.0
#include "provider/probe_point.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#ifdef __x86_64__

/* Instruction bytes: Intel SDM volume 2; Go's stack check: cmd/internal/obj/x86/obj6.go, stacksplit(). */
#define NOP	   0x90
#define BREAKPOINT 0xcc
#define REX_W	   0x48

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

/*
 * A reason not to probe an instruction at all, or NULL. Kernels 6.18 to 7.1 turn a five-byte nop into a call, which
 * writes below the stack pointer. Before a function's first own instruction nothing of it lies there yet.
 */
static const char *refusal(const uint8_t *code, size_t bytes, bool is_first)
{
	if (!bytes)
		return "the function ends before a place for a probe";
	if (code[0] == BREAKPOINT)
		return "a breakpoint stands there already";
	if (code[0] == 0xc3 || code[0] == 0xc2)
		return "it begins with a return";
	if (!is_first && STARTS(code, bytes, "\x0f\x1f\x44\x00\x00"))
		return "a five-byte nop: kernels 6.18 to 7.1 damage the red zone there";
	return NULL;
}

static int settle(const uint8_t *code, size_t bytes, size_t at, bool is_first, struct ct_probe_point *ret,
		  const char **ret_reason)
{
	const char *reason = at < bytes ? refusal(code + at, bytes - at, is_first) : refusal(NULL, 0, is_first);

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

/*
 * Length of what precedes the comparison in functions with large frames, 0 when nothing does: `lea -N(%rsp),%r12`, or
 * from 4 KiB on `mov %rsp,%r12; sub $N,%r12; jb`.
 */
static size_t large_frame(const uint8_t *code, size_t bytes)
{
	size_t at = 3;

	if (STARTS(code, bytes, "\x4c\x8d\x64\x24"))
		return 5;
	if (STARTS(code, bytes, "\x4c\x8d\xa4\x24"))
		return 8;
	if (bytes < 16 || !STARTS(code, bytes, "\x49\x89\xe4"))
		return 0;
	if (STARTS(code + at, bytes - at, "\x49\x81\xec"))
		at += 7;
	else if (STARTS(code + at, bytes - at, "\x49\x83\xec"))
		at += 4;
	else
		return 0;
	if (code[at] == 0x72)
		return at + 2;
	return code[at] == 0x0f && code[at + 1] == 0x82 ? at + 6 : 0;
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

	if (!jump && (large_frame(code, bytes) || STARTS(code, bytes, "\x49\x3b\x66"))) {
		*ret_reason = "its stack check has a form that is not known";
		return -ENOTSUP;
	}
	if (!jump)
		return settle(code, bytes, 0, true, ret, ret_reason);
	rc = settle(code, bytes, jump + (code[jump] == 0x76 ? 2 : 6), false, &point, ret_reason);
	if (rc)
		return rc;
	if (point.cost == CT_PROBE_SINGLE_STEPPED) // Go up to 1.20 goes on with `sub $N,%rsp`
		point = (struct ct_probe_point){jump, CT_PROBE_EMULATED, CT_COOKIE_AT_STACK_CHECK};
	*ret = point;
	return 0;
}

int ct_probe_point_c(const uint8_t *code, size_t bytes, struct ct_probe_point *ret, const char **ret_reason)
{
	size_t at = STARTS(code, bytes, "\xf3\x0f\x1e\xfa") ? 4 : 0; // endbr64

	return settle(code, bytes, at, true, ret, ret_reason);
}

/*
 * Length of an instruction that does nothing but set a register to a constant, and not one of the first two arguments'
 * registers (rdi, rsi): `mov $N,%r32` or `xor %r32,%r32`. 0 for any other.
 */
static size_t constant_length(const uint8_t *code, size_t bytes)
{
	bool is_high = bytes && code[0] == 0x41, is_both = bytes && code[0] == 0x45; // r8d-r15d
	const uint8_t *opcode = code + (is_high || is_both);
	size_t rest = bytes - (is_high || is_both), prefix = is_high || is_both;
	uint8_t number = rest ? opcode[0] & 7 : 0;

	if (!is_both && rest >= 5 && (opcode[0] & 0xf8) == 0xb8 && (is_high || (number != 6 && number != 7)))
		return prefix + 5;
	if (is_high || rest < 2 || opcode[0] != 0x31 || opcode[1] < 0xc0 || (opcode[1] >> 3 & 7) != (opcode[1] & 7))
		return 0;
	number = opcode[1] & 7;
	return is_both || (number != 6 && number != 7) ? prefix + 2 : 0;
}

int ct_probe_point_c_thunk(const uint8_t *code, size_t bytes, struct ct_probe_point *ret, const char **ret_reason)
{
	size_t at = STARTS(code, bytes, "\xf3\x0f\x1e\xfa") ? 4 : 0, length;

	while (at < bytes && (length = constant_length(code + at, bytes - at)))
		at += length;
	if (at < bytes && (code[at] == 0xe9 || code[at] == 0xeb))
		return settle(code, bytes, at, false, ret, ret_reason);
	return ct_probe_point_c(code, bytes, ret, ret_reason);
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

/* Prefixes before the opcode, REX included. */
static size_t prefix_length(const uint8_t *code, size_t bytes)
{
	size_t at = 0;

	while (at < bytes && at < 4 && (code[at] == 0x66 || code[at] == 0xf0 || code[at] == 0xf2 || code[at] == 0xf3))
		at++;
	return at < bytes && (code[at] & 0xf0) == 0x40 ? at + 1 : at;
}

/* What follows an opcode that has no ModRM byte; -1 for any other. */
static int plain_operand(uint8_t opcode, bool is_wide)
{
	if ((opcode >= 0x50 && opcode <= 0x5f) || opcode == NOP || opcode == 0xc3 || opcode == BREAKPOINT)
		return 0;
	if ((opcode >= 0x70 && opcode <= 0x7f) || opcode == 0xeb)
		return 1;
	if (opcode == 0xe8 || opcode == 0xe9)
		return 4;
	if (opcode >= 0xb8 && opcode <= 0xbf)
		return is_wide ? 8 : 4;
	return -1;
}

/* Immediate bytes behind the operand of an opcode with a ModRM byte; -1 for an opcode not known here. */
static int immediate(uint8_t opcode, uint8_t modrm)
{
	if (opcode == 0x81 || opcode == 0xc7 || opcode == 0x69)
		return 4;
	if (opcode == 0x80 || opcode == 0x83 || opcode == 0xc6 || opcode == 0xc0 || opcode == 0xc1 || opcode == 0x6b)
		return 1;
	if (opcode == 0xf6 || opcode == 0xf7) // test has one, not, neg, mul, div have none
		return (modrm >> 3 & 7) >= 2 ? 0 : opcode == 0xf6 ? 1 : 4;
	if (opcode < 0x40 && (opcode & 7) < 4) // add, or, and, sub, xor, cmp
		return 0;
	if ((opcode >= 0x84 && opcode <= 0x8b) || opcode == 0x8d || opcode == 0x63 || opcode == 0xff ||
	    opcode == 0xd1 || opcode == 0xd3)
		return 0;
	return -1;
}

/* Two-byte opcodes: jcc near, then those with a ModRM byte and no immediate. */
static size_t two_byte_length(const uint8_t *code, size_t bytes)
{
	size_t operand;

	if (!bytes)
		return 0;
	if (code[0] >= 0x80 && code[0] <= 0x8f)
		return 5;
	// movups, movaps, movzx, movsx, cmov, setcc, nop, cmpxchg, xadd; others may have an immediate byte
	if (code[0] != 0x10 && code[0] != 0x11 && code[0] != 0x1f && code[0] != 0x28 && code[0] != 0x29 &&
	    code[0] != 0x57 && code[0] != 0xef && (code[0] & 0xf0) != 0x40 && (code[0] & 0xf0) != 0x90 &&
	    code[0] != 0xaf && code[0] != 0xb0 && code[0] != 0xb1 && code[0] != 0xb6 && code[0] != 0xb7 &&
	    code[0] != 0xbe && code[0] != 0xbf && code[0] != 0xc0 && code[0] != 0xc1)
		return 0;
	operand = modrm_length(code + 1, bytes - 1);
	return operand ? 1 + operand : 0;
}

/* Length of an instruction of the subset Go's compiler uses in small functions; 0 when it is not known here. */
static size_t instruction_length(const uint8_t *code, size_t bytes)
{
	size_t at = prefix_length(code, bytes), operand;
	bool is_wide = at && (code[at - 1] & 0xf8) == REX_W;
	int rest;

	if (at >= bytes)
		return 0;
	if (code[at] == 0x0f) {
		operand = two_byte_length(code + at + 1, bytes - at - 1);
		return operand ? at + 1 + operand : 0;
	}
	rest = plain_operand(code[at], is_wide);
	operand = rest < 0 ? modrm_length(code + at + 1, bytes - at - 1) : 0;
	if (operand)
		rest = immediate(code[at], code[at + 1]);
	if (rest == 4 && memchr(code, 0x66, at)) // a 16-bit immediate; the branches are never given this prefix
		rest = 2;
	return rest < 0 ? 0 : at + 1 + operand + (size_t)rest;
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
