// SPDX-License-Identifier: Apache-2.0
/*
 * Where in a function a probe may stand. Pure: bytes in, offset out.
 *
 * The rules, with what was measured behind them, are in ARCHITECTURE.md: behind Go's stack check, because the first
 * byte runs again after the stack has grown; at an instruction the kernel emulates (push, one-byte nop, jmp, call,
 * jcc), because any other is single-stepped; never inside an instruction.
 */
#pragma once

#include "ctxtrace/provider.h"

/** Bytes of a function a caller should have at hand. */
#define CT_PROBE_BYTES 64

/** A place for a probe. */
struct ct_probe_point {
	size_t offset; /**< From the start of the function. */
	enum ct_probe_cost cost;
	uint64_t cookie_flags; /**< To be added to the cookie: CT_COOKIE_AT_STACK_CHECK, or 0. */
};

/**
 * Choose the place in a Go function: the instruction behind the stack check, or the first byte of a function without
 * one. Where single-stepping would follow (Go up to 1.20) the check's own jump is taken.
 *
 * @param ret_reason  On refusal: why, for a person. Static.
 * @return 0 or -ENOTSUP.
 */
int ct_probe_point_go(const uint8_t *code, size_t bytes, struct ct_probe_point *ret, const char **ret_reason);

/** The same for a C function: the first instruction, behind endbr64. @return 0 or -ENOTSUP. */
int ct_probe_point_c(const uint8_t *code, size_t bytes, struct ct_probe_point *ret, const char **ret_reason);

/**
 * The same, for a role that reads two arguments at most: where the function does no more than add constant arguments and
 * jump to another one, the jump is taken, which is not single-stepped. @return 0 or -ENOTSUP.
 */
int ct_probe_point_c_thunk(const uint8_t *code, size_t bytes, struct ct_probe_point *ret, const char **ret_reason);

/**
 * Find the first `call` of `callee` in a Go function.
 *
 * @param code     The whole function.
 * @param address  Its address.
 * @param ret      Offset of the call instruction.
 * @return 0; -ENOTSUP when an instruction is met whose length is not known, -ENOENT when there is no such call.
 */
int ct_probe_point_call(const uint8_t *code, size_t bytes, uint64_t address, uint64_t callee, size_t *ret);
