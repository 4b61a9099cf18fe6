// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel types this side reads, with the fields it reads and no others. preserve_access_index lets libbpf find the
 * real offsets in the running kernel's BTF, so nothing here depends on a kernel version and no dump is committed.
 *
 * Compiled for the host (tests/bpf) the structs are what they say.
 */
#pragma once

#ifdef __bpf__
#define CT_RELOCATABLE __attribute__((preserve_access_index))
#else
#define CT_RELOCATABLE
#endif

/* include/linux/types.h: atomic_t */
typedef struct {
	int counter;
} CT_RELOCATABLE atomic_t;

/* include/linux/sched/signal.h: `live` counts the threads that have not begun to exit. */
struct signal_struct {
	atomic_t live;
} CT_RELOCATABLE;

/* include/linux/sched.h */
struct task_struct {
	int pid; /* of the thread, in the first namespace */
	int tgid;
	struct signal_struct *signal;
} CT_RELOCATABLE;
