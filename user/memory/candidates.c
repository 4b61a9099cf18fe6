// SPDX-License-Identifier: Apache-2.0
/* The candidates of a reading by their addresses, and what the passes note about them. */
#include "memory/scan.h"

#include <errno.h>
#include <stdlib.h>

static size_t slot_of(const struct ct_scan *scan, uint64_t object)
{
	return (object * scan->census->itabs.hash) >> 32 & (scan->slots_count - 1);
}

/* Every word of every small closure is looked up: a million candidates want one cache miss, not twenty. */
int ct_scan_index(struct ct_scan *scan)
{
	scan->slots_count = 64;
	while (scan->slots_count < scan->count * 2)
		scan->slots_count *= 2;
	scan->slots = calloc(scan->slots_count, sizeof(*scan->slots));
	if (!scan->slots)
		return -ENOMEM;
	for (size_t i = 0; i < scan->count; i++) {
		size_t at = slot_of(scan, scan->candidates[i].object);

		while (scan->slots[at])
			at = (at + 1) & (scan->slots_count - 1);
		scan->slots[at] = (uint32_t)i + 1;
	}
	return 0;
}

static struct ct_candidate *find_object(struct ct_scan *scan, uint64_t object)
{
	if (!scan->count || object < scan->candidates[0].object || object > scan->candidates[scan->count - 1].object)
		return NULL;
	for (size_t at = slot_of(scan, object); scan->slots[at]; at = (at + 1) & (scan->slots_count - 1))
		if (scan->candidates[scan->slots[at] - 1].object == object)
			return &scan->candidates[scan->slots[at] - 1];
	return NULL;
}

static const struct ct_outer *find_outer(const struct ct_scan *scan, uint64_t address)
{
	size_t low = 0, high = scan->outer_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (scan->outers[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < scan->outer_count && scan->outers[low].address == address ? &scan->outers[low] : NULL;
}

struct ct_candidate *ct_scan_find(struct ct_scan *scan, uint64_t address, const struct ct_outer **ret_outer)
{
	struct ct_candidate *candidate = find_object(scan, address);
	const struct ct_outer *outer = candidate ? NULL : find_outer(scan, address);

	if (outer)
		candidate = find_object(scan, outer->inner);
	if (ret_outer)
		*ret_outer = outer;
	return candidate;
}

struct ct_candidate *ct_scan_note(struct ct_scan *scan, uint64_t address, uint16_t flags)
{
	const struct ct_outer *outer = NULL;
	struct ct_candidate *candidate = ct_scan_find(scan, address, &outer);

	if (!candidate)
		return NULL;
	candidate->flags |= flags;
	if (outer && flags & CT_SEEN_PROOF)
		candidate->seen.address = outer->address;
	return candidate;
}
