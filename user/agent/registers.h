// SPDX-License-Identifier: Apache-2.0
/*
 * The registers of a thread that ptrace holds. All that is particular to a machine: which regsets may hold pointers, and
 * where the program counter, the stack pointer and the frame pointer stand in the first.
 */
#pragma once

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

/** NT_PRSTATUS as the kernel gives it. */
#if defined(__x86_64__)
typedef struct user_regs_struct ct_registers;
#define CT_REGISTERS_PC(registers) ((uint64_t)(registers)->rip)
#define CT_REGISTERS_SP(registers) ((uint64_t)(registers)->rsp)
#define CT_REGISTERS_FRAME(registers) ((uint64_t)(registers)->rbp)
/** Vector registers: a copy of 16 bytes or more passes through one. */
#define CT_VECTOR_REGSET NT_X86_XSTATE
#elif defined(__aarch64__)
typedef struct user_regs_struct ct_registers;
#define CT_REGISTERS_PC(registers) ((uint64_t)(registers)->pc)
#define CT_REGISTERS_SP(registers) ((uint64_t)(registers)->sp)
#define CT_REGISTERS_FRAME(registers) ((uint64_t)(registers)->regs[29])
#define CT_VECTOR_REGSET NT_PRFPREG
#else
#error "which registers are these?"
#endif

/** Room for the vector registers of any machine so far (x86 with tiles: 11 KiB). */
#define CT_VECTOR_BYTES 16384
