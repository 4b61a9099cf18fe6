// SPDX-License-Identifier: Apache-2.0
/* The input as the only segment of a program: parsers behind the ELF container, reached without one. */
#pragma once

#include "fuzz.h"
#include "symbol/image.h"

/** Bytes at an address, readable and writable, not stripped of anything. Release with raw_image_done(). */
void raw_image_init(struct ct_image *image, uint64_t address, const void *data, size_t size);

/** Release it, and the file behind it. */
void raw_image_done(struct ct_image *image);
