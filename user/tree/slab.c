// SPDX-License-Identifier: Apache-2.0
#include "tree/slab.h"

#include <errno.h>
#include <string.h>

void ct_slab_init(struct ct_slab *slab, const struct ct_allocator *allocator, size_t item_bytes, size_t link_offset,
		  uint32_t chunk_items)
{
	*slab = (struct ct_slab){
		.allocator = allocator,
		.item_bytes = item_bytes,
		.link_offset = link_offset,
		.chunk_items = chunk_items,
		.free_head = CT_SLAB_NONE,
	};
}

void ct_slab_done(struct ct_slab *slab)
{
	for (uint32_t i = 0; i < slab->chunks_count; i++)
		ct_release(slab->allocator, slab->chunks[i]);
	ct_release(slab->allocator, slab->chunks);
	ct_release(slab->allocator, slab->by_address);
	ct_slab_init(slab, slab->allocator, slab->item_bytes, slab->link_offset, slab->chunk_items);
}

/* Room for one more chunk pointer. Half a success is fine: what was enlarged is used by the next try. */
static int grow_directory(struct ct_slab *slab)
{
	uint32_t capacity = slab->chunks_capacity ? slab->chunks_capacity * 2 : 8;
	void *grown;

	if (slab->chunks_count < slab->chunks_capacity)
		return 0;
	grown = ct_resize(slab->allocator, slab->chunks, capacity * sizeof(*slab->chunks));
	if (!grown)
		return -ENOMEM;
	slab->chunks = grown;
	grown = ct_resize(slab->allocator, slab->by_address, capacity * sizeof(*slab->by_address));
	if (!grown)
		return -ENOMEM;
	slab->by_address = grown;
	slab->chunks_capacity = capacity;
	return 0;
}

/* First position in `by_address` whose chunk lies above `address`. */
static uint32_t position_above(const struct ct_slab *slab, uintptr_t address)
{
	uint32_t low = 0, high = slab->chunks_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if ((uintptr_t)slab->chunks[slab->by_address[middle]] <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int add_chunk(struct ct_slab *slab)
{
	uint32_t at;
	char *chunk;

	if (grow_directory(slab))
		return -ENOMEM;
	chunk = ct_resize(slab->allocator, NULL, slab->chunk_items * slab->item_bytes);
	if (!chunk)
		return -ENOMEM;
	at = position_above(slab, (uintptr_t)chunk);
	memmove(&slab->by_address[at + 1], &slab->by_address[at],
		(slab->chunks_count - at) * sizeof(*slab->by_address));
	slab->by_address[at] = slab->chunks_count;
	slab->chunks[slab->chunks_count++] = chunk;
	return 0;
}

int ct_slab_reserve(struct ct_slab *slab, uint32_t items)
{
	while (slab->chunks_count * slab->chunk_items - slab->used < items) {
		int rc = add_chunk(slab);

		if (rc)
			return rc;
	}
	return 0;
}

uint32_t ct_slab_take(struct ct_slab *slab)
{
	uint32_t index = slab->free_head;
	char *item;

	if (index == CT_SLAB_NONE)
		index = slab->end++;
	item = ct_slab_at(slab, index);
	if (index == slab->free_head)
		memcpy(&slab->free_head, item + slab->link_offset, sizeof(slab->free_head));
	slab->used++;
	memset(item, 0, slab->item_bytes);
	return index;
}

void ct_slab_give(struct ct_slab *slab, uint32_t index)
{
	char *item = ct_slab_at(slab, index);

	memcpy(item + slab->link_offset, &slab->free_head, sizeof(slab->free_head));
	slab->free_head = index;
	slab->used--;
}

uint32_t ct_slab_index(const struct ct_slab *slab, const void *item)
{
	uint32_t above = position_above(slab, (uintptr_t)item), chunk;
	size_t offset;

	if (!above)
		return CT_SLAB_NONE;
	chunk = slab->by_address[above - 1];
	offset = (size_t)((const char *)item - slab->chunks[chunk]);
	if (offset >= slab->chunk_items * slab->item_bytes || offset % slab->item_bytes)
		return CT_SLAB_NONE;
	return chunk * slab->chunk_items + (uint32_t)(offset / slab->item_bytes);
}
