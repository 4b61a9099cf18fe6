// SPDX-License-Identifier: Apache-2.0
/*
 * `run` watches the process it starts and no other. Who starts a program that starts the one that is meant is told so:
 * a report on the wrong process would be taken for an all-clear.
 */
#pragma once

#include "agent/live.h"

/** One line on standard error when the attached command is the go command, whose tests and programs are children. */
void ct_run_advise(const struct ct_live *live);

/** The attach failed: when nothing in the command can be watched, as in a shell, say what to name instead. */
void ct_run_hint(const struct ct_live *live, struct ct_error *error);
