// SPDX-License-Identifier: Apache-2.0
#include "symbol/image.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#if defined(__x86_64__)
#define THIS_MACHINE EM_X86_64
#define THIS_MACHINE_NAME "x86-64"
#elif defined(__aarch64__)
#define THIS_MACHINE EM_AARCH64
#define THIS_MACHINE_NAME "arm64"
#else
#error "ctxtrace knows x86-64 and arm64"
#endif

// A file with more sections than this is no program; e_shnum itself allows 65279.
#define SECTIONS_MAX 65279

int ct_image_pread(const struct ct_image *image, uint64_t offset, void *buffer, size_t bytes)
{
	char *out = buffer;

	if (offset > image->file_bytes || bytes > image->file_bytes - offset)
		return -EIO;
	while (bytes) {
		ssize_t got = pread(image->fd, out, bytes, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -EIO;
		out += got;
		offset += (uint64_t)got;
		bytes -= (size_t)got;
	}
	return 0;
}

int ct_image_load(const struct ct_image *image, uint64_t offset, uint64_t bytes, char **ret_data)
{
	_ct_free_ char *data = NULL;
	int r;

	if (bytes > CT_IMAGE_TABLE_MAX)
		return -EFBIG;
	if (offset > image->file_bytes || bytes > image->file_bytes - offset)
		return -EIO;
	data = malloc(bytes + 1);
	if (!data)
		return -ENOMEM;
	r = ct_image_pread(image, offset, data, bytes);
	if (r < 0)
		return r;
	data[bytes] = '\0';
	*ret_data = ct_move_ptr(data);
	return 0;
}

static int add_segment(struct ct_image *image, const Elf64_Phdr *header)
{
	struct ct_segment *segment = &image->segments[image->segment_count];

	if (image->segment_count == CT_IMAGE_SEGMENTS_MAX)
		return -ENOEXEC;
	if (header->p_offset > image->file_bytes || header->p_filesz > image->file_bytes - header->p_offset)
		return -ENOEXEC;
	if (header->p_filesz > header->p_memsz || header->p_vaddr + header->p_memsz < header->p_vaddr)
		return -ENOEXEC;
	segment->address = header->p_vaddr;
	segment->memory_bytes = header->p_memsz;
	segment->offset = header->p_offset;
	segment->file_bytes = header->p_filesz;
	segment->flags = header->p_flags;
	image->segment_count++;
	return 0;
}

static int take_program_header(struct ct_image *image, const Elf64_Phdr *header)
{
	switch (header->p_type) {
	case PT_LOAD:
		return add_segment(image, header);
	case PT_INTERP:
		image->has_interpreter = true;
		return 0;
	case PT_DYNAMIC:
		image->dynamic_address = header->p_vaddr;
		image->dynamic_bytes = header->p_filesz;
		return 0;
	case PT_NOTE:
		if (image->note_bytes)
			return 0;
		image->note_offset = header->p_offset;
		image->note_bytes = header->p_filesz;
		return 0;
	default:
		return 0;
	}
}

static int read_segments(struct ct_image *image, const Elf64_Ehdr *header)
{
	_ct_free_ char *table = NULL;
	int r;

	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return -ENOEXEC;
	r = ct_image_load(image, header->e_phoff, (uint64_t)header->e_phnum * sizeof(Elf64_Phdr), &table);
	if (r < 0)
		return r == -EIO ? -ENOEXEC : r;
	for (size_t i = 0; i < header->e_phnum; i++) {
		Elf64_Phdr program;

		memcpy(&program, table + i * sizeof(program), sizeof(program));
		r = take_program_header(image, &program);
		if (r < 0)
			return r;
	}
	return image->segment_count ? 0 : -ENOEXEC;
}

static void take_section(struct ct_image *image, struct ct_section *section, const Elf64_Shdr *header,
			 uint64_t names_bytes)
{
	bool is_inside = header->sh_type == SHT_NOBITS || (header->sh_offset <= image->file_bytes &&
							   header->sh_size <= image->file_bytes - header->sh_offset);

	section->name = header->sh_name < names_bytes ? image->section_names + header->sh_name : "";
	if (!is_inside)
		return; // stays SHT_NULL, which nobody looks for
	section->address = header->sh_addr;
	section->offset = header->sh_offset;
	section->bytes = header->sh_size;
	section->flags = header->sh_flags;
	section->type = header->sh_type;
	section->link = header->sh_link;
}

// A program runs without section headers, so a missing or broken table is no error: it is as if stripped.
static int read_sections(struct ct_image *image, const Elf64_Ehdr *header)
{
	_ct_free_ char *table = NULL;
	size_t count = header->e_shnum;
	Elf64_Shdr section;
	int r;

	if (!count || count > SECTIONS_MAX || header->e_shentsize != sizeof(section) || header->e_shstrndx >= count)
		return 0;
	r = ct_image_load(image, header->e_shoff, (uint64_t)count * sizeof(section), &table);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	memcpy(&section, table + header->e_shstrndx * sizeof(section), sizeof(section));
	r = ct_image_load(image, section.sh_offset, section.sh_size, &image->section_names);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	image->sections = calloc(count, sizeof(*image->sections));
	if (!image->sections)
		return -ENOMEM;
	image->section_count = count;
	for (size_t i = 0, names = section.sh_size; i < count; i++) {
		memcpy(&section, table + i * sizeof(section), sizeof(section));
		take_section(image, &image->sections[i], &section, names);
	}
	return 0;
}

static int refuse_machine(const char *what, const char *name, struct ct_error *reterr)
{
	ct_error_set(reterr, -ENOEXEC, "%s: %s", name, what);
	ct_error_hint(reterr, "only 64-bit " THIS_MACHINE_NAME " programs are watched");
	return -ENOEXEC;
}

static int check_header(const Elf64_Ehdr *header, const char *name, struct ct_error *reterr)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return ct_error_set(reterr, -ENOEXEC, "%s: not an ELF file", name);
	if (header->e_ident[EI_CLASS] == ELFCLASS32)
		return refuse_machine("a 32-bit program", name, reterr);
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    header->e_machine != THIS_MACHINE)
		return refuse_machine("an ELF file of another machine", name, reterr);
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return ct_error_set(reterr, -ENOEXEC, "%s: an ELF file, but neither a program nor a shared object",
				    name);
	return 0;
}

