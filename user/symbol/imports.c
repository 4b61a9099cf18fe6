// SPDX-License-Identifier: Apache-2.0
/* What a file takes from others: the undefined symbols of its dynamic symbol table. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbol/binary_private.h"

static bool has_undefined(const char *symbols, uint64_t bytes, const char *names, uint64_t names_bytes, const char *name)
{
	Elf64_Sym symbol;

	for (uint64_t at = 0; at + sizeof(symbol) <= bytes; at += sizeof(symbol)) {
		memcpy(&symbol, symbols + at, sizeof(symbol));
		if (symbol.st_shndx == SHN_UNDEF && symbol.st_name < names_bytes && !strcmp(names + symbol.st_name, name))
			return true;
	}
	return false;
}

int ct_binary_imports(struct ct_binary *binary, const char *name)
{
	const struct ct_image *image = &binary->image;
	const struct ct_section *section = NULL, *strings;
	_ct_free_ char *symbols = NULL, *names = NULL;
	int r;

	for (size_t i = 0; i < image->section_count && !section; i++)
		if (image->sections[i].type == SHT_DYNSYM)
			section = &image->sections[i];
	if (!section || section->link >= image->section_count)
		return 0;
	strings = &image->sections[section->link];
	if (strings->type != SHT_STRTAB)
		return 0;
	r = ct_image_load(image, section->offset, section->bytes, &symbols);
	if (r >= 0)
		r = ct_image_load(image, strings->offset, strings->bytes, &names);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return has_undefined(symbols, section->bytes, names, strings->bytes, name);
}
