// SPDX-License-Identifier: Apache-2.0
/* A text event stream played into a tree. */
#pragma once

#include "ctxtrace/error.h"
#include "ctxtrace/tree.h"

/**
 * Decode every line, validate it as bytes from the kernel are validated, and apply it.
 *
 * @param text  NUL-terminated stream.
 * @return 0; negative errno with the line in `reterr`.
 */
int golden_stream_apply(const char *text, size_t length, struct ct_tree *tree, struct ct_error *reterr);