static int read_tables(struct ct_image *image, const Elf64_Ehdr *header)
{
	int r = read_segments(image, header);

	if (r >= 0)
		r = read_sections(image, header);
	if (r >= 0)
		r = ct_image_load_relocations(image);
	if (r >= 0)
		ct_image_find_build_id(image);
	return r;
}

int ct_image_init(struct ct_image *image, int fd, const char *name, struct ct_error *reterr)
{
	Elf64_Ehdr header;
	struct stat status;
	int r;

	if (fstat(fd, &status) < 0) {
		r = -errno;
		return ct_error_set(reterr, r, "%s: cannot read: %s", name, strerror(-r));
	}
	*image = (struct ct_image){.fd = fd, .file_bytes = status.st_size > 0 ? (uint64_t)status.st_size : 0};
	if (ct_image_pread(image, 0, &header, sizeof(header)) < 0)
		return ct_error_set(reterr, -ENOEXEC, "%s: not an ELF file (too short or unreadable)", name);
	r = check_header(&header, name, reterr);
	if (r < 0)
		return r;
	image->is_relocatable = header.e_type == ET_DYN;
	r = read_tables(image, &header);
	if (r < 0) {
		ct_image_done(image);
		return ct_error_set(reterr, r, "%s: malformed ELF file: %s", name, strerror(-r));
	}
	return 0;
}

void ct_image_done(struct ct_image *image)
{
	free(image->sections);
	free(image->section_names);
	free(image->relocations);
	*image = (struct ct_image){.fd = -1};
}

const struct ct_section *ct_image_section(const struct ct_image *image, const char *name)
{
	for (size_t i = 0; i < image->section_count; i++)
		if (image->sections[i].type != SHT_NULL && strcmp(image->sections[i].name, name) == 0)
			return &image->sections[i];
	return NULL;
}
