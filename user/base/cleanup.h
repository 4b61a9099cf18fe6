// SPDX-License-Identifier: Apache-2.0
/*
 * Scope guards: a local resource is released where its scope ends, on every path.
 *
 * Use them for locals; use `goto out` where the order of release matters.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/** Run `function(&variable)` when the variable's scope ends. */
#define ct_cleanup(function) __attribute__((cleanup(function)))

/** Hand a guarded pointer over: the value is returned and the variable becomes NULL. */
#define ct_move_ptr(pointer)                         \
	({                                           \
		__typeof__(pointer) moved_ = (pointer); \
		(pointer) = NULL;                    \
		moved_;                              \
	})

/** Hand a guarded descriptor over: the value is returned and the variable becomes -1. */
#define ct_move_fd(fd)              \
	({                          \
		int moved_ = (fd);  \
		(fd) = -1;          \
		moved_;             \
	})

static inline void ct_free_guard(void *pointer)
{
	free(*(void **)pointer);
}

static inline void ct_close_guard(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void ct_fclose_guard(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define _ct_free_ ct_cleanup(ct_free_guard)
#define _ct_close_ ct_cleanup(ct_close_guard)
#define _ct_fclose_ ct_cleanup(ct_fclose_guard)
