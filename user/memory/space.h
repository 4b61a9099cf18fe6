// SPDX-License-Identifier: Apache-2.0
/* The address space of a process: /proc/PID/maps, every mapping, without names. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One mapping. */
struct ct_area {
	uint64_t start, end;
	bool is_readable, is_writable, is_executable, is_shared;
};

/** All of them, in the order of addresses. Zero-initialise. */
struct ct_space {
	struct ct_area *areas;
	size_t count, room;
};

/** Read them anew. @return 0; -EOVERFLOW more than a million; -ESRCH; -ENOMEM; negative errno. */
int ct_space_read(struct ct_space *space, int pid);

/** Release. */
void ct_space_done(struct ct_space *space);
