// SPDX-License-Identifier: Apache-2.0
#include "go_sample.h"

#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
#define THIS_MACHINE EM_X86_64
#else
#define THIS_MACHINE EM_AARCH64
#endif

#define WRITABLE_AT (CT_SAMPLE_DATA - CT_SAMPLE_BASE)

static uint64_t here(const struct ct_go_sample *sample)
{
	return CT_SAMPLE_BASE + sample->used;
}

static void put(struct ct_go_sample *sample, const void *data, size_t bytes)
{
	memcpy(sample->bytes + sample->used, data, bytes);
	sample->used += bytes;
}

static void put_word(struct ct_go_sample *sample, uint64_t word)
{
	put(sample, &word, sizeof(word));
}

static void put_half(struct ct_go_sample *sample, uint32_t half)
{
	put(sample, &half, sizeof(half));
}

static void set_word(struct ct_go_sample *sample, uint64_t address, uint64_t word)
{
	memcpy(sample->bytes + (address - CT_SAMPLE_BASE), &word, sizeof(word));
}

static void align(struct ct_go_sample *sample, size_t to)
{
	sample->used = (sample->used + to - 1) / to * to;
}

static void put_elf(struct ct_go_sample *sample)
{
	const Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = THIS_MACHINE,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	Elf64_Phdr load = {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_align = 0x1000};

	load.p_vaddr = CT_SAMPLE_BASE;
	load.p_filesz = load.p_memsz = WRITABLE_AT;
	put(sample, &header, sizeof(header));
	put(sample, &load, sizeof(load));
	load.p_flags = PF_R | PF_W;
	load.p_offset = WRITABLE_AT;
	load.p_vaddr = CT_SAMPLE_BASE + WRITABLE_AT;
	load.p_filesz = CT_SAMPLE_BYTES - WRITABLE_AT;
	load.p_memsz = load.p_filesz + 0x1000; // a .bss
	put(sample, &load, sizeof(load));
}

/* Offsets inside pclntab, from the parts they are relative to. */
struct parts {
	uint64_t names, units, files, tables, functions;
	uint32_t outer, middle, small, with_cancel; // names
	uint32_t file_main, file_context, line_outer, line_context, inlined;
};

static uint32_t put_string(struct ct_go_sample *sample, uint64_t part, const char *string)
{
	uint32_t at = (uint32_t)(here(sample) - sample->pclntab - part);

	put(sample, string, strlen(string) + 1);
	return at;
}

// Pairs of value and instruction bytes; all values and deltas here fit one varint byte.
static uint32_t put_values(struct ct_go_sample *sample, uint64_t part, const int (*pairs)[2], size_t count)
{
	uint32_t at = (uint32_t)(here(sample) - sample->pclntab - part);
	int last = -1;

	for (size_t i = 0; i < count; i++) {
		int delta = pairs[i][0] - last;
		uint8_t bytes[2] = {(uint8_t)(delta < 0 ? ~((unsigned int)delta << 1) : (unsigned int)delta << 1),
				    (uint8_t)pairs[i][1]};

		put(sample, bytes, 2);
		last = pairs[i][0];
	}
	put(sample, "", 1);
	return at;
}

static void put_tables(struct ct_go_sample *sample, struct parts *parts)
{
	static const int main_file[][2] = {{0, 0x40}}, context_file[][2] = {{1, 0x40}};
	static const int outer_lines[][2] = {{10, 0x10}, {20, 0x10}, {30, 0x10}, {11, 0x10}};
	static const int context_lines[][2] = {{5, 0x40}};
	static const int inlined[][2] = {{-1, 0x10}, {0, 0x10}, {1, 0x10}, {-1, 0x10}};

	parts->tables = here(sample) - sample->pclntab;
	put(sample, "", 1); // offset 0 means no table
	parts->file_main = put_values(sample, parts->tables, main_file, 1);
	parts->file_context = put_values(sample, parts->tables, context_file, 1);
	parts->line_outer = put_values(sample, parts->tables, outer_lines, 4);
	parts->line_context = put_values(sample, parts->tables, context_lines, 1);
	parts->inlined = put_values(sample, parts->tables, inlined, 4);
}

static void put_names(struct ct_go_sample *sample, struct parts *parts)
{
	uint32_t files[2];

	parts->names = here(sample) - sample->pclntab;
	parts->outer = put_string(sample, parts->names, "main.outer");
	parts->middle = put_string(sample, parts->names, "main.middle");
	parts->small = put_string(sample, parts->names, "main.small");
	parts->with_cancel = put_string(sample, parts->names, "context.WithCancel");
	align(sample, 8);
	parts->units = here(sample) - sample->pclntab;
	put_word(sample, 0);
	parts->files = here(sample) - sample->pclntab;
	files[0] = put_string(sample, parts->files, "main.go");
	files[1] = put_string(sample, parts->files, "context.go");
	memcpy(sample->bytes + (sample->pclntab + parts->units - CT_SAMPLE_BASE), files, sizeof(files));
}

