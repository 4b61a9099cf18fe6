// SPDX-License-Identifier: Apache-2.0
/*
 * Go's pclntab: every function with its name, and per instruction its file, line and inlined calls. It is part of
 * every Go program because the runtime needs it; `strip` cannot remove it.
 *
 * This parser works on a copy in the heap and reads no file. Sources: runtime/symtab.go (pcHeader, functab,
 * pcvalue), runtime/runtime2.go (_func), runtime/symtabinl.go (inlinedCall), cmd/link/internal/ld/pcln.go of Go
 * 1.17 to 1.27.
 *
 *   release    magic       words from +8                                                     function table
 *   1.17       fffffffa    nfunc nfile           funcname cu filetab pctab functab           8-byte pcs
 *   1.18-1.19  fffffff0    nfunc nfile textStart funcname cu filetab pctab functab           4-byte offsets from text
 *   1.20-1.25  fffffff1    the same                                                          the same
 *   1.26-1.27  fffffff1    the same, textStart is 0: the base is moduledata.text             the same
 *
 * The base is taken from moduledata in all of them: with 1.18+ both agree where both exist.
 */
#pragma once

#include "symbol/functions.h"

/** Header bytes needed to know where the parts are. */
#define CT_PCLNTAB_HEADER_BYTES 72

/** Where the parts begin, as offsets from the header. */
struct ct_pclntab_header {
	uint32_t magic;
	uint8_t min_instruction; /**< Size of the smallest instruction; pc deltas are multiples of it. */
	uint64_t function_count;
	uint64_t file_count;
	uint64_t names, units, files, tables, functions;
};

/** One table. */
struct ct_pclntab {
	struct ct_pclntab_header header;
	const uint8_t *data; /**< Borrowed: `bytes` of it, and one zero byte after them. */
	uint64_t bytes;
	uint64_t text; /**< Base of function offsets (1.18+). */
	struct ct_functions functions;
	uint32_t *records; /**< Per function: offset of its record in `data`. */
};

/** One inlined call of a tree. */
struct ct_inlined_call {
	const char *name;
	uint32_t parent_pc; /**< Offset from the function's start: an instruction at the call. */
};

/** Read bytes of the image, for the inline trees, which stand outside pclntab. @return 0 or -EFAULT. */
typedef int (*ct_pclntab_reader)(void *opaque, uint64_t address, void *buffer, size_t bytes);

/** What the inline trees need besides the table. */
struct ct_inline_trees {
	uint64_t base; /**< moduledata.gofunc; unused in 1.17. */
	ct_pclntab_reader read;
	void *opaque;
};

/** A varint as in encoding/binary. @return false when it is cut or too long. */
bool ct_varint(const uint8_t *data, uint64_t bytes, uint64_t *at, uint64_t *ret_value);

/** Parse a header. @return 0 or -EPROTO. */
int ct_pclntab_parse_header(const void *data, size_t bytes, struct ct_pclntab_header *ret_header);

/**
 * Parse the function table.
 *
 * @param data   `bytes` of pclntab and a zero byte after them; borrowed, must outlive the table.
 * @param text   moduledata.text.
 * @return 0; -EPROTO malformed; -ENOMEM. On failure nothing needs to be released.
 */
int ct_pclntab_init(struct ct_pclntab *table, const void *data, uint64_t bytes, uint64_t text);

/** Release it. A zeroed one is fine. */
void ct_pclntab_done(struct ct_pclntab *table);

/** As ct_binary_locate(). `trees` may be NULL: then no inlined call is known. */
int ct_pclntab_locate(const struct ct_pclntab *table, const struct ct_inline_trees *trees, uint64_t address,
		      struct ct_location *ret, size_t room);

/** As ct_binary_go_each_inlined(). */
int ct_pclntab_each_inlined(const struct ct_pclntab *table, const struct ct_inline_trees *trees, const char *name,
			    ct_inline_visitor visit, void *opaque);

/* Shared by the files of the parser. */

/** The parts of a function record that lines and inline trees need. */
struct ct_pclntab_record {
	uint64_t start;
	uint32_t file_table, line_table, unit;
	uint32_t inline_table; /**< PCDATA_InlTreeIndex; 0 none. */
	uint64_t inline_tree;  /**< FUNCDATA_InlTree, address; 0 none. */
};

/** Decode the record of function `index`. @return 0 or -EPROTO. */
int ct_pclntab_record(const struct ct_pclntab *table, const struct ct_inline_trees *trees, size_t index,
		      struct ct_pclntab_record *ret);

/** Value of a pc-value table at `address`. @return -1 when there is none. */
int32_t ct_pclntab_value(const struct ct_pclntab *table, uint32_t offset, uint64_t start, uint64_t address);

/** Largest value of a pc-value table, -1 when there is none. `budget` loses the steps taken and ends the walk at 0. */
int32_t ct_pclntab_value_max(const struct ct_pclntab *table, uint32_t offset, uint64_t *budget);

/** Bytes of one entry of an inline tree in this release. */
size_t ct_inlined_call_bytes(const struct ct_pclntab *table);

/** Where an entry keeps the offset of its name (the word of the parent's pc follows it). */
size_t ct_inlined_call_name_at(const struct ct_pclntab *table);

/** String at an offset of the name table, or NULL. */
const char *ct_pclntab_name(const struct ct_pclntab *table, uint32_t offset);
