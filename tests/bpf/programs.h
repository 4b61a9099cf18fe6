// SPDX-License-Identifier: Apache-2.0
/* The programs of bpf/, as functions. Each test links the file of those it calls. */
#pragma once

#include "shim.h"

#include <linux/bpf.h>
#include <linux/ptrace.h>

int go_begin(struct pt_regs *regs);
int go_end(struct pt_regs *regs);
int c_begin(struct pt_regs *regs);
int c_end(struct pt_regs *regs);
int process_exec(struct bpf_raw_tracepoint_args *regs);
int process_fork(struct bpf_raw_tracepoint_args *regs);
int process_exit(struct bpf_raw_tracepoint_args *regs);

typedef int (*ct_program)(struct pt_regs *regs);
