// SPDX-License-Identifier: Apache-2.0
/*
 * Stopping every thread of a process for a moment, and letting it go.
 *
 * By PTRACE_SEIZE and PTRACE_INTERRUPT: the threads are held by nothing but our being there. When ctxtrace ends,
 * however it ends, the kernel lets them run. No signal is sent, so no parent and no shell notices; a signal that
 * arrives meanwhile is delivered when the thread goes on.
 */
#pragma once

#include "ctxtrace/error.h"
#include "memory/freeze.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** The threads that are held. Zero-initialise. */
struct ct_stop {
	pid_t pid;
	struct ct_held {
		pid_t tid;
		int signal; /**< To be delivered when it goes on. */
		bool is_stopped;
	} *threads;
	size_t count, room;
	uint64_t began_ns;   /**< Before the first thread was interrupted. */
	uint64_t stopped_ns; /**< When all stood. */
};

/**
 * May and can the process be stopped? Says no, in words, when it is stopped or traced already.
 *
 * @param expects_stopped  It was stopped on our behalf: that is no obstacle.
 */
int ct_stop_check(pid_t pid, bool expects_stopped, struct ct_error *reterr);

/**
 * Stop all threads, those that are started meanwhile too.
 *
 * @return 0; -EBUSY traced or stopped by somebody else; -EPERM, -ETIMEDOUT (a thread does not come out of the kernel):
 *         told in reterr, and everything runs again. -ESRCH: the process is gone.
 */
int ct_stop_all(struct ct_stop *stop, pid_t pid, bool expects_stopped, struct ct_error *reterr);

/** Take down the registers of the held threads. @return 0 or negative errno. `threads` is to be released either way. */
int ct_stop_registers(const struct ct_stop *stop, struct ct_threads *threads);

/** Let all go. @return nanoseconds from the first one stopped to the last one let go. Idempotent. */
uint64_t ct_stop_end(struct ct_stop *stop);
