// SPDX-License-Identifier: Apache-2.0
/*
 * The last moment of a Go program: it is held there, so that its memory can be asked once more before it goes.
 *
 * The probe sits where the runtime is about to leave (runtime.exit, runtime.dieFromSignal), not at the kernel's exit: a
 * stop signal raised here is taken before the thread goes back to its own code, and every other thread stops where it
 * is, with its registers; in exit_group they are dying already. SIGSTOP goes to the whole process, once.
 */
#pragma once

#include "maps.bpf.h"

#define CT_SIGSTOP 19 /* asm-generic/signal.h; the same on all machines but MIPS, Alpha and SPARC */

/** How often the process was about to leave; user space lets it go when it finds this set. */
__u32 ct_exits = 0;

static __always_inline void ct_go_exit(const struct ct_process_config *config)
{
	// whom user space may not signal would stay stopped
	if ((__u32)bpf_get_current_uid_gid() != config->exit_uid)
		return;
	if (__sync_fetch_and_add(&ct_exits, 1))
		return;
	if (bpf_send_signal(CT_SIGSTOP))
		ct_exits = 0;
}
