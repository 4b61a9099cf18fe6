// SPDX-License-Identifier: Apache-2.0
/*
 * After the attach nothing needs privilege but reading the target's files and threads: everything else is given up, so
 * that a hostile target which finds a hole in our parsers finds little behind it.
 */
#pragma once

#include "ctxtrace/error.h"

/**
 * Keep only what reading a process's /proc files needs (CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH), and forbid gaining more.
 * @return 0 or negative errno.
 */
int ct_privileges_drop(struct ct_error *reterr);
