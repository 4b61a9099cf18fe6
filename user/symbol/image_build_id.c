// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbol/image.h"

// Notes are a few hundred bytes; core files' are not looked at.
#define NOTES_BYTES_MAX 65536

static void print_hex(struct ct_image *image, const unsigned char *id, size_t bytes)
{
	if (bytes > (sizeof(image->build_id) - 1) / 2)
		bytes = (sizeof(image->build_id) - 1) / 2;
	for (size_t i = 0; i < bytes; i++)
		snprintf(image->build_id + 2 * i, 3, "%02x", id[i]);
}

static size_t padded(uint32_t bytes)
{
	return ((size_t)bytes + 3) & ~(size_t)3;
}

static bool parse_notes(struct ct_image *image, const char *notes, size_t bytes)
{
	while (bytes >= sizeof(Elf64_Nhdr)) {
		const char *body = notes + sizeof(Elf64_Nhdr);
		size_t room = bytes - sizeof(Elf64_Nhdr);
		size_t name, contents;
		Elf64_Nhdr header;

		memcpy(&header, notes, sizeof(header));
		name = padded(header.n_namesz);
		contents = padded(header.n_descsz);
		if (name > room || header.n_descsz > room - name)
			return false;
		if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && memcmp(body, "GNU", 4) == 0) {
			print_hex(image, (const unsigned char *)body + name, header.n_descsz);
			return true;
		}
		if (contents > room - name)
			return false;
		notes = body + name + contents;
		bytes = room - name - contents;
	}
	return false;
}

static bool load_notes(struct ct_image *image, uint64_t offset, uint64_t bytes)
{
	_ct_free_ char *notes = NULL;

	if (!bytes || bytes > NOTES_BYTES_MAX || ct_image_load(image, offset, bytes, &notes) < 0)
		return false;
	return parse_notes(image, notes, bytes);
}

// Sections first: Go's own linker writes a GNU note (1.24+) that its PT_NOTE does not cover.
void ct_image_find_build_id(struct ct_image *image)
{
	const struct ct_section *section = ct_image_section(image, ".note.gnu.build-id");

	if (section && section->type == SHT_NOTE && load_notes(image, section->offset, section->bytes))
		return;
	load_notes(image, image->note_offset, image->note_bytes);
}
