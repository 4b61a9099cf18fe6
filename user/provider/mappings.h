// SPDX-License-Identifier: Apache-2.0
/* /proc/PID/maps: the mappings of files. */
#pragma once

#include "provider/target.h"

/** A list of mappings in the order of their addresses. Zero-initialise; ct_mappings_done() releases. */
struct ct_mappings {
	struct ct_mapping *list;
	size_t count;
};

/** Read them. On failure `ret_mappings` is untouched. @return 0 or negative errno. */
int ct_mappings_read(pid_t pid, struct ct_mappings *ret_mappings);

/** Release them. */
void ct_mappings_done(struct ct_mappings *mappings);
