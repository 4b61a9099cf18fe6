// SPDX-License-Identifier: Apache-2.0
/*
 * Looking up, in the order of trust: pclntab knows every Go function, stripped or not; the symbol tables know the C
 * functions of a Go program and everything of a C program; DWARF knows a C program's lines.
 */
#include <errno.h>

#include "symbol/binary_private.h"

// Memory running out must not look like "no such function".
static bool is_fatal(int r)
{
	return r == -ENOMEM;
}

int ct_binary_find(struct ct_binary *binary, const char *name, struct ct_function *ret, size_t room)
{
	int r = ct_binary_need_pclntab(binary);

	if (r == 0)
		r = ct_functions_find(&binary->pclntab.functions, name, ret, room);
	if (r > 0 || is_fatal(r))
		return r;
	r = ct_binary_need_symbols(binary);
	return r < 0 ? r : ct_functions_find(&binary->symbols.functions, name, ret, room);
}

int ct_binary_each_function(struct ct_binary *binary, ct_function_visitor visit, void *opaque)
{
	const struct ct_functions *functions = &binary->pclntab.functions;
	int r = ct_binary_need_pclntab(binary);

	if (r < 0 && !is_fatal(r)) {
		functions = &binary->symbols.functions;
		r = ct_binary_need_symbols(binary);
	}
	for (size_t i = 0; r == 0 && i < functions->count; i++)
		r = visit(opaque, &functions->items[i]);
	return r;
}

int ct_binary_function_at(struct ct_binary *binary, uint64_t address, struct ct_function *ret)
{
	int r = ct_binary_need_pclntab(binary);

	if (r == 0)
		r = ct_functions_at(&binary->pclntab.functions, address, ret);
	if (r == 0 || is_fatal(r))
		return r;
	r = ct_binary_need_symbols(binary);
	return r < 0 ? r : ct_functions_at(&binary->symbols.functions, address, ret);
}

static int locate_c(struct ct_binary *binary, uint64_t address, struct ct_location *ret, size_t room)
{
	struct ct_function function;
	int r;

	if (binary->lines_state == CT_PART_UNTRIED) {
		binary->lines = ct_lines_new(&binary->image);
		binary->lines_state = 0;
	}
	r = binary->lines ? ct_lines_locate(binary->lines, address, ret, room) : 0;
	if (r)
		return r;
	r = ct_binary_need_symbols(binary);
	if (r < 0)
		return r;
	if (ct_functions_at(&binary->symbols.functions, address, &function) < 0)
		return 0;
	ret[0] = (struct ct_location){.function = function.name, .file = ""};
	return 1;
}

int ct_binary_locate(struct ct_binary *binary, uint64_t address, struct ct_location *ret, size_t room)
{
	int r = ct_binary_need_pclntab(binary);

	if (!room)
		return 0;
	if (r == 0) {
		const struct ct_inline_trees trees = ct_binary_inline_trees(binary);

		r = ct_pclntab_locate(&binary->pclntab, &trees, address, ret, room);
	}
	if (r > 0 || is_fatal(r))
		return r;
	return locate_c(binary, address, ret, room);
}

int ct_binary_data_symbol(struct ct_binary *binary, const char *name, uint64_t *ret_address, uint64_t *ret_bytes)
{
	struct ct_function symbol;
	int r = ct_binary_need_symbols(binary);

	if (r == 0)
		r = ct_functions_find(&binary->symbols.data, name, &symbol, 1);
	if (r < 0)
		return r;
	if (r == 0)
		return -ENOENT;
	*ret_address = symbol.start;
	*ret_bytes = symbol.end - symbol.start;
	return 0;
}

int ct_binary_data_symbol_at(struct ct_binary *binary, uint64_t address, struct ct_function *ret)
{
	int r = ct_binary_need_symbols(binary);

	return r < 0 ? r : ct_functions_at(&binary->symbols.data, address, ret);
}
