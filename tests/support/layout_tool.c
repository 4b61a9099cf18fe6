// SPDX-License-Identifier: Apache-2.0
/*
 * The numbers of user/memory/layout.c and of the Go provider against the DWARF of a program that a Go toolchain built:
 * what the compiler says about its own types is the source of every one of them.
 *
 *	layout_tool [-p] [-w N] PROGRAM
 *
 * Says which numbers are wrong, status 1. -p prints what DWARF says, to write a row for a new release. -w pretends that
 * number N of the table is 8 more: a check that does not fail then checks nothing. Status 3: no such number.
 */
#include "memory/layout.h"
#include "symbol/binary.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ABSENT UINT64_MAX

struct tool {
	Dwarf *dwarf;
	struct ct_binary *binary;
	struct ct_go_layout layout;
	unsigned int minor;
	bool is_printing;
	unsigned int wrong_one; /* from 1; 0 none */
	unsigned int compared, failed;
};

/* The structure of this name, in whichever unit it is. */
static bool find_structure(Dwarf *dwarf, const char *name, Dwarf_Die *ret)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die top, die;

	while (!dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &top, NULL)) {
		if (dwarf_child(&top, &die))
			continue;
		do {
			if (dwarf_tag(&die) == DW_TAG_structure_type && dwarf_diename(&die) &&
			    !strcmp(dwarf_diename(&die), name)) {
				*ret = die;
				return true;
			}
		} while (!dwarf_siblingof(&die, &die));
	}
	return false;
}

static bool type_of(Dwarf_Die *member, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;

	if (!dwarf_attr_integrate(member, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, ret))
		return false;
	while (dwarf_tag(ret) == DW_TAG_typedef)
		if (!dwarf_attr_integrate(ret, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, ret))
			return false;
	return true;
}

static bool find_member(Dwarf_Die *structure, const char *name, size_t length, Dwarf_Die *ret)
{
	if (dwarf_child(structure, ret))
		return false;
	do {
		const char *own = dwarf_tag(ret) == DW_TAG_member ? dwarf_diename(ret) : NULL;

		if (own && strlen(own) == length && !memcmp(own, name, length))
			return true;
	} while (!dwarf_siblingof(ret, ret));
	return false;
}

/* Where the field at the end of a path like "sched.bp" begins. ABSENT when there is none. */
static uint64_t offset_of(struct tool *tool, const char *structure, const char *path, Dwarf_Die *ret_type)
{
	Dwarf_Die at, member;
	uint64_t offset = 0;

	if (!find_structure(tool->dwarf, structure, &at))
		return ABSENT;
	for (;;) {
		size_t length = strcspn(path, ".");
		Dwarf_Attribute attribute;
		Dwarf_Word word;

		if (!find_member(&at, path, length, &member) ||
		    !dwarf_attr_integrate(&member, DW_AT_data_member_location, &attribute) ||
		    dwarf_formudata(&attribute, &word) || !type_of(&member, &at))
			return ABSENT;
		offset += word;
		if (!path[length])
			break;
		path += length + 1;
	}
	if (ret_type)
		*ret_type = at;
	return offset;
}

static uint64_t size_of(struct tool *tool, const char *structure)
{
	Dwarf_Die die;

	return find_structure(tool->dwarf, structure, &die) ? (uint64_t)dwarf_bytesize(&die) : ABSENT;
}

static uint64_t field_size(struct tool *tool, const char *structure, const char *path)
{
	Dwarf_Die type;
	Dwarf_Word bytes;

	return offset_of(tool, structure, path, &type) == ABSENT || dwarf_aggregate_size(&type, &bytes) ? ABSENT : bytes;
}

/* Size class of an object (src/runtime/sizeclasses.go). */
static uint64_t class_of(uint64_t bytes)
{
	static const uint64_t classes[] = { 8, 16, 24, 32, 48, 64, 80, 96, 112, 128 };

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (bytes <= classes[i])
			return classes[i];
	return ABSENT;
}

