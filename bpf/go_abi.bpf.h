// SPDX-License-Identifier: Apache-2.0
/*
 * Go's register ABI (ABIInternal, Go 1.17 and newer): which register holds what while a Go function begins.
 * Source: src/cmd/compile/abi-internal.md of the Go tree, sections "amd64 architecture" and "arm64 architecture".
 */
#pragma once

#include "machine.bpf.h"

#if defined(__TARGET_ARCH_x86)

/** Integer arguments in order; an interface takes two: type word and data. */
#define ct_go_argument0(regs) ((__u64)(regs)->rax)
#define ct_go_argument1(regs) ((__u64)(regs)->rbx)
#define ct_go_argument2(regs) ((__u64)(regs)->rcx)
#define ct_go_argument3(regs) ((__u64)(regs)->rdi)
#define ct_go_argument4(regs) ((__u64)(regs)->rsi)
#define ct_go_argument5(regs) ((__u64)(regs)->r8)
/** The closure's object: {function, captured words...}. */
#define ct_go_closure(regs) ((__u64)(regs)->rdx)
/** The running goroutine; not valid in assembly functions. */
#define ct_go_g(regs) ((__u64)(regs)->r14)
/** At `cmp stack limit; jbe`: carry or zero is set, so the branch to morestack is taken. */
#define ct_go_will_grow(regs) (((regs)->eflags & 0x41) != 0)

#elif defined(__TARGET_ARCH_arm64)

#define ct_go_register(regs, number) ((__u64)((const struct user_pt_regs *)(regs))->regs[number])
#define ct_go_argument0(regs) ct_go_register(regs, 0)
#define ct_go_argument1(regs) ct_go_register(regs, 1)
#define ct_go_argument2(regs) ct_go_register(regs, 2)
#define ct_go_argument3(regs) ct_go_register(regs, 3)
#define ct_go_argument4(regs) ct_go_register(regs, 4)
#define ct_go_argument5(regs) ct_go_register(regs, 5)
#define ct_go_closure(regs) ct_go_register(regs, 26)
#define ct_go_g(regs) ct_go_register(regs, 28)
/** `b.ls`: carry clear or zero set. */
#define ct_go_will_grow(regs)                                                          \
	((((const struct user_pt_regs *)(regs))->pstate & 0x20000000) == 0 ||          \
	 (((const struct user_pt_regs *)(regs))->pstate & 0x40000000) != 0)

#else
#error "Go's register ABI of this machine is not known here"
#endif
