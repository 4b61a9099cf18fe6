// SPDX-License-Identifier: Apache-2.0
/* What kind of process a number names, by /proc/PID/status and /proc/PID/stat. */
#pragma once

#include "ctxtrace/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * Is this a process that can be watched? A sentence for a person when not.
 *
 * @param ret_start_ticks  Field 22 of its stat: with the number it is an identity; 0 unknown.
 * @return 0; -ESRCH no such process or a zombie; -EINVAL a kernel thread, a thread's id or ctxtrace itself; -EACCES.
 */
int ct_identify(pid_t pid, uint64_t *ret_start_ticks, struct ct_error *reterr);

/** Is it still the process that started then? A number may be given to another one meanwhile. */
bool ct_identity_holds(pid_t pid, uint64_t start_ticks);

/** Start ticks as nanoseconds of CLOCK_MONOTONIC, to a hundredth of a second; 0 stays 0. */
uint64_t ct_start_time(uint64_t start_ticks);
