// SPDX-License-Identifier: Apache-2.0
#include "symbol/pclntab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC_117 UINT32_C(0xfffffffa)
#define MAGIC_118 UINT32_C(0xfffffff0)
#define MAGIC_120 UINT32_C(0xfffffff1)

// A program of this many functions would be some 10 GB of code.
#define FUNCTIONS_MAX (UINT64_C(1) << 26)

// A function record without its pcdata and funcdata is no shorter in any release (1.18, 1.19; see ct_pclntab_record, which
// checks what it reads beyond that); the last one of a program, crosscall2 with cgo, may have nothing behind it.
#define RECORD_BYTES 40

static uint64_t load_word(const uint8_t *data, uint64_t at)
{
	uint64_t word;

	memcpy(&word, data + at, sizeof(word));
	return word;
}

static uint32_t load_half(const uint8_t *data, uint64_t at)
{
	uint32_t half;

	memcpy(&half, data + at, sizeof(half));
	return half;
}

static bool is_117(const struct ct_pclntab *table)
{
	return table->header.magic == MAGIC_117;
}

bool ct_varint(const uint8_t *data, uint64_t bytes, uint64_t *at, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64 && *at < bytes; shift += 7) {
		uint8_t byte = data[(*at)++];

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret_value = value;
			return true;
		}
	}
	return false;
}

int ct_pclntab_parse_header(const void *data, size_t bytes, struct ct_pclntab_header *ret_header)
{
	struct ct_pclntab_header header = {.magic = 0};
	const uint8_t *at = data;
	const uint64_t *const fields[] = {&header.names, &header.units, &header.files, &header.tables,
					  &header.functions};
	uint64_t from;

	if (bytes < CT_PCLNTAB_HEADER_BYTES)
		return -EPROTO;
	header.magic = load_half(at, 0);
	if (header.magic != MAGIC_117 && header.magic != MAGIC_118 && header.magic != MAGIC_120)
		return -EPROTO;
	header.min_instruction = at[6];
	if (at[4] || at[5] || at[7] != 8 || (at[6] != 1 && at[6] != 4))
		return -EPROTO;
	header.function_count = load_word(at, 8);
	header.file_count = load_word(at, 16);
	from = header.magic == MAGIC_117 ? 24 : 32;
	header.names = load_word(at, from);
	header.units = load_word(at, from + 8);
	header.files = load_word(at, from + 16);
	header.tables = load_word(at, from + 24);
	header.functions = load_word(at, from + 32);
	for (size_t i = 1; i < sizeof(fields) / sizeof(*fields); i++)
		if (*fields[i] < *fields[i - 1] || *fields[i] > UINT64_MAX / 4)
			return -EPROTO;
	if (!header.function_count || header.function_count > FUNCTIONS_MAX)
		return -EPROTO;
	*ret_header = header;
	return 0;
}

const char *ct_pclntab_name(const struct ct_pclntab *table, uint32_t offset)
{
	uint64_t at = table->header.names + offset;

	return at < table->header.units ? (const char *)table->data + at : NULL;
}

static size_t entry_bytes(const struct ct_pclntab *table)
{
	return is_117(table) ? 16 : 8;
}

// Start of function `index`; one past the last gives the end of the text.
static uint64_t entry_start(const struct ct_pclntab *table, size_t index)
{
	uint64_t at = table->header.functions + index * entry_bytes(table);

	return is_117(table) ? load_word(table->data, at) : table->text + load_half(table->data, at);
}

static int take_function(struct ct_pclntab *table, size_t index)
{
	uint64_t at = table->header.functions + index * entry_bytes(table);
	uint64_t record = is_117(table) ? load_word(table->data, at + 8) : load_half(table->data, at + 4);
	uint64_t name_at = is_117(table) ? 8 : 4; // after the entry pc
	struct ct_function *function = &table->functions.items[index];

	if (record > table->bytes || table->header.functions + record + RECORD_BYTES > table->bytes)
		return -EPROTO;
	record += table->header.functions;
	function->start = entry_start(table, index);
	function->end = entry_start(table, index + 1);
	function->name = ct_pclntab_name(table, load_half(table->data, record + name_at));
	if (!function->name || function->end < function->start || record > UINT32_MAX)
		return -EPROTO;
	table->records[index] = (uint32_t)record;
	return 0;
}

static int take_functions(struct ct_pclntab *table)
{
	size_t count = table->header.function_count;

	table->functions.items = calloc(count, sizeof(*table->functions.items));
	table->records = calloc(count, sizeof(*table->records));
	if (!table->functions.items || !table->records)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		int r = take_function(table, i);

		if (r < 0)
			return r;
	}
	table->functions.count = count;
	return 0;
}

int ct_pclntab_init(struct ct_pclntab *table, const void *data, uint64_t bytes, uint64_t text)
{
	struct ct_pclntab made = {.data = data, .bytes = bytes, .text = text};
	int r = ct_pclntab_parse_header(data, bytes, &made.header);

	if (r < 0)
		return r;
	// One entry more than functions: the end of the last one (records follow, so the whole entry is there).
	if (made.header.functions > bytes ||
	    made.header.function_count + 1 > (bytes - made.header.functions) / entry_bytes(&made))
		return -EPROTO;
	r = take_functions(&made);
	if (r < 0) {
		ct_pclntab_done(&made);
		return r;
	}
	*table = made;
	return 0;
}

void ct_pclntab_done(struct ct_pclntab *table)
{
	ct_functions_done(&table->functions);
	free(table->records);
	*table = (struct ct_pclntab){.data = NULL};
}

// FUNCDATA: up to 1.17 an aligned pointer; since 1.18 an offset from moduledata.gofunc, all ones for none.
static uint64_t inline_tree(const struct ct_pclntab *table, const struct ct_inline_trees *trees, uint64_t at)
{
	uint32_t offset;

	if (is_117(table)) {
		at = (at + 7) & ~UINT64_C(7);
		return at + 32 <= table->bytes ? load_word(table->data, at + UINT64_C(8) * 3) : 0;
	}
	if (at + 16 > table->bytes)
		return 0;
	offset = load_half(table->data, at + UINT64_C(4) * 3);
	return offset == UINT32_MAX || !trees->base ? 0 : trees->base + offset;
}

int ct_pclntab_record(const struct ct_pclntab *table, const struct ct_inline_trees *trees, size_t index,
		      struct ct_pclntab_record *ret)
{
	// _func: entry (8 bytes in 1.17), nameoff, args, deferreturn, pcsp, pcfile, pcln, npcdata, cuOffset,
	// (1.20+: startLine), {funcID, flag, pad, nfuncdata}, pcdata[], funcdata[]
	uint64_t at = table->records[index], shift = is_117(table) ? 4 : 0;
	uint64_t tail = at + shift + (table->header.magic == MAGIC_120 ? 40 : 36);
	uint64_t pcdata = tail + 4;
	uint32_t pcdata_count = load_half(table->data, at + shift + 28);
	struct ct_pclntab_record record = {
		.start = table->functions.items[index].start,
		.file_table = load_half(table->data, at + shift + 20),
		.line_table = load_half(table->data, at + shift + 24),
		.unit = load_half(table->data, at + shift + 32),
	};

	if (pcdata > table->bytes || pcdata_count > (table->bytes - pcdata) / 4)
		return -EPROTO;
	if (trees && pcdata_count > 2 && table->data[tail + 3] > 3) {
		record.inline_table = load_half(table->data, pcdata + UINT64_C(4) * 2);
		record.inline_tree = inline_tree(table, trees, pcdata + UINT64_C(4) * pcdata_count);
	}
	*ret = record;
	return 0;
}
