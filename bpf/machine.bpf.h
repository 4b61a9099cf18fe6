// SPDX-License-Identifier: Apache-2.0
/*
 * Registers of the traced thread by what they are for: the C ABI of each machine. Go's own is in go_abi.bpf.h.
 * A new machine: one block here, one there.
 */
#pragma once

#include <linux/ptrace.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

static __always_inline __u64 ct_stack_pointer(const struct pt_regs *regs)
{
	return (__u64)PT_REGS_SP(regs);
}

static __always_inline __u64 ct_frame_pointer(const struct pt_regs *regs)
{
	return (__u64)PT_REGS_FP(regs);
}

static __always_inline __u64 ct_instruction_pointer(const struct pt_regs *regs)
{
	return (__u64)PT_REGS_IP(regs);
}

/** Where the probed function returns to, read before it has made its frame. @return 0 or negative errno. */
static __always_inline int ct_return_address(const struct pt_regs *regs, __u64 *ret_address)
{
#if defined(__TARGET_ARCH_arm64)
	*ret_address = (__u64)PT_REGS_RET(regs);
	return 0;
#else
	return (int)bpf_probe_read_user(ret_address, sizeof(*ret_address), (void *)ct_stack_pointer(regs));
#endif
}

/** Arguments of a function of the C ABI, from 0. */
#define ct_c_argument0(regs) ((__u64)PT_REGS_PARM1(regs))
#define ct_c_argument1(regs) ((__u64)PT_REGS_PARM2(regs))
#define ct_c_argument2(regs) ((__u64)PT_REGS_PARM3(regs))
#define ct_c_argument3(regs) ((__u64)PT_REGS_PARM4(regs))
#define ct_c_argument4(regs) ((__u64)PT_REGS_PARM5(regs))
