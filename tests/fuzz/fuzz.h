// SPDX-License-Identifier: Apache-2.0
/*
 * What the fuzz targets share. A target is one function over bytes, named after its parser; it checks what the parser
 * promises to its callers and calls FUZZ_CHECK() when a promise is broken. Memory errors are the sanitizers' to find.
 *
 * The same object is linked twice: with libFuzzer (preset fuzz), and with replay.c, which plays the committed corpus
 * and mutations of it, the same ones every time (every other preset).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/** The target. @return 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** A promise of the parser; ends the process when it is broken. */
#define FUZZ_CHECK(promise)                                                               \
	do {                                                                              \
		if (!(promise)) {                                                         \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #promise); \
			abort();                                                          \
		}                                                                         \
	} while (0)

/** Room for a path of fuzz_path(). */
#define FUZZ_PATH_BYTES 32

/** The input as a file in memory. @return its descriptor. */
int fuzz_file(const void *data, size_t size);

/** A path under which an open descriptor can be opened again. */
void fuzz_path(int fd, char path[FUZZ_PATH_BYTES]);

/** A copy of the input with a NUL behind it, in a block of exactly that size. To be freed. */
char *fuzz_copy(const void *data, size_t size);

/** Read every byte of a string, so that one that does not end is found here. @return its length. */
size_t fuzz_touch(const char *string);
