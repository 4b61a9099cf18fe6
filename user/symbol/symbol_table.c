// SPDX-License-Identifier: Apache-2.0
#include "symbol/symbol_table.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const struct ct_section *table_section(const struct ct_image *image, uint32_t type)
{
	for (size_t i = 0; i < image->section_count; i++)
		if (image->sections[i].type == type)
			return &image->sections[i];
	return NULL;
}

static bool is_function(const Elf64_Sym *symbol)
{
	unsigned int type = ELF64_ST_TYPE(symbol->st_info);

	return type == STT_FUNC || type == STT_GNU_IFUNC;
}

static bool is_wanted(const Elf64_Sym *symbol, uint64_t names_bytes)
{
	unsigned int type = ELF64_ST_TYPE(symbol->st_info);

	if (symbol->st_shndx == SHN_UNDEF || symbol->st_name >= names_bytes || !symbol->st_value ||
	    symbol->st_value + symbol->st_size < symbol->st_value)
		return false;
	// Go writes some of its data symbols without a type.
	return is_function(symbol) || type == STT_OBJECT || type == STT_NOTYPE;
}

static int grow(struct ct_functions *list, size_t extra)
{
	struct ct_function *items = reallocarray(list->items, list->count + extra + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	return 0;
}

static void add(struct ct_functions *list, const char *name, const Elf64_Sym *symbol)
{
	list->items[list->count++] = (struct ct_function){name, symbol->st_value, symbol->st_value + symbol->st_size};
}

int ct_symbols_load(const struct ct_image *image, uint32_t type, struct ct_symbols *ret_symbols)
{
	const struct ct_section *section = table_section(image, type), *strings;
	struct ct_symbols loaded = {.symbols = NULL};
	int r;

	*ret_symbols = loaded;
	if (!section || section->link >= image->section_count)
		return 0;
	strings = &image->sections[section->link];
	if (strings->type != SHT_STRTAB)
		return 0;
	r = ct_image_load(image, section->offset, section->bytes, &loaded.symbols);
	if (r >= 0)
		r = ct_image_load(image, strings->offset, strings->bytes, &loaded.names);
	if (r < 0) {
		ct_symbols_done(&loaded);
		return r == -ENOMEM ? r : 0;
	}
	loaded.count = section->bytes / sizeof(Elf64_Sym);
	loaded.names_bytes = strings->bytes;
	*ret_symbols = loaded;
	return 0;
}

void ct_symbols_done(struct ct_symbols *symbols)
{
	free(symbols->symbols);
	free(symbols->names);
	*symbols = (struct ct_symbols){.symbols = NULL};
}

static int add_symbols(struct ct_symbol_table *table, const struct ct_symbols *from)
{
	size_t functions = 0, data = 0;
	Elf64_Sym symbol;

	for (size_t i = 0; i < from->count; i++) {
		memcpy(&symbol, from->symbols + i * sizeof(symbol), sizeof(symbol));
		if (is_wanted(&symbol, from->names_bytes))
			(*(is_function(&symbol) ? &functions : &data))++;
	}
	if (grow(&table->functions, functions) < 0 || grow(&table->data, data) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < from->count; i++) {
		memcpy(&symbol, from->symbols + i * sizeof(symbol), sizeof(symbol));
		if (is_wanted(&symbol, from->names_bytes))
			add(is_function(&symbol) ? &table->functions : &table->data, from->names + symbol.st_name, &symbol);
	}
	return 0;
}

// A table that cannot be read is as good as none; only memory ends the work. The names stay.
static int read_table(struct ct_symbol_table *table, const struct ct_image *image, uint32_t type, char **names)
{
	struct ct_symbols loaded;
	int r = ct_symbols_load(image, type, &loaded);

	if (r >= 0 && loaded.count)
		r = add_symbols(table, &loaded);
	*names = ct_move_ptr(loaded.names);
	ct_symbols_done(&loaded);
	return r;
}

// .dynsym repeats what .symtab has: the same name at the same address is one function.
static void drop_repeats(struct ct_functions *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct ct_function *item = &list->items[i];

		if (kept && list->items[kept - 1].start == item->start && list->items[kept - 1].end == item->end &&
		    strcmp(list->items[kept - 1].name, item->name) == 0)
			continue;
		list->items[kept++] = *item;
	}
	list->count = kept;
}

int ct_symbol_table_init(struct ct_symbol_table *table, const struct ct_image *image)
{
	struct ct_symbol_table made = {.functions = {.items = NULL}};
	int r = read_table(&made, image, SHT_SYMTAB, &made.names[0]);

	if (r >= 0)
		r = read_table(&made, image, SHT_DYNSYM, &made.names[1]);
	if (r < 0) {
		ct_symbol_table_done(&made);
		return r;
	}
	ct_functions_sort(&made.functions);
	ct_functions_sort(&made.data);
	drop_repeats(&made.functions);
	drop_repeats(&made.data);
	*table = made;
	return 0;
}

void ct_symbol_table_done(struct ct_symbol_table *table)
{
	ct_functions_done(&table->functions);
	ct_functions_done(&table->data);
	free(table->names[0]);
	free(table->names[1]);
	*table = (struct ct_symbol_table){.names = {NULL, NULL}};
}
