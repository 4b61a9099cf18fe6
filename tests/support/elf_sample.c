// SPDX-License-Identifier: Apache-2.0
#include "elf_sample.h"

#include <elf.h>
#include <string.h>

#if defined(__x86_64__)
#define THIS_MACHINE EM_X86_64
#define RELATIVE     R_X86_64_RELATIVE
#else
#define THIS_MACHINE EM_AARCH64
#define RELATIVE     R_AARCH64_RELATIVE
#endif

/* Where the parts are. */
enum {
	NOTE_AT = 0x180,
	RELA_AT = 0x300,
	WRITABLE_AT = 0x400,
	DYNAMIC_AT = 0x440,
	SYMBOLS_AT = 0x4c0,
	DYNAMIC_SYMBOLS_AT = 0x520,
	STRINGS_AT = 0x580,
	SECTION_NAMES_AT = 0x5c0,
	SECTIONS_AT = 0x640,
};

static const char strings[] = "\0first_function\0second_function\0data_symbol\0taken_function";
enum { NAME_FIRST = 1, NAME_SECOND = 16, NAME_DATA = 32, NAME_TAKEN = 44 };

static const char section_names[] = "\0.symtab\0.dynsym\0.strtab\0.shstrtab\0.note.gnu.build-id";
enum { NAME_SYMTAB = 1, NAME_DYNSYM = 9, NAME_STRTAB = 17, NAME_SHSTRTAB = 25, NAME_NOTE = 35 };
enum { SECTION_STRTAB = 3, SECTION_SHSTRTAB = 4, SECTIONS = 6 };

static void put_headers(uint8_t *bytes)
{
	const Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = THIS_MACHINE,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(header),
		.e_shoff = SECTIONS_AT,
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 4,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = SECTIONS,
		.e_shstrndx = SECTION_SHSTRTAB,
	};
	const Elf64_Phdr programs[] = {
		{PT_LOAD, PF_R | PF_X, 0, 0, 0, WRITABLE_AT, WRITABLE_AT, 0x1000},
		{PT_LOAD, PF_R | PF_W, WRITABLE_AT, WRITABLE_AT, WRITABLE_AT, 0xc0, 0x100, 0x1000},
		{PT_DYNAMIC, PF_R | PF_W, DYNAMIC_AT, DYNAMIC_AT, DYNAMIC_AT, 0x40, 0x40, 8},
		{PT_NOTE, PF_R, NOTE_AT, NOTE_AT, NOTE_AT, 24, 24, 4},
	};

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), programs, sizeof(programs));
}

static void put_note(uint8_t *bytes)
{
	static const uint8_t id[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
	const Elf64_Nhdr header = {4, sizeof(id), NT_GNU_BUILD_ID};

	memcpy(bytes + NOTE_AT, &header, sizeof(header));
	memcpy(bytes + NOTE_AT + sizeof(header), "GNU", 4);
	memcpy(bytes + NOTE_AT + sizeof(header) + 4, id, sizeof(id));
}

static void put_relocations(uint8_t *bytes)
{
	// Not in the order of their addresses: readers sort.
	const Elf64_Rela relocations[] = {
		{CT_ELF_SAMPLE_DATA + 8, ELF64_R_INFO(0, RELATIVE), CT_ELF_SAMPLE_SECOND},
		{CT_ELF_SAMPLE_DATA, ELF64_R_INFO(0, RELATIVE), CT_ELF_SAMPLE_FIRST},
	};
	const Elf64_Dyn dynamic[] = {
		{DT_RELA, {RELA_AT}},
		{DT_RELASZ, {sizeof(relocations)}},
		{DT_RELAENT, {sizeof(Elf64_Rela)}},
		{DT_NULL, {0}},
	};

	memcpy(bytes + RELA_AT, relocations, sizeof(relocations));
	memcpy(bytes + DYNAMIC_AT, dynamic, sizeof(dynamic));
}

static void put_symbols(uint8_t *bytes)
{
	const Elf64_Sym symbols[] = {
		{.st_name = 0},
		{NAME_FIRST, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, CT_ELF_SAMPLE_FIRST, 16},
		{NAME_SECOND, ELF64_ST_INFO(STB_LOCAL, STT_FUNC), 0, 1, CT_ELF_SAMPLE_SECOND, 32},
		{NAME_DATA, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), 0, 1, CT_ELF_SAMPLE_DATA, 8},
	};

	const Elf64_Sym taken = {NAME_TAKEN, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, SHN_UNDEF, 0, 0};

	memcpy(bytes + SYMBOLS_AT, symbols, sizeof(symbols));
	memcpy(bytes + DYNAMIC_SYMBOLS_AT, symbols, 2 * sizeof(Elf64_Sym));
	memcpy(bytes + DYNAMIC_SYMBOLS_AT + 2 * sizeof(Elf64_Sym), &taken, sizeof(taken));
	memcpy(bytes + STRINGS_AT, strings, sizeof(strings));
	memcpy(bytes + SECTION_NAMES_AT, section_names, sizeof(section_names));
}

static void put_sections(uint8_t *bytes)
{
	const Elf64_Shdr sections[SECTIONS] = {
		{.sh_type = SHT_NULL},
		{NAME_SYMTAB, SHT_SYMTAB, 0, 0, SYMBOLS_AT, 4 * sizeof(Elf64_Sym), SECTION_STRTAB, 3, 8,
		 sizeof(Elf64_Sym)},
		{NAME_DYNSYM, SHT_DYNSYM, 0, 0, DYNAMIC_SYMBOLS_AT, 3 * sizeof(Elf64_Sym), SECTION_STRTAB, 1, 8,
		 sizeof(Elf64_Sym)},
		{NAME_STRTAB, SHT_STRTAB, 0, 0, STRINGS_AT, sizeof(strings), 0, 0, 1, 0},
		{NAME_SHSTRTAB, SHT_STRTAB, 0, 0, SECTION_NAMES_AT, sizeof(section_names), 0, 0, 1, 0},
		{NAME_NOTE, SHT_NOTE, SHF_ALLOC, NOTE_AT, NOTE_AT, 24, 0, 0, 4, 0},
	};

	_Static_assert(SECTIONS_AT + sizeof(sections) <= CT_ELF_SAMPLE_BYTES, "the sections are in the file");
	memcpy(bytes + SECTIONS_AT, sections, sizeof(sections));
}

void ct_elf_sample_build(uint8_t bytes[CT_ELF_SAMPLE_BYTES])
{
	memset(bytes, 0, CT_ELF_SAMPLE_BYTES);
	put_headers(bytes);
	put_note(bytes);
	put_relocations(bytes);
	put_symbols(bytes);
	put_sections(bytes);
}
