// SPDX-License-Identifier: Apache-2.0
#include "symbol/lines.h"

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

// libdw holds whole sections in the heap; a traced program's debug information must not cost us gigabytes.
#define DEBUG_BYTES_MAX (UINT64_C(512) << 20)

struct ct_lines {
	Elf *elf;
	Dwarf *dwarf;
};

static uint64_t section_bytes(const struct ct_image *image, const struct ct_section *section)
{
	Elf64_Chdr compressed;

	if (!(section->flags & SHF_COMPRESSED))
		return section->bytes;
	if (ct_image_pread(image, section->offset, &compressed, sizeof(compressed)) < 0)
		return UINT64_MAX;
	return compressed.ch_size;
}

static bool has_usable_debug(const struct ct_image *image)
{
	uint64_t total = 0;

	for (size_t i = 0; i < image->section_count; i++) {
		uint64_t bytes;

		if (strncmp(image->sections[i].name, ".debug_", 7) != 0)
			continue;
		bytes = section_bytes(image, &image->sections[i]);
		if (bytes > DEBUG_BYTES_MAX - total)
			return false;
		total += bytes;
	}
	return total && ct_image_section(image, ".debug_info") && ct_image_section(image, ".debug_line");
}

struct ct_lines *ct_lines_new(const struct ct_image *image)
{
	struct ct_lines *lines;

	if (!has_usable_debug(image) || elf_version(EV_CURRENT) == EV_NONE)
		return NULL;
	lines = calloc(1, sizeof(*lines));
	if (!lines)
		return NULL;
	lines->elf = elf_begin(image->fd, ELF_C_READ, NULL); // not the mmap mode: see binary.h
	if (lines->elf)
		lines->dwarf = dwarf_begin_elf(lines->elf, DWARF_C_READ, NULL);
	if (!lines->dwarf) {
		ct_lines_free(lines);
		return NULL;
	}
	return lines;
}

void ct_lines_free(struct ct_lines *lines)
{
	if (!lines)
		return;
	if (lines->dwarf)
		dwarf_end(lines->dwarf);
	if (lines->elf)
		elf_end(lines->elf);
	free(lines);
}

static bool find_unit(struct ct_lines *lines, uint64_t address, Dwarf_Die *ret_unit)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;

	if (dwarf_addrdie(lines->dwarf, address, ret_unit))
		return true;
	// clang writes no .debug_aranges
	while (dwarf_get_units(lines->dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
		if (dwarf_haspc(&die, address) > 0) {
			*ret_unit = die;
			return true;
		}
	}
	return false;
}

static const char *name_of(Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);

	return name ? name : "";
}

static void fill_line(Dwarf_Die *unit, uint64_t address, struct ct_location *location)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, address);
	const char *file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
	int number = 0;

	if (line && dwarf_lineno(line, &number) < 0)
		number = 0;
	location->file = file ? file : "";
	location->line = number > 0 ? (uint32_t)number : 0;
}

// Where an inlined subroutine was called: the line of the location around it.
static void fill_call(Dwarf_Die *unit, Dwarf_Die *inlined, struct ct_location *location)
{
	Dwarf_Word file = 0, line = 0;
	Dwarf_Attribute attribute;
	Dwarf_Files *files;
	const char *name = NULL;

	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &file) == 0 &&
	    dwarf_getsrcfiles(unit, &files, NULL) == 0)
		name = dwarf_filesrc(files, file, NULL, NULL);
	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &line) < 0 || line > UINT32_MAX)
		line = 0;
	location->file = name ? name : "";
	location->line = (uint32_t)line;
}

// The real nesting of the innermost scope. dwarf_getscopes() alone leaves it at an inlined one for the abstract tree.
static int scopes_of(Dwarf_Die *unit, uint64_t address, Dwarf_Die **ret_scopes)
{
	Dwarf_Die *found = NULL;
	int count = dwarf_getscopes(unit, address, &found);

	if (count <= 0)
		return 0;
	count = dwarf_getscopes_die(&found[0], ret_scopes);
	free(found);
	return count > 0 ? count : 0;
}

int ct_lines_locate(struct ct_lines *lines, uint64_t address, struct ct_location *ret, size_t room)
{
	_ct_free_ Dwarf_Die *scopes = NULL;
	struct ct_location next;
	Dwarf_Die unit;
	size_t found = 0;
	int count;

	if (!find_unit(lines, address, &unit))
		return 0;
	fill_line(&unit, address, &next);
	count = scopes_of(&unit, address, &scopes);
	for (int i = 0; i < count && found < room; i++) {
		int tag = dwarf_tag(&scopes[i]);

		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
			continue;
		next.function = name_of(&scopes[i]);
		next.is_inlined = tag == DW_TAG_inlined_subroutine;
		ret[found++] = next;
		if (!next.is_inlined)
			return (int)found;
		fill_call(&unit, &scopes[i], &next);
	}
	return 0; // no function around it: the caller asks the symbol table
}
