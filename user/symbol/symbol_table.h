// SPDX-License-Identifier: Apache-2.0
/* The ELF symbol tables: .symtab and .dynsym, functions for both ways of looking, data symbols by name. */
#pragma once

#include "symbol/functions.h"
#include "symbol/image.h"

/** A table as the file has it, and the names it refers to. Zero-initialise; ct_symbols_done() frees both. */
struct ct_symbols {
	char *symbols;
	size_t count; /**< Elf64_Sym, unaligned. */
	char *names;
	uint64_t names_bytes;
};

/** Load the table of an SHT_ type; one that is missing or cannot be read is empty. @return 0; -ENOMEM. */
int ct_symbols_load(const struct ct_image *image, uint32_t type, struct ct_symbols *ret_symbols);

/** Release it. */
void ct_symbols_done(struct ct_symbols *symbols);

/** Symbols of one file. Zero-initialise. */
struct ct_symbol_table {
	struct ct_functions functions;
	struct ct_functions data; /**< Data symbols, in the same shape. */
	char *names[2];		  /**< String tables of .symtab and .dynsym; owned. */
};

/** Read the tables. A file without any gives an empty table. @return 0 or negative errno; then nothing is kept. */
int ct_symbol_table_init(struct ct_symbol_table *table, const struct ct_image *image);

/** Release it. A zeroed one is fine. */
void ct_symbol_table_done(struct ct_symbol_table *table);
