// SPDX-License-Identifier: Apache-2.0
#include "symbol/binary.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbol/binary_private.h"
#include "symbol/go_build_info.h"

#define PAGE_BYTES 4096

int ct_binary_open(int fd, const char *name, struct ct_binary **ret_binary, struct ct_error *reterr)
{
	struct ct_binary *binary = calloc(1, sizeof(*binary));
	int r;

	if (!binary)
		return ct_error_set(reterr, -ENOMEM, "%s: out of memory", name);
	r = ct_image_init(&binary->image, fd, name, reterr);
	if (r < 0) {
		free(binary);
		return r;
	}
	binary->symbols_state = CT_PART_UNTRIED;
	binary->version_state = CT_PART_UNTRIED;
	binary->tables_state = CT_PART_UNTRIED;
	binary->pclntab_state = CT_PART_UNTRIED;
	binary->lines_state = CT_PART_UNTRIED;
	*ret_binary = binary;
	return 0;
}

void ct_binary_free(struct ct_binary *binary)
{
	if (!binary)
		return;
	ct_lines_free(binary->lines);
	ct_pclntab_done(&binary->pclntab);
	free(binary->pclntab_data);
	ct_symbol_table_done(&binary->symbols);
	ct_image_done(&binary->image);
	free(binary);
}

const char *ct_binary_build_id(const struct ct_binary *binary)
{
	return binary->image.build_id;
}

bool ct_binary_is_stripped(const struct ct_binary *binary)
{
	for (size_t i = 0; i < binary->image.section_count; i++)
		if (binary->image.sections[i].type == SHT_SYMTAB)
			return false;
	return true;
}

bool ct_binary_is_relocatable(const struct ct_binary *binary)
{
	return binary->image.is_relocatable;
}

bool ct_binary_is_dynamic(const struct ct_binary *binary)
{
	return binary->image.has_interpreter || binary->image.dynamic_bytes;
}

int ct_binary_go_version(struct ct_binary *binary, struct ct_go_version *ret_version)
{
	if (binary->version_state == CT_PART_UNTRIED)
		binary->version_state = ct_go_build_info_read(&binary->image, &binary->version);
	if (binary->version_state == 0)
		*ret_version = binary->version;
	return binary->version_state;
}

int ct_binary_need_symbols(struct ct_binary *binary)
{
	if (binary->symbols_state == CT_PART_UNTRIED)
		binary->symbols_state = ct_symbol_table_init(&binary->symbols, &binary->image);
	return binary->symbols_state;
}

int ct_binary_need_tables(struct ct_binary *binary)
{
	struct ct_go_version version;

	if (binary->tables_state != CT_PART_UNTRIED)
		return binary->tables_state;
	binary->tables_state = ct_binary_go_version(binary, &version);
	if (binary->tables_state == 0)
		binary->tables_state = ct_go_tables_find(&binary->image, version.minor, &binary->tables);
	return binary->tables_state;
}

static int load_pclntab(struct ct_binary *binary)
{
	uint64_t bytes = binary->tables.pclntab_bytes;
	_ct_free_ char *data = NULL;
	int r;

	if (bytes > CT_IMAGE_TABLE_MAX)
		return -EFBIG;
	data = malloc(bytes + 1);
	if (!data)
		return -ENOMEM;
	// Read as memory, not as file: up to 1.17 a PIE relocates the pcs in it.
	r = ct_image_read(&binary->image, binary->tables.pclntab_address, data, bytes);
	if (r < 0)
		return r;
	data[bytes] = '\0';
	r = ct_pclntab_init(&binary->pclntab, data, bytes, binary->tables.module.text);
	if (r < 0)
		return r;
	binary->pclntab_data = ct_move_ptr(data);
	return 0;
}

int ct_binary_need_pclntab(struct ct_binary *binary)
{
	if (binary->pclntab_state != CT_PART_UNTRIED)
		return binary->pclntab_state;
	binary->pclntab_state = ct_binary_need_tables(binary);
	if (binary->pclntab_state == 0)
		binary->pclntab_state = load_pclntab(binary);
	return binary->pclntab_state;
}

int ct_binary_read(struct ct_binary *binary, uint64_t address, void *buffer, size_t bytes)
{
	return ct_image_read(&binary->image, address, buffer, bytes);
}

int ct_binary_offset(const struct ct_binary *binary, uint64_t address, uint64_t *ret_offset)
{
	return ct_image_offset(&binary->image, address, ret_offset);
}

uint64_t ct_binary_base(const struct ct_binary *binary)
{
	uint64_t lowest = UINT64_MAX;

	for (size_t i = 0; i < binary->image.segment_count; i++)
		if (binary->image.segments[i].address < lowest)
			lowest = binary->image.segments[i].address;
	return lowest & ~(uint64_t)(PAGE_BYTES - 1);
}
