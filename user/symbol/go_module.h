// SPDX-License-Identifier: Apache-2.0
/*
 * Go's moduledata, found in the file without a symbol table: it is the place where a pointer to the pclntab header is
 * followed by a pointer to the name table. Layout: runtime/symtab.go, type moduledata, Go 1.17 to 1.27.
 */
#pragma once

#include "symbol/binary.h"
#include "symbol/image.h"
#include "symbol/pclntab.h"

/** What moduledata says, beyond the public part. */
struct ct_go_tables {
	struct ct_go_module module;
	uint64_t pclntab_address, pclntab_bytes;
	uint64_t itabs, itabs_bytes; /**< 1.27+: the itabs themselves, one after another. */
	bool is_layout_known;	     /**< False: only text, etext and pclntab are filled in. */
};

/**
 * Find pclntab and moduledata.
 *
 * @param minor  Of the Go version; 0 unknown.
 * @return 0; -ENOENT when there is none; negative errno.
 */
int ct_go_tables_find(const struct ct_image *image, unsigned int minor, struct ct_go_tables *ret_tables);

/** As ct_binary_go_type(), from the itabs that moduledata names. */
int ct_go_tables_find_type(const struct ct_go_tables *tables, const struct ct_image *image, const char *type,
			   const char *interface, uint64_t *ret_address);

/** As ct_binary_go_type_name(). */
int ct_go_tables_type_name(const struct ct_go_tables *tables, const struct ct_image *image, uint64_t address,
			   char *buffer, size_t room);
