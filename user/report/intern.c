// SPDX-License-Identifier: Apache-2.0
#include "report/intern.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 256

static uint64_t hash_of(const void *thing, size_t length)
{
	const unsigned char *bytes = thing;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

/* The slot that has the thing, or the empty one where it belongs. */
static size_t slot_of(const struct ct_intern *intern, uint64_t hash, const void *thing, size_t length)
{
	size_t at = hash & (intern->room - 1);

	while (intern->slots[at]) {
		const struct ct_interned *item = &intern->items[intern->slots[at] - 1];

		if (item->hash == hash && item->length == length && !memcmp(intern->bytes.data + item->at, thing, length))
			break;
		at = (at + 1) & (intern->room - 1);
	}
	return at;
}

static bool grow(struct ct_intern *intern)
{
	size_t room = intern->room ? 2 * intern->room : FIRST_ROOM;
	uint32_t *slots = calloc(room, sizeof(*slots));
	struct ct_interned *items = slots ? reallocarray(intern->items, room / 2, sizeof(*items)) : NULL;

	if (!items) {
		free(slots);
		return false;
	}
	free(intern->slots);
	intern->slots = slots;
	intern->items = items;
	intern->room = room;
	for (size_t i = 0; i < intern->count; i++) {
		size_t at = items[i].hash & (room - 1);

		while (slots[at])
			at = (at + 1) & (room - 1);
		slots[at] = (uint32_t)i + 1;
	}
	return true;
}

uint32_t ct_intern(struct ct_intern *intern, const void *thing, size_t length)
{
	uint64_t hash = hash_of(thing, length);
	size_t at;

	if (intern->failed || (2 * intern->count >= intern->room && !grow(intern))) {
		intern->failed = true;
		return 0;
	}
	at = slot_of(intern, hash, thing, length);
	if (intern->slots[at])
		return intern->slots[at] - 1;
	intern->items[intern->count] = (struct ct_interned){ hash, intern->bytes.length, length };
	ct_text_append(&intern->bytes, thing, length);
	intern->failed = intern->bytes.failed;
	intern->slots[at] = (uint32_t)++intern->count;
	return (uint32_t)intern->count - 1;
}

const void *ct_interned(const struct ct_intern *intern, size_t number, size_t *ret_length)
{
	*ret_length = intern->items[number].length;
	return intern->bytes.data + intern->items[number].at;
}

void ct_intern_done(struct ct_intern *intern)
{
	ct_text_done(&intern->bytes);
	free(intern->items);
	free(intern->slots);
	*intern = (struct ct_intern){ 0 };
}
