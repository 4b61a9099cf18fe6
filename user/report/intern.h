// SPDX-License-Identifier: Apache-2.0
/* Equal things get one number: strings, and small structs without padding. */
#pragma once

#include "base/text.h"

/** Things numbered from 0. Zero-initialise; `failed` says once at the end that memory ran out. */
struct ct_intern {
	struct ct_text bytes;
	struct ct_interned {
		uint64_t hash;
		size_t at, length;
	} *items;
	uint32_t *slots; /**< Number + 1; 0 empty. */
	size_t count, room; /**< `room` slots, a power of two; half as many items. */
	bool failed;
};

/** @return the number of a thing, new or not; 0 without memory. */
uint32_t ct_intern(struct ct_intern *intern, const void *thing, size_t length);

/** @return a thing by its number, aligned for nothing: copy structs out. Borrowed until the next ct_intern(). */
const void *ct_interned(const struct ct_intern *intern, size_t number, size_t *ret_length);

/** Release them. A zeroed one is fine. */
void ct_intern_done(struct ct_intern *intern);