static void put_record(struct ct_go_sample *sample, const struct parts *parts, uint64_t start, bool is_outer)
{
	if (sample->minor < 18)
		put_word(sample, start);
	else
		put_half(sample, (uint32_t)(start - CT_SAMPLE_TEXT));
	put_half(sample, is_outer ? parts->outer : parts->with_cancel);
	put_half(sample, 0);
	put_half(sample, 0);
	put_half(sample, 0);
	put_half(sample, is_outer ? parts->file_main : parts->file_context);
	put_half(sample, is_outer ? parts->line_outer : parts->line_context);
	put_half(sample, 3); // npcdata
	put_half(sample, 0); // unit
	if (sample->minor >= 20)
		put_half(sample, 1);
	put_half(sample, 4u << 24); // nfuncdata
	put_half(sample, 0);
	put_half(sample, 0);
	put_half(sample, is_outer ? parts->inlined : 0);
	if (sample->minor < 18)
		align(sample, 8);
	for (int i = 0; i < 4; i++) {
		bool is_tree = i == 3 && is_outer;

		if (sample->minor < 18)
			put_word(sample, is_tree ? sample->gofunc : 0);
		else
			put_half(sample, is_tree ? 0 : UINT32_MAX);
	}
	align(sample, 8);
}

static void put_functions(struct ct_go_sample *sample, struct parts *parts)
{
	const uint64_t starts[] = {CT_SAMPLE_OUTER, CT_SAMPLE_WITHCANCEL};
	size_t entry_bytes = sample->minor < 18 ? 16 : 8, table;

	align(sample, 32);
	parts->functions = here(sample) - sample->pclntab;
	table = sample->used;
	sample->used += 3 * entry_bytes;
	for (size_t i = 0; i < 2; i++) {
		uint64_t record = here(sample) - sample->pclntab - parts->functions;
		uint64_t long_entry[2] = {starts[i], record};
		uint32_t entry[2] = {(uint32_t)(starts[i] - CT_SAMPLE_TEXT), (uint32_t)record};

		memcpy(sample->bytes + table + i * entry_bytes,
		       entry_bytes == 16 ? (const void *)long_entry : (const void *)entry, entry_bytes);
		put_record(sample, parts, starts[i], i == 0);
	}
	if (entry_bytes == 16)
		set_word(sample, CT_SAMPLE_BASE + table + 2 * entry_bytes, CT_SAMPLE_ETEXT);
	else
		set_word(sample, CT_SAMPLE_BASE + table + 2 * entry_bytes, CT_SAMPLE_ETEXT - CT_SAMPLE_TEXT);
}

static void put_inline_tree(struct ct_go_sample *sample, const struct parts *parts)
{
	const uint32_t calls[2][2] = {{parts->middle, 0x8}, {parts->small, 0x14}};

	sample->used = sample->gofunc - CT_SAMPLE_BASE;
	for (size_t i = 0; i < 2; i++) {
		size_t before = sample->minor < 20 ? 3 : 1;

		for (size_t k = 0; k < before; k++)
			put_half(sample, 0);
		put_half(sample, calls[i][0]);
		put_half(sample, calls[i][1]);
		if (sample->minor >= 20)
			put_half(sample, 0);
	}
}

static void put_pclntab(struct ct_go_sample *sample)
{
	struct parts parts;
	uint32_t magic = sample->minor < 18 ? 0xfffffffa : sample->minor < 20 ? 0xfffffff0 : 0xfffffff1;
	size_t end;

	sample->used = CT_SAMPLE_PCLNTAB - CT_SAMPLE_BASE;
	sample->pclntab = here(sample);
	sample->gofunc = CT_SAMPLE_GOFUNC;
	sample->used += sample->minor < 26 ? 96 : 72;
	put_names(sample, &parts);
	put_tables(sample, &parts);
	put_functions(sample, &parts);
	end = sample->used;
	sample->pclntab_bytes = CT_SAMPLE_BASE + end - sample->pclntab;
	sample->used = sample->pclntab - CT_SAMPLE_BASE;
	put_half(sample, magic);
	put_half(sample, 0x08010000); // minLC 1, pointer size 8
	put_word(sample, 2);
	put_word(sample, 2);
	if (sample->minor >= 18)
		put_word(sample, sample->minor < 26 ? CT_SAMPLE_TEXT : 0);
	put_word(sample, parts.names);
	put_word(sample, parts.units);
	put_word(sample, parts.files);
	put_word(sample, parts.tables);
	put_word(sample, parts.functions);
	put_inline_tree(sample, &parts);
	set_word(sample, CT_SAMPLE_BASE + 0x2ff8, parts.functions); // for put_module
}

