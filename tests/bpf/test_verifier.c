// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel's verifier makes of the programs. Linux 6.1 does more with them than newer ones and gives up at a
 * million instructions, which these programs have once passed there; so the limit here is far below, on any kernel.
 * Emulated kernels: tests/kernels/run.sh.
 */
#include "ctxtrace.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SKIPPED		 77
#define INSTRUCTIONS_MAX 60000

static int print_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static bool is_uprobe(const struct bpf_program *program)
{
	return bpf_program__type(program) == BPF_PROG_TYPE_KPROBE;
}

/* bpf/emit.bpf.h, ct_keep_stack: no thread's hit may write over another's variables. */
static bool holds_tail_call(const struct bpf_program *program)
{
	const struct bpf_insn *instructions = bpf_program__insns(program);

	for (size_t i = 0; i < bpf_program__insn_cnt(program); i++)
		if (instructions[i].code == (BPF_JMP | BPF_CALL) && !instructions[i].src_reg &&
		    instructions[i].imm == BPF_FUNC_tail_call)
			return true;
	return false;
}

static int count_instructions(const struct bpf_program *program, __u32 *ret_count)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
		return -errno;
	*ret_count = info.verified_insns;
	return 0;
}

static int check_tail_calls(const struct ctxtrace_bpf *skeleton)
{
	struct bpf_program *program;
	int wrong = 0;

	bpf_object__for_each_program(program, skeleton->obj)
		if (is_uprobe(program) && !holds_tail_call(program)) {
			printf("%s: its variables may be put on a stack per CPU\n", bpf_program__name(program));
			wrong++;
		}
	return wrong;
}

static int check_counts(const struct ctxtrace_bpf *skeleton)
{
	struct bpf_program *program;
	int wrong = 0;

	bpf_object__for_each_program(program, skeleton->obj) {
		__u32 count = 0;
		int err = count_instructions(program, &count);

		printf("%s: %u instructions processed\n", bpf_program__name(program), count);
		if (err || count > INSTRUCTIONS_MAX) {
			printf("%s: %s\n", bpf_program__name(program), err ? strerror(-err) : "too many");
			wrong++;
		}
	}
	return wrong;
}

int main(void)
{
	struct ctxtrace_bpf *skeleton;
	int wrong, err;

	libbpf_set_print(print_nothing);
	skeleton = ctxtrace_bpf__open();
	if (!skeleton)
		return 1;
	wrong = check_tail_calls(skeleton);
	err = ctxtrace_bpf__load(skeleton);
	if (!err)
		wrong += check_counts(skeleton);
	else if (err != -EPERM)
		printf("loading: %s\n", strerror(-err));
	ctxtrace_bpf__destroy(skeleton);
	if (err == -EPERM && !wrong) {
		printf("SKIP: loading BPF programs is not allowed here\n");
		return SKIPPED;
	}
	return wrong || err ? 1 : 0;
}
