// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "symbol/binary_private.h"

static int read_image(void *opaque, uint64_t address, void *buffer, size_t bytes)
{
	return ct_image_read(opaque, address, buffer, bytes);
}

struct ct_inline_trees ct_binary_inline_trees(struct ct_binary *binary)
{
	return (struct ct_inline_trees){binary->tables.module.gofunc, read_image, &binary->image};
}

static uint64_t bytes_of(const struct ct_function *run)
{
	return run->end - run->start;
}

/* Keep a run among the longest. @return how many there are. */
static size_t keep_run(struct ct_function *runs, size_t count, size_t room, const struct ct_function *run)
{
	size_t at = count;

	if (run->end <= run->start)
		return count;
	while (at && bytes_of(run) > bytes_of(&runs[at - 1]))
		at--;
	if (at == room)
		return count;
	count += count < room;
	memmove(&runs[at + 1], &runs[at], (count - at - 1) * sizeof(*runs));
	runs[at] = *run;
	return count;
}

int ct_binary_go_package_runs(struct ct_binary *binary, const char *prefix, struct ct_function *ret, size_t room)
{
	const struct ct_functions *functions = &binary->pclntab.functions;
	size_t length = strlen(prefix), count = 0;
	struct ct_function run = {.end = 0};
	int r = ct_binary_need_pclntab(binary);

	if (r < 0)
		return r == -ENOMEM ? r : -ENOENT;
	for (size_t i = 0; i < functions->count; i++) {
		const struct ct_function *function = &functions->items[i];

		if (!strncmp(function->name, prefix, length)) {
			if (!run.end)
				run.start = function->start;
			if (function->end > run.end)
				run.end = function->end;
			continue;
		}
		count = keep_run(ret, count, room, &run);
		run = (struct ct_function){.end = 0};
	}
	return (int)keep_run(ret, count, room, &run);
}

int ct_binary_go_each_inlined(struct ct_binary *binary, const char *name, ct_inline_visitor visit, void *opaque)
{
	struct ct_inline_trees trees;
	int r = ct_binary_need_pclntab(binary);

	if (r < 0)
		return r;
	trees = ct_binary_inline_trees(binary);
	return ct_pclntab_each_inlined(&binary->pclntab, &trees, name, visit, opaque);
}

static int is_outside(void *opaque, const struct ct_function *into)
{
	const char *prefix = opaque;

	return strncmp(into->name, prefix, strlen(prefix)) != 0;
}

int ct_binary_go_is_inlined_outside(struct ct_binary *binary, const char *name, const char *package_prefix)
{
	return ct_binary_go_each_inlined(binary, name, is_outside, (void *)package_prefix);
}

int ct_binary_go_module(struct ct_binary *binary, struct ct_go_module *ret_module)
{
	int r = ct_binary_need_tables(binary);

	if (r < 0)
		return r;
	if (!binary->tables.is_layout_known)
		return -EPROTO;
	*ret_module = binary->tables.module;
	return 0;
}

// "go:itab.*context.cancelCtx,context.Context" (a dot instead of the colon up to 1.19), word 1.
static int type_by_symbol(struct ct_binary *binary, const char *star, const char *type, const char *interface,
			  uint64_t *ret_address)
{
	static const char *const prefixes[] = {"go:itab.", "go.itab."};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		ct_cleanup(ct_text_done) struct ct_text symbol = {.data = NULL};
		uint64_t address, bytes, found;
		int r;

		ct_text_addf(&symbol, "%s%s%s,%s", prefixes[i], star, type, interface);
		if (symbol.failed)
			return -ENOMEM;
		r = ct_binary_data_symbol(binary, symbol.data, &address, &bytes);
		if (r == 0 && ct_image_read(&binary->image, address + 8, &found, sizeof(found)) == 0 && found) {
			*ret_address = found;
			return 0;
		}
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

static int find_type(struct ct_binary *binary, const char *star, const char *type, const char *interface,
		     uint64_t *ret_address)
{
	ct_cleanup(ct_text_done) struct ct_text name = {.data = NULL};
	int r = type_by_symbol(binary, star, type, interface, ret_address);

	if (r != -ENOENT)
		return r;
	ct_text_addf(&name, "%s%s", star, type);
	if (name.failed)
		return -ENOMEM;
	return ct_go_tables_find_type(&binary->tables, &binary->image, name.data, interface, ret_address);
}

int ct_binary_go_type(struct ct_binary *binary, const char *type, const char *interface, uint64_t *ret_address)
{
	int r = ct_binary_need_tables(binary);

	if (r < 0)
		return r == -ENOMEM ? r : -ENOENT;
	r = find_type(binary, "*", type, interface, ret_address);
	// A type without pointer receivers stands in itabs itself: context.backgroundCtx.
	return r == -ENOENT ? find_type(binary, "", type, interface, ret_address) : r;
}

int ct_binary_go_type_name(struct ct_binary *binary, uint64_t address, char *buffer, size_t room)
{
	int r = ct_binary_need_tables(binary);

	if (r < 0)
		return r == -ENOMEM ? r : -ENOENT;
	return ct_go_tables_type_name(&binary->tables, &binary->image, address, buffer, room);
}

static bool is_within(uint64_t address, size_t bytes, uint64_t start, uint64_t end)
{
	return address < end && address + bytes > start;
}

int ct_binary_go_constant(struct ct_binary *binary, uint64_t address, void *buffer, size_t bytes)
{
	const struct ct_go_module *module = &binary->tables.module;
	int r = ct_binary_need_tables(binary);

	if (r < 0)
		return r == -ENOMEM ? r : -ENOENT;
	if (!binary->tables.is_layout_known || address + bytes < address ||
	    is_within(address, bytes, module->noptrdata, module->enoptrdata) ||
	    is_within(address, bytes, module->data, module->edata) ||
	    is_within(address, bytes, module->bss, module->ebss) ||
	    is_within(address, bytes, module->noptrbss, module->enoptrbss))
		return -ENOENT;
	return ct_image_read(&binary->image, address, buffer, bytes) < 0 ? -ENOENT : 0;
}