static void compare(struct tool *tool, const char *what, uint64_t table, uint64_t dwarf)
{
	if (++tool->compared == tool->wrong_one)
		table += 8;
	if (tool->is_printing)
		printf("%-32s %llu\n", what, (unsigned long long)dwarf);
	if (table == dwarf)
		return;
	tool->failed++;
	printf("Go 1.%u: %s is %lld, the table says %lld\n", tool->minor, what, (long long)dwarf, (long long)table);
}

static void compare_field(struct tool *tool, const char *structure, const char *path, uint64_t table)
{
	char what[96];

	snprintf(what, sizeof(what), "%s.%s", structure, path);
	compare(tool, what, table, offset_of(tool, structure, path, NULL));
}

static void compare_heap(struct tool *tool)
{
	const struct ct_heap_layout *heap = tool->layout.heap;

	compare_field(tool, "runtime.mspan", "startAddr", CT_SPAN_START);
	compare_field(tool, "runtime.mspan", "npages", CT_SPAN_PAGES);
	compare_field(tool, "runtime.mspan", "freeindex", heap->free_index);
	compare_field(tool, "runtime.mspan", "nelems", heap->elements);
	compare_field(tool, "runtime.mspan", "allocBits", heap->alloc_bits);
	compare_field(tool, "runtime.mspan", "sweepgen", heap->sweepgen);
	compare_field(tool, "runtime.mspan", "spanclass", heap->state - 1u);
	compare_field(tool, "runtime.mspan", "state", heap->state);
	compare_field(tool, "runtime.mspan", "elemsize", heap->element_bytes);
	compare(tool, "bytes of runtime.mspan.nelems", heap->count_bytes, field_size(tool, "runtime.mspan", "nelems"));
	compare_field(tool, "runtime.mheap", "sweepgen", heap->heap_sweepgen);
	compare_field(tool, "runtime.mheap", "arenas", heap->heap_arenas);
	compare_field(tool, "runtime.heapArena", "spans", heap->arena_spans);
}

static void compare_contexts(struct tool *tool)
{
	const struct ct_context_layout *context = tool->layout.context;
	uint64_t embedded = field_size(tool, "context.timerCtx", "cancelCtx");

	compare_field(tool, "context.cancelCtx", "Context", CT_CONTEXT_PARENT_ITAB);
	compare_field(tool, "context.cancelCtx", "children", CT_CONTEXT_CHILDREN);
	compare_field(tool, "context.cancelCtx", "err", CT_CONTEXT_ERR);
	compare_field(tool, "context.timerCtx", "timer", context->timer);
	compare_field(tool, "context.timerCtx", "deadline", context->deadline);
	compare_field(tool, "context.timerCtx", "cancelCtx", 0);
	compare(tool, "class of context.cancelCtx", context->cancel_class,
		class_of(size_of(tool, "context.cancelCtx")));
	compare(tool, "class of context.timerCtx", context->timer_class, class_of(size_of(tool, "context.timerCtx")));
	compare(tool, "bytes of timerCtx.cancelCtx", context->is_timer_indirect ? 8 : size_of(tool, "context.cancelCtx"),
		embedded);
	if (size_of(tool, "context.afterFuncCtx") != ABSENT)
		compare(tool, "class of context.afterFuncCtx", context->timer_class,
			class_of(size_of(tool, "context.afterFuncCtx")));
}

static void compare_maps(struct tool *tool)
{
	static const char swiss[] = "internal/runtime/maps.Map", table[] = "internal/runtime/maps.table";

	if (tool->layout.context->has_swiss_maps) {
		compare_field(tool, swiss, "used", CT_SWISS_USED);
		compare_field(tool, swiss, "dirPtr", CT_SWISS_DIRECTORY);
		compare_field(tool, swiss, "dirLen", CT_SWISS_DIRECTORY_LENGTH);
		compare_field(tool, table, "groups.data", CT_SWISS_TABLE_GROUPS);
		compare_field(tool, table, "groups.lengthMask", CT_SWISS_TABLE_MASK);
		return;
	}
	compare_field(tool, "runtime.hmap", "count", CT_HMAP_COUNT);
	compare_field(tool, "runtime.hmap", "flags", CT_HMAP_FLAGS);
	compare_field(tool, "runtime.hmap", "B", CT_HMAP_B);
	compare_field(tool, "runtime.hmap", "buckets", CT_HMAP_BUCKETS);
	compare_field(tool, "runtime.hmap", "oldbuckets", CT_HMAP_OLD_BUCKETS);
}

