// SPDX-License-Identifier: Apache-2.0
/* A target's memory made by a test: a few stretches, and nothing between them. */
#pragma once

#include "memory/reader.h"

#include <errno.h>
#include <string.h>

#define FAKE_STRETCHES 16

/** Memory with holes. */
struct fake_memory {
	struct ct_memory memory; /**< First: the readers get this. */
	struct {
		uint64_t base;
		uint8_t *data;
		size_t bytes;
		bool is_sparse; /**< Zeros behind `data` as far as anybody reads. */
	} stretches[FAKE_STRETCHES];
	size_t count;
	uint64_t reads;
	/** Called before each read, so that a target can change under the reader. May be NULL. */
	void (*before_read)(struct fake_memory *fake);
};

static inline int fake_read(struct ct_memory *memory, uint64_t address, void *buffer, size_t bytes)
{
	struct fake_memory *fake = (struct fake_memory *)memory;

	fake->reads++;
	if (fake->before_read)
		fake->before_read(fake);
	for (size_t i = 0; i < fake->count; i++) {
		uint64_t offset = address - fake->stretches[i].base, room = fake->stretches[i].bytes;

		if (address < fake->stretches[i].base || (offset >= room && !fake->stretches[i].is_sparse) ||
		    (bytes > room - offset && !fake->stretches[i].is_sparse))
			continue;
		memset(buffer, 0, bytes);
		if (offset < room)
			memcpy(buffer, fake->stretches[i].data + offset, bytes < room - offset ? bytes : room - offset);
		return 0;
	}
	return -EFAULT;
}

static inline void fake_init(struct fake_memory *fake)
{
	*fake = (struct fake_memory){.memory = {.read = fake_read}};
}

/** Add a stretch; the data stay the test's and may change. */
static inline void fake_add(struct fake_memory *fake, uint64_t base, void *data, size_t bytes)
{
	fake->stretches[fake->count].base = base;
	fake->stretches[fake->count].data = data;
	fake->stretches[fake->count++].bytes = bytes;
}

/** Store a word where a field is. */
static inline void fake_put(uint8_t *at, uint64_t value, size_t bytes)
{
	memcpy(at, &value, bytes);
}
