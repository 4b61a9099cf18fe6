// SPDX-License-Identifier: Apache-2.0
/*
 * A position-independent Go program keeps most pointers of its data (moduledata, itabs, functab up to 1.17) as
 * relative relocations; the words in the file are zero until the loader has run. RELR tables need nothing: there the
 * file's word holds the addend already.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbol/image.h"

#if defined(__x86_64__)
#define RELATIVE R_X86_64_RELATIVE
#else
#define RELATIVE R_AARCH64_RELATIVE
#endif

#define DYNAMIC_ENTRIES_MAX 4096

static int find_table(const struct ct_image *image, uint64_t *ret_address, uint64_t *ret_bytes)
{
	size_t count = image->dynamic_bytes / sizeof(Elf64_Dyn);
	uint64_t address = 0, bytes = 0;

	if (count > DYNAMIC_ENTRIES_MAX)
		count = DYNAMIC_ENTRIES_MAX;
	for (size_t i = 0; i < count; i++) {
		Elf64_Dyn entry;

		// image->relocations is still empty, so this reads the file's words as they are.
		if (ct_image_read(image, image->dynamic_address + i * sizeof(entry), &entry, sizeof(entry)) < 0)
			return -ENOENT;
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_RELA)
			address = entry.d_un.d_ptr;
		else if (entry.d_tag == DT_RELASZ)
			bytes = entry.d_un.d_val;
	}
	*ret_address = address;
	*ret_bytes = bytes;
	return address && bytes ? 0 : -ENOENT;
}

static int by_where(const void *left, const void *right)
{
	const struct ct_relocation *a = left, *b = right;

	return (a->where > b->where) - (a->where < b->where);
}

static void keep_relative(struct ct_image *image, const char *table, size_t count)
{
	bool is_sorted = true;

	for (size_t i = 0; i < count; i++) {
		struct ct_relocation *kept = &image->relocations[image->relocation_count];
		Elf64_Rela entry;

		memcpy(&entry, table + i * sizeof(entry), sizeof(entry));
		if (ELF64_R_TYPE(entry.r_info) != RELATIVE || entry.r_offset > UINT64_MAX - 8)
			continue;
		*kept = (struct ct_relocation){entry.r_offset, (uint64_t)entry.r_addend};
		if (image->relocation_count && kept[-1].where > kept->where)
			is_sorted = false;
		image->relocation_count++;
	}
	if (!is_sorted)
		qsort(image->relocations, image->relocation_count, sizeof(*image->relocations), by_where);
}

int ct_image_load_relocations(struct ct_image *image)
{
	_ct_free_ char *table = NULL;
	uint64_t address, bytes, offset;
	int r;

	if (!image->is_relocatable || find_table(image, &address, &bytes) < 0)
		return 0;
	if (bytes > ct_image_available(image, address) || ct_image_offset(image, address, &offset) < 0)
		return 0;
	r = ct_image_load(image, offset, bytes, &table);
	if (r < 0)
		return r;
	image->relocations = calloc(bytes / sizeof(Elf64_Rela) + 1, sizeof(*image->relocations));
	if (!image->relocations)
		return -ENOMEM;
	keep_relative(image, table, bytes / sizeof(Elf64_Rela));
	return 0;
}

static size_t first_from(const struct ct_image *image, uint64_t address)
{
	size_t low = 0, high = image->relocation_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (image->relocations[middle].where < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void ct_image_relocate(const struct ct_image *image, uint64_t address, void *buffer, size_t bytes)
{
	uint64_t end = address + bytes;

	for (size_t i = first_from(image, address > 7 ? address - 7 : 0); i < image->relocation_count; i++) {
		const struct ct_relocation *relocation = &image->relocations[i];

		if (relocation->where >= end)
			break;
		for (unsigned int b = 0; b < 8; b++) { // the word may stick out at either end of the buffer
			uint64_t at = relocation->where + b;

			if (at >= address && at < end)
				((uint8_t *)buffer)[at - address] = (uint8_t)(relocation->value >> (8 * b));
		}
	}
}
