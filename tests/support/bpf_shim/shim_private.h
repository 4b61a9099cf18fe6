// SPDX-License-Identifier: Apache-2.0
/* Shared by the files of the shim. */
#pragma once

#include "shim.h"

#include <stdio.h>
#include <stdlib.h>

void shim_maps_reset(void);
void shim_ring_reset(void);

/** A fault of the program under test, or of the test. */
static inline void shim_check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "bpf_shim: broken: %s\n", what);
	abort();
}
