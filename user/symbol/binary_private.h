// SPDX-License-Identifier: Apache-2.0
/* The inside of a binary, shared by binary*.c. Parts are read when they are first asked for. */
#pragma once

#include "symbol/binary.h"
#include "symbol/go_module.h"
#include "symbol/image.h"
#include "symbol/lines.h"
#include "symbol/pclntab.h"
#include "symbol/symbol_table.h"

/** State of a part that nobody asked for yet; otherwise 0 or the negative errno of the attempt. */
#define CT_PART_UNTRIED 1

struct ct_binary {
	struct ct_image image;

	int symbols_state;
	struct ct_symbol_table symbols;

	int version_state;
	struct ct_go_version version;

	int tables_state;
	struct ct_go_tables tables;

	int pclntab_state;
	struct ct_pclntab pclntab;
	char *pclntab_data; /**< What pclntab parses and borrows. */

	int lines_state;
	struct ct_lines *lines;
};

/** Read the part unless done. @return 0 or the negative errno of the first attempt. */
int ct_binary_need_symbols(struct ct_binary *binary);
int ct_binary_need_tables(struct ct_binary *binary);
int ct_binary_need_pclntab(struct ct_binary *binary);

/** The inline trees of the binary, once its tables are read. */
struct ct_inline_trees ct_binary_inline_trees(struct ct_binary *binary);
