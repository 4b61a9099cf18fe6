// SPDX-License-Identifier: Apache-2.0
/*
 * Which capabilities attaching needs, and which of them this process lacks: the remedy named by every refusal.
 */
#pragma once

#include "ctxtrace/error.h"

#include <stdbool.h>
#include <stddef.h>

/**
 * Names of the capabilities that are needed and not there, as "CAP_BPF, CAP_PERFMON"; "" when none.
 *
 * @param is_multi  By uprobe_multi links. perf_event links need CAP_SYS_ADMIN as well; which of the two a kernel has
 *                  can only be tried with CAP_BPF, so without that it is not named.
 */
void ct_capabilities_missing(bool is_multi, char *ret_names, size_t size);

/** Add to an error of permission what would help. */
void ct_capabilities_hint(bool is_multi, struct ct_error *reterr);