static void compare_goroutines(struct tool *tool)
{
	const struct ct_goroutine_layout *goroutine = tool->layout.goroutine;

	compare_field(tool, "runtime.g", "stack.lo", CT_G_STACK_LOW);
	compare_field(tool, "runtime.g", "stack.hi", CT_G_STACK_HIGH);
	compare_field(tool, "runtime.g", "_defer", CT_G_DEFER);
	compare_field(tool, "runtime.g", "sched.sp", CT_G_SCHED_SP);
	compare_field(tool, "runtime.g", "sched.pc", CT_G_SCHED_PC);
	compare_field(tool, "runtime.g", "sched.ctxt", CT_G_SCHED_CTXT);
	compare_field(tool, "runtime.g", "sched.bp", goroutine->sched_bp);
	compare_field(tool, "runtime.g", "atomicstatus", goroutine->status);
	compare_field(tool, "runtime.g", "goid", goroutine->goid);
	compare_field(tool, "runtime.g", "parentGoid", goroutine->parent_goid ? goroutine->parent_goid : ABSENT);
	compare_field(tool, "runtime.g", "gopc", goroutine->gopc);
	compare_field(tool, "runtime.g", "startpc", goroutine->start_pc);
	compare_field(tool, "runtime._defer", "sp", CT_DEFER_SP);
	compare_field(tool, "runtime._defer", "fn", CT_DEFER_FN);
	compare_field(tool, "runtime._defer", "link", goroutine->defer_link);
}

/* The module's data is read by user/symbol/: each word has to be the one that DWARF names. */
static void compare_module(struct tool *tool)
{
	struct ct_go_module module = { 0 };
	const struct {
		const char *field;
		uint64_t value;
	} words[] = {
		{ "text", 0 }, { "etext", 0 }, { "types", 0 }, { "etypes", 0 },
	};
	uint64_t values[4];

	compare_field(tool, "runtime.moduledata", "next", tool->layout.module->next);
	if (ct_binary_go_module(tool->binary, &module)) {
		compare(tool, "module data found", 0, 1);
		return;
	}
	values[0] = module.text;
	values[1] = module.etext;
	values[2] = module.types;
	values[3] = module.etypes;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		uint64_t offset = offset_of(tool, "runtime.moduledata", words[i].field, NULL), word = 0;
		char what[64];

		if (offset == ABSENT || ct_binary_read(tool->binary, module.address + offset, &word, sizeof(word)))
			word = ABSENT;
		snprintf(what, sizeof(what), "value of moduledata.%s", words[i].field);
		compare(tool, what, values[i], word);
	}
}

static int open_program(struct tool *tool, const char *path)
{
	struct ct_go_version version;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	tool->dwarf = fd < 0 ? NULL : dwarf_begin(fd, DWARF_C_READ);
	if (!tool->dwarf || ct_binary_open(fd, path, &tool->binary, NULL) || ct_binary_go_version(tool->binary, &version)) {
		fprintf(stderr, "layout_tool: %s is no Go program with debug information\n", path);
		return 2;
	}
	tool->minor = version.minor;
	if (ct_go_layout_try(version.minor, &tool->layout)) {
		fprintf(stderr, "layout_tool: there are no numbers for %s\n", version.text);
		return 2;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct tool tool = { 0 };
	int option, rc;

	while ((option = getopt(argc, argv, "pw:")) != -1) {
		if (option == 'p')
			tool.is_printing = true;
		else if (option == 'w')
			tool.wrong_one = (unsigned int)strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	rc = optind == argc - 1 ? open_program(&tool, argv[optind]) : 2;
	if (rc)
		return rc;
	compare_heap(&tool);
	compare_contexts(&tool);
	compare_maps(&tool);
	compare_goroutines(&tool);
	compare_module(&tool);
	if (tool.wrong_one > tool.compared)
		return 3;
	printf("Go 1.%u: %u numbers compared, %u wrong\n", tool.minor, tool.compared, tool.failed);
	return tool.failed ? 1 : 0;
}
