// SPDX-License-Identifier: Apache-2.0
/*
 * Lines of C programs from DWARF in the file itself, through libdw, inlined functions expanded. Debug information in
 * separate files is not looked for.
 */
#pragma once

#include "symbol/binary.h"
#include "symbol/image.h"

/** Open debug information. */
struct ct_lines;

/** Open it. @return NULL when the file has none, or it is too large, or memory is out. */
struct ct_lines *ct_lines_new(const struct ct_image *image);

/** Free it. NULL is fine. */
void ct_lines_free(struct ct_lines *lines);

/** As ct_binary_locate(). */
int ct_lines_locate(struct ct_lines *lines, uint64_t address, struct ct_location *ret, size_t room);
