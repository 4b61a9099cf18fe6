// SPDX-License-Identifier: Apache-2.0
/*
 * Which functions have a given function inlined into them? The trees do not tell their length; the largest index
 * that any instruction uses does. All trees of a program lie together behind moduledata.gofunc, so they are read
 * through one window that moves, not with a system call each.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbol/pclntab.h"

#define WINDOW_BYTES (UINT64_C(1) << 18)

// Calls inlined into one function; the compiler's budget ends far below.
#define TREE_ENTRIES_MAX (1 << 16)

// Steps of a whole walk for each byte of the table: 0.05 in the Go toolchain's own programs. In a hostile one every
// function may name the same long table, and the square of its size would take for ever.
#define STEPS_PER_BYTE 4

/* A walk over all trees. */
struct walk {
	const struct ct_pclntab *table;
	const struct ct_inline_trees *trees;
	uint32_t name;	 /**< Offset looked for in the name table. */
	uint8_t *window; /**< WINDOW_BYTES. */
	uint64_t address, bytes;
	uint64_t budget; /**< Steps left. */
};

// The name table has each name once (the linker keys it by the string).
static bool find_name(const struct ct_pclntab *table, const char *name, uint32_t *ret_offset)
{
	const struct ct_pclntab_header *header = &table->header;
	const uint8_t *names = table->data + header->names, *at = names;
	const uint8_t *end = table->data + header->units;
	size_t length = strlen(name) + 1;

	while (length > 1 && (at = memmem(at, (size_t)(end - at), name, length))) {
		if (at == names || at[-1] == '\0') {
			*ret_offset = (uint32_t)(at - names);
			return true;
		}
		at++;
	}
	return false;
}

static bool move_window(struct walk *walk, uint64_t address, uint64_t bytes)
{
	for (uint64_t size = WINDOW_BYTES; size >= bytes; size /= 2) { // shorter near the end of the segment
		if (walk->trees->read(walk->trees->opaque, address, walk->window, size) == 0) {
			walk->address = address;
			walk->bytes = size;
			return true;
		}
	}
	return walk->trees->read(walk->trees->opaque, address, walk->window, bytes) == 0 &&
	       (walk->address = address, walk->bytes = bytes, true);
}

static bool read_entry(struct walk *walk, uint64_t address, uint32_t *ret_name)
{
	uint64_t bytes = sizeof(*ret_name);

	if (address < walk->address || address - walk->address > walk->bytes ||
	    walk->bytes - (address - walk->address) < bytes)
		if (!move_window(walk, address, bytes))
			return false;
	memcpy(ret_name, walk->window + (address - walk->address), bytes);
	return true;
}

static bool has_inlined(struct walk *walk, size_t index)
{
	size_t entry_bytes = ct_inlined_call_bytes(walk->table);
	struct ct_pclntab_record record;
	int32_t last;

	if (ct_pclntab_record(walk->table, walk->trees, index, &record) < 0 || !record.inline_tree)
		return false;
	last = ct_pclntab_value_max(walk->table, record.inline_table, &walk->budget);
	if (last >= TREE_ENTRIES_MAX)
		last = TREE_ENTRIES_MAX - 1;
	for (int32_t i = 0; i <= last && walk->budget; i++, walk->budget--) {
		uint64_t at = record.inline_tree + (uint64_t)i * entry_bytes + ct_inlined_call_name_at(walk->table);
		uint32_t name;

		if (!read_entry(walk, at, &name))
			return false;
		if (name == walk->name)
			return true;
	}
	return false;
}

int ct_pclntab_each_inlined(const struct ct_pclntab *table, const struct ct_inline_trees *trees, const char *name,
			    ct_inline_visitor visit, void *opaque)
{
	_ct_free_ uint8_t *window = malloc(WINDOW_BYTES);
	struct walk walk = {table, trees, 0, window, 0, 0, STEPS_PER_BYTE * table->bytes};

	if (!window)
		return -ENOMEM;
	if (!find_name(table, name, &walk.name))
		return 0;
	for (size_t i = 0; i < table->functions.count; i++) {
		int r = has_inlined(&walk, i) ? visit(opaque, &table->functions.items[i]) : 0;

		if (r)
			return r;
		if (!walk.budget)
			return -E2BIG;
	}
	return 0;
}