static uint64_t put_type(struct ct_go_sample *sample, const char *starred, uint8_t flags, uint8_t kind)
{
	uint64_t name = here(sample), type;
	uint8_t head[2] = {1, (uint8_t)strlen(starred)};

	put(sample, head, 2);
	put(sample, starred, strlen(starred));
	align(sample, 32);
	type = here(sample);
	sample->bytes[sample->used + 20] = flags;
	sample->bytes[sample->used + 23] = kind;
	sample->used += 40;
	put_half(sample, (uint32_t)(name - sample->types));
	align(sample, 8);
	sample->used += 48;
	return type;
}

static void put_types(struct ct_go_sample *sample)
{
	sample->used = 0x2800;
	sample->types = here(sample);
	put_word(sample, 0);
	sample->interface = put_type(sample, "*context.Context", 2, 20);
	sample->type = put_type(sample, "*context.cancelCtx", 0, 22);
	align(sample, 8);
	sample->itab = here(sample);
	put_word(sample, sample->interface);
	put_word(sample, sample->type);
	put_word(sample, 0);
	put_word(sample, CT_SAMPLE_WITHCANCEL);
	sample->etypes = here(sample);
}

static void put_build_info(struct ct_go_sample *sample)
{
	char version[16];
	int length = snprintf(version, sizeof(version), "go1.%u.3", sample->minor);

	sample->used = WRITABLE_AT;
	sample->build_info = here(sample);
	put(sample, "\xff Go buildinf:\x08", 15);
	put(sample, sample->minor < 18 ? "\0" : "\2", 1);
	if (sample->minor < 18) {
		put_word(sample, here(sample) + 16); // string header
		put_word(sample, 0);
		put_word(sample, here(sample) + 16);
		put_word(sample, (uint64_t)length);
	} else {
		uint8_t varint = (uint8_t)length;

		sample->used += 16;
		put(sample, &varint, 1);
	}
	put(sample, version, (size_t)length);
}

static unsigned int types_word(unsigned int minor)
{
	return minor < 20 ? 35 : 37;
}

static void put_moved_words(struct ct_go_sample *sample)
{
	unsigned int minor = sample->minor;
	unsigned int types = types_word(minor), etypes = minor < 27 ? types + 1 : types + 2;
	unsigned int gofunc = minor < 20 ? 38 : minor < 27 ? 40 : 43;
	unsigned int links = minor < 18 ? 43 : minor < 20 ? 45 : minor < 26 ? 47 : 48;

	set_word(sample, sample->module + UINT64_C(8) * types, sample->types);
	set_word(sample, sample->module + UINT64_C(8) * etypes, sample->etypes);
	if (minor >= 18)
		set_word(sample, sample->module + UINT64_C(8) * gofunc, sample->gofunc);
	if (minor >= 27) {
		set_word(sample, sample->module + UINT64_C(8) * 40, sample->itab - sample->types);
		set_word(sample, sample->module + UINT64_C(8) * 41, 32);
		return;
	}
	set_word(sample, sample->itablinks, sample->itab);
	set_word(sample, sample->module + UINT64_C(8) * links, sample->itablinks);
	set_word(sample, sample->module + UINT64_C(8) * links + 8, 1);
}

static void put_module(struct ct_go_sample *sample)
{
	uint64_t functions, names, word[24] = {0};

	memcpy(&functions, sample->bytes + 0x2ff8, sizeof(functions));
	memcpy(&names, sample->bytes + (sample->pclntab - CT_SAMPLE_BASE) + (sample->minor < 18 ? 24 : 32), 8);
	word[0] = sample->pclntab;
	word[1] = sample->pclntab + names;
	word[13] = word[16] = sample->pclntab + functions;
	word[14] = word[15] = sample->pclntab_bytes - functions;
	word[20] = word[22] = CT_SAMPLE_TEXT;
	word[21] = word[23] = CT_SAMPLE_ETEXT;
	sample->used = WRITABLE_AT + 0x100;
	sample->module = here(sample);
	put(sample, word, sizeof(word));
	sample->itablinks = CT_SAMPLE_BASE + WRITABLE_AT + 0x800;
	put_moved_words(sample);
}

void ct_go_sample_build(struct ct_go_sample *sample, unsigned int minor)
{
	memset(sample, 0, sizeof(*sample));
	sample->minor = minor;
	put_elf(sample);
	put_pclntab(sample);
	put_types(sample);
	put_build_info(sample);
	put_module(sample);
	sample->used = CT_SAMPLE_BYTES;
}

int ct_sample_file(const void *bytes, size_t count)
{
	int fd = memfd_create("sample", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, bytes, count) != (ssize_t)count) {
		close(fd);
		return -1;
	}
	return fd;
}
