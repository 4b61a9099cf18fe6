// SPDX-License-Identifier: Apache-2.0
/* What a file takes from others: the undefined symbols of its dynamic symbol table. */
#include <elf.h>
#include <string.h>

#include "symbol/binary_private.h"

static bool has_undefined(const struct ct_symbols *table, const char *name)
{
	Elf64_Sym symbol;

	for (size_t i = 0; i < table->count; i++) {
		memcpy(&symbol, table->symbols + i * sizeof(symbol), sizeof(symbol));
		if (symbol.st_shndx == SHN_UNDEF && symbol.st_name < table->names_bytes &&
		    !strcmp(table->names + symbol.st_name, name))
			return true;
	}
	return false;
}

int ct_binary_imports(struct ct_binary *binary, const char *name)
{
	struct ct_symbols table;
	int r = ct_symbols_load(&binary->image, SHT_DYNSYM, &table);

	if (!r)
		r = has_undefined(&table, name);
	ct_symbols_done(&table);
	return r;
}
