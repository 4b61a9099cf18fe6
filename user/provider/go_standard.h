// SPDX-License-Identifier: Apache-2.0
/* Which functions of a Go program belong to the standard library. */
#pragma once

#include "symbol/binary.h"

/**
 * Where the standard library's sources were when the program was built: "/usr/local/go/src/".
 *
 * @param ret_root  Becomes "" when unknown, as in programs built with -trimpath.
 */
void ct_go_find_root(struct ct_binary *binary, char *ret_root, size_t room);

/** Is it the standard library's? By its file, where the root is known; else by the first element of its import path. */
bool ct_go_is_standard(const char *root, const char *function, const char *file);
