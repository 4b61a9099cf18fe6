// SPDX-License-Identifier: Apache-2.0
#include "memory/itab.h"

#include <string.h>

/* src/internal/abi/type.go: Type.Str is a nameOff at 40; InterfaceType.PkgPath is a pointer to a name at 48. */
#define TYPE_NAME_OFFSET 40
#define TYPE_PACKAGE 48
#define NAME_BYTES 64

static const struct {
	const char *name;
	uint8_t concrete;
} concretes[] = {
	{ "context.cancelCtx", CT_CONCRETE_CANCEL },	    { "context.timerCtx", CT_CONCRETE_TIMER },
	{ "context.afterFuncCtx", CT_CONCRETE_AFTER_FUNC }, { "context.valueCtx", CT_CONCRETE_VALUE },
	{ "context.withoutCancelCtx", CT_CONCRETE_DETACHED }, { "context.stopCtx", CT_CONCRETE_STOP },
	{ "context.backgroundCtx", CT_CONCRETE_BACKGROUND }, { "context.todoCtx", CT_CONCRETE_TODO },
	{ "context.emptyCtx", CT_CONCRETE_EMPTY },
};

/* A name is a flag byte, a varint length and the bytes (src/internal/abi/type.go, Name). Longer ones are not ours. */
static bool read_name(struct ct_itabs *itabs, uint64_t address, char *name)
{
	uint8_t raw[NAME_BYTES + 2];

	if (ct_memory_read(itabs->memory, address, raw, sizeof(raw)) || raw[1] >= NAME_BYTES)
		return false;
	memcpy(name, raw + 2, raw[1]);
	name[raw[1]] = '\0';
	return true;
}

/* The type's string without the star that descriptors share with their pointer types. */
static bool read_type_name(struct ct_itabs *itabs, uint64_t type, char *name)
{
	char starred[NAME_BYTES] = "";
	uint32_t offset;

	if (type < itabs->types || type >= itabs->etypes ||
	    ct_memory_read(itabs->memory, type + TYPE_NAME_OFFSET, &offset, sizeof(offset)) ||
	    offset >= itabs->etypes - itabs->types || !read_name(itabs, itabs->types + offset, starred))
		return false;
	memcpy(name, starred[0] == '*' ? starred + 1 : starred, NAME_BYTES - 1);
	name[NAME_BYTES - 1] = '\0';
	return true;
}

static uint8_t interface_of(struct ct_itabs *itabs, uint64_t type)
{
	char name[NAME_BYTES] = "", package[NAME_BYTES] = "";
	uint64_t address;
	uint8_t interface = CT_INTERFACE_NONE;

	if (!read_type_name(itabs, type, name))
		return CT_INTERFACE_NONE;
	if (!strcmp(name, "context.Context"))
		interface = CT_INTERFACE_CONTEXT;
	else if (!strcmp(name, "context.canceler"))
		interface = CT_INTERFACE_CANCELER;
	if (!interface || ct_memory_read_word(itabs->memory, type + TYPE_PACKAGE, &address) ||
	    !read_name(itabs, address, package) || strcmp(package, "context"))
		return CT_INTERFACE_NONE;
	return interface;
}

static uint8_t concrete_of(struct ct_itabs *itabs, uint64_t type)
{
	char name[NAME_BYTES] = "";

	if (!read_type_name(itabs, type, name))
		return CT_CONCRETE_FOREIGN;
	for (size_t i = 0; i < sizeof(concretes) / sizeof(concretes[0]); i++)
		if (!strcmp(name, concretes[i].name))
			return concretes[i].concrete;
	return CT_CONCRETE_FOREIGN;
}

static struct ct_itab ask(struct ct_itabs *itabs, uint64_t word)
{
	struct ct_itab itab = { .word = word };
	uint64_t types[2];

	if (word % 8 || ct_heap_contains(itabs->heap, word) ||
	    ct_memory_read(itabs->memory, word, types, sizeof(types)))
		return itab;
	if (types[0] < itabs->types || types[0] >= itabs->etypes || types[1] < itabs->types || types[1] >= itabs->etypes)
		return itab;
	itab.interface = interface_of(itabs, types[0]);
	if (itab.interface)
		itab.concrete = concrete_of(itabs, types[1]);
	return itab;
}

void ct_itabs_clear(struct ct_itabs *itabs)
{
	memset(itabs->slots, 0, sizeof(itabs->slots));
	itabs->used = 0;
}

struct ct_itab ct_itabs_look(struct ct_itabs *itabs, uint64_t word)
{
	size_t i = (word * itabs->hash) >> 52;

	if (word < 4096)
		return (struct ct_itab){ .word = word };
	while (itabs->slots[i].word && itabs->slots[i].word != word)
		i = (i + 1) % CT_ITAB_SLOTS;
	if (itabs->slots[i].word)
		return itabs->slots[i];
	if (itabs->used >= CT_ITAB_SLOTS / 2) { // mostly words that are no itabs: start over
		ct_itabs_clear(itabs);
		i = (word * itabs->hash) >> 52;
	}
	itabs->slots[i] = ask(itabs, word);
	itabs->used++;
	return itabs->slots[i];
}
