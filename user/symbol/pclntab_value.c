// SPDX-License-Identifier: Apache-2.0
/*
 * Pc-value tables: pairs of (zigzag value delta, pc delta) as varints, ended by a zero value delta that is not the
 * first. A value holds from the pc before the pair to the pc after it. Source: runtime/symtab.go, step().
 */
#include "symbol/pclntab.h"

/* A table while it is read. */
struct cursor {
	const struct ct_pclntab *table;
	uint64_t at;
	int32_t value;
	uint64_t pc;
	bool is_first;
};

static bool begin(struct cursor *cursor, const struct ct_pclntab *table, uint32_t offset, uint64_t start)
{
	*cursor = (struct cursor){table, table->header.tables + offset, -1, start, true};
	return offset && cursor->at < table->bytes;
}

static bool step(struct cursor *cursor)
{
	const struct ct_pclntab *table = cursor->table;
	uint64_t value, pc;

	if (!ct_varint(table->data, table->bytes, &cursor->at, &value) || (!value && !cursor->is_first) ||
	    !ct_varint(table->data, table->bytes, &cursor->at, &pc))
		return false;
	cursor->is_first = false;
	// 32-bit wrap-around as in the runtime, done unsigned.
	cursor->value = (int32_t)((uint32_t)cursor->value +
				  (uint32_t)(value & 1 ? ~(uint32_t)(value >> 1) : (uint32_t)(value >> 1)));
	cursor->pc += (uint32_t)pc * (uint64_t)table->header.min_instruction;
	return true;
}

int32_t ct_pclntab_value(const struct ct_pclntab *table, uint32_t offset, uint64_t start, uint64_t address)
{
	struct cursor cursor;

	if (!begin(&cursor, table, offset, start))
		return -1;
	while (step(&cursor))
		if (address < cursor.pc)
			return cursor.value;
	return -1;
}

int32_t ct_pclntab_value_max(const struct ct_pclntab *table, uint32_t offset, uint64_t *budget)
{
	int32_t max = -1;
	struct cursor cursor;

	if (!begin(&cursor, table, offset, 0))
		return -1;
	for (; *budget && step(&cursor); --*budget)
		if (cursor.value > max)
			max = cursor.value;
	return max;
}
