// SPDX-License-Identifier: Apache-2.0
/*
 * Page number to index, for what keeps pages of a target. Page numbers may come from whoever wants the table to be slow,
 * so the hash has a seed.
 */
#pragma once

#include <stdint.h>

/** Pages of a recorded image; not those of any machine. */
#define CT_IMAGE_PAGE 4096

/** Zero-initialise; release with ct_page_map_done(). */
struct ct_page_map {
	struct ct_page_slot {
		uint64_t page; /**< Number + 1; 0 free. */
		uint32_t index;
		uint32_t pad;
	} *slots;
	uint64_t seed;
	uint32_t room, count; /**< `room` is a power of two. */
};

/**
 * The index of a page, to be set where it is 0: the page is new then.
 *
 * @return NULL when there is no memory. Valid until the next call.
 */
uint32_t *ct_page_map_at(struct ct_page_map *map, uint64_t page);

/** The index of a page, 0 none. */
uint32_t ct_page_map_find(const struct ct_page_map *map, uint64_t page);

/** Release. */
void ct_page_map_done(struct ct_page_map *map);
