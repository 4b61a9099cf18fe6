// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "symbol/pclntab.h"

// Inline trees as the compiler makes them are far flatter; a loop in a hostile one ends here.
#define INLINE_DEPTH_MAX 64

static const char *file_name(const struct ct_pclntab *table, const struct ct_pclntab_record *record, int32_t number)
{
	const struct ct_pclntab_header *header = &table->header;
	uint64_t unit = header->units + 4 * ((uint64_t)record->unit + (uint32_t)number);
	uint32_t offset;

	if (number < 0 || unit + 4 > header->files)
		return "";
	memcpy(&offset, table->data + unit, sizeof(offset));
	if (offset >= header->tables - header->files) // UINT32_MAX: the linker dropped this file
		return "";
	return (const char *)table->data + header->files + offset;
}

static void fill_line(const struct ct_pclntab *table, const struct ct_pclntab_record *record, uint64_t address,
		      struct ct_location *location)
{
	int32_t number = ct_pclntab_value(table, record->file_table, record->start, address);
	int32_t line = ct_pclntab_value(table, record->line_table, record->start, address);

	location->file = file_name(table, record, number);
	location->line = line > 0 ? (uint32_t)line : 0;
}

size_t ct_inlined_call_bytes(const struct ct_pclntab *table)
{
	return table->header.magic == UINT32_C(0xfffffff1) ? 16 : 20; // smaller since 1.20
}

size_t ct_inlined_call_name_at(const struct ct_pclntab *table)
{
	return table->header.magic == UINT32_C(0xfffffff1) ? 4 : 12;
}

static bool inlined_at(const struct ct_pclntab *table, const struct ct_inline_trees *trees,
		       const struct ct_pclntab_record *record, uint64_t address, struct ct_inlined_call *ret)
{
	int32_t index = ct_pclntab_value(table, record->inline_table, record->start, address);
	uint64_t entry = record->inline_tree + (uint64_t)(uint32_t)index * ct_inlined_call_bytes(table);
	uint32_t words[2]; // name offset, parent pc

	if (!record->inline_tree || index < 0)
		return false;
	if (trees->read(trees->opaque, entry + ct_inlined_call_name_at(table), words, sizeof(words)) < 0)
		return false;
	ret->name = ct_pclntab_name(table, words[0]);
	ret->parent_pc = words[1];
	return ret->name != NULL;
}

static ptrdiff_t function_index(const struct ct_pclntab *table, uint64_t address)
{
	ptrdiff_t index = ct_functions_last_below(&table->functions, address);

	return index >= 0 && address < table->functions.items[index].end ? index : -1;
}

int ct_pclntab_locate(const struct ct_pclntab *table, const struct ct_inline_trees *trees, uint64_t address,
		      struct ct_location *ret, size_t room)
{
	ptrdiff_t index = function_index(table, address);
	struct ct_pclntab_record record;
	struct ct_inlined_call call;
	size_t count = 0;

	if (index < 0 || !room)
		return 0;
	if (ct_pclntab_record(table, trees, (size_t)index, &record) < 0)
		return -EPROTO;
	for (size_t depth = 0; depth < INLINE_DEPTH_MAX && count + 1 < room; depth++) {
		if (!inlined_at(table, trees, &record, address, &call))
			break;
		fill_line(table, &record, address, &ret[count]);
		ret[count].function = call.name;
		ret[count++].is_inlined = true;
		address = record.start + call.parent_pc;
	}
	fill_line(table, &record, address, &ret[count]);
	ret[count].function = table->functions.items[index].name;
	ret[count++].is_inlined = false;
	return (int)count;
}
