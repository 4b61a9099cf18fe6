// SPDX-License-Identifier: Apache-2.0
/*
 * `ctxtrace run`: start CMD and hold it before its first own instruction until the probes are in place.
 *
 * The child is held by ptrace: at the exec stop, and, when a dynamic loader comes first, again at the program's entry
 * point, where all its libraries are mapped. After the release nothing of ptrace is left. If ctxtrace dies before the
 * release the child dies with it (PTRACE_O_EXITKILL); afterwards it runs on by itself.
 */
#pragma once

#include "ctxtrace/error.h"

#include <stdbool.h>
#include <sys/types.h>

/** Exit status of a shell for a command that was not found, or could not be executed. */
#define CT_STATUS_NOT_FOUND 127
#define CT_STATUS_NOT_EXECUTABLE 126

/**
 * Start a command and hold it.
 *
 * @param argv        CMD and its arguments, NULL-terminated; found by PATH.
 * @param ret_pid     The held child.
 * @param ret_status  On failure: the exit status to leave with (127, 126, or 3).
 * @return 0 or negative errno, told in reterr.
 */
int ct_child_start(char **argv, pid_t *ret_pid, int *ret_status, struct ct_error *reterr);

/** Let it run. @return 0 or negative errno. */
int ct_child_release(pid_t pid, struct ct_error *reterr);

/** Has it ended? Never waits. @return true and its status as a shell would tell it (128 + signal). */
bool ct_child_has_ended(pid_t pid, int *ret_status);

/** Kill a child that was never released, and reap it. */
void ct_child_kill(pid_t pid);
