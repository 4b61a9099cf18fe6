// SPDX-License-Identifier: Apache-2.0
#include "ctxtrace/allocator.h"

#include <stdlib.h>
#include <string.h>

static void *libc_resize(void *opaque, void *pointer, size_t bytes)
{
	(void)opaque;
	if (bytes)
		return realloc(pointer, bytes);
	free(pointer);
	return NULL;
}

const struct ct_allocator ct_allocator_libc = { .resize = libc_resize };

void *ct_allocate(const struct ct_allocator *allocator, size_t bytes)
{
	void *block = allocator->resize(allocator->opaque, NULL, bytes ? bytes : 1);

	return block ? memset(block, 0, bytes) : NULL;
}

void *ct_resize(const struct ct_allocator *allocator, void *pointer, size_t bytes)
{
	return allocator->resize(allocator->opaque, pointer, bytes ? bytes : 1);
}

void ct_release(const struct ct_allocator *allocator, void *pointer)
{
	if (pointer)
		allocator->resize(allocator->opaque, pointer, 0);
}
