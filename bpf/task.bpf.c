// SPDX-License-Identifier: Apache-2.0
/*
 * The end of the target's memory: exec and exit of a watched process. Either way its settings go, because no address
 * in them holds any more; probes that still hit are counted until user space has written new ones. And its threads, where
 * they are to be told: each as it is made, before it runs, and as it goes.
 */
#include "kernel.h"
#include "thread.bpf.h"

#include <bpf/bpf_core_read.h>
#include <stdbool.h>

char LICENSE[] SEC("license") = "GPL";

static __always_inline void emit_mark(__u8 type)
{
	struct ct_event_mark *event = ct_reserve(sizeof(*event), type, 0);

	if (event)
		ct_submit(event, sizeof(*event));
}

/* Deleting decides: of several threads that leave at once, one succeeds. */
static __always_inline bool forget_process(void)
{
	__u32 process = ct_current_process();

	return bpf_map_delete_elem(&processes, &process) == 0;
}

SEC("raw_tp/sched_process_exec")
int process_exec(struct bpf_raw_tracepoint_args *regs)
{
	(void)regs;
	if (forget_process())
		emit_mark(CT_EVENT_EXEC);
	return 0;
}

static __always_inline bool watches_threads(void)
{
	__u32 process = ct_current_process();
	const struct ct_process_config *config = bpf_map_lookup_elem(&processes, &process);

	return config && config->watch_threads;
}

SEC("raw_tp/sched_process_fork")
int process_fork(struct bpf_raw_tracepoint_args *regs)
{
	struct task_struct *child = (struct task_struct *)regs->args[1];

	// Another process is not watched.
	if (watches_threads() && (__u32)BPF_CORE_READ(child, tgid) == ct_current_process())
		ct_emit_thread_start((__u32)BPF_CORE_READ(child, pid));
	return 0;
}

SEC("raw_tp/sched_process_exit")
int process_exit(struct bpf_raw_tracepoint_args *regs)
{
	struct task_struct *task = (struct task_struct *)regs->args[0];
	int live = BPF_CORE_READ(task, signal, live.counter);

	// The kernel counts a thread out before this tracepoint, in all versions.
	if (live && watches_threads())
		ct_emit_thread_end();
	if (live == 0 && forget_process())
		emit_mark(CT_EVENT_EXIT);
	return 0;
}
