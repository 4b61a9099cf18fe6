// SPDX-License-Identifier: Apache-2.0
/*
 * Type descriptors by name, through the itabs the linker made. Layouts: internal/abi/iface.go ITab {Inter, Type,
 * Hash, Fun}, internal/abi/type.go Type (TFlag at 20, Kind_ at 23, Str at 40 relative to moduledata.types), and the
 * encoded name {flags, varint length, bytes}; the same from Go 1.17 to 1.27.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "symbol/go_module.h"

#define TYPE_BYTES	 48
#define POINTER_BYTES	 56 // a type and that of what it points to
#define TFLAG_AT	 20
#define KIND_AT		 23
#define NAME_AT		 40
#define TFLAG_UNCOMMON	 1
#define TFLAG_EXTRA_STAR 2
#define KIND_MASK	 31 // bits above were flags up to 1.23
#define KIND_INTERFACE	 20
#define KIND_POINTER	 22

#define NAME_BYTES_MAX 512
#define ITABS_MAX      (UINT64_C(1) << 20)
#define REJECTED       64

/* A walk over the itabs, for one type. */
struct walk {
	const struct ct_go_tables *tables;
	const struct ct_image *image;
	const char *type;
	const char *interface;
	uint64_t interface_address;  /**< Once it is known. */
	uint64_t rejected[REJECTED]; /**< Interfaces seen that were not it: names are dear to read. */
};

static bool is_in_types(const struct ct_go_module *module, uint64_t address)
{
	return address >= module->types && address < module->etypes && address % 8 == 0;
}

static bool is_type_address(const struct walk *walk, uint64_t address)
{
	return is_in_types(&walk->tables->module, address);
}

static bool read_name(const struct ct_image *image, uint64_t address, char *name, size_t room)
{
	uint64_t available = ct_image_available(image, address), at = 1, length;
	uint8_t head[6];

	if (available < sizeof(head) || ct_image_read(image, address, head, sizeof(head)) < 0 ||
	    !ct_varint(head, sizeof(head), &at, &length) || length >= room ||
	    ct_image_read(image, address + at, name, length) < 0)
		return false;
	name[length] = '\0';
	return true;
}

// A type descriptor's head and name; the name as the source would write it, in `buffer`: the star that the linker
// shares between T and *T is taken off. NULL when there is none.
static const char *type_name(const struct ct_go_tables *tables, const struct ct_image *image, uint64_t type,
			     uint8_t head[TYPE_BYTES], char buffer[NAME_BYTES_MAX])
{
	int32_t offset;

	if (ct_image_read(image, type, head, TYPE_BYTES) < 0)
		return NULL;
	memcpy(&offset, head + NAME_AT, sizeof(offset));
	if (offset <= 0 || !read_name(image, tables->module.types + (uint32_t)offset, buffer, NAME_BYTES_MAX))
		return NULL;
	if (!(head[TFLAG_AT] & TFLAG_EXTRA_STAR))
		return buffer;
	return buffer[0] == '*' ? buffer + 1 : NULL;
}

static bool has_name(const struct walk *walk, uint64_t type, const char *wanted, uint8_t head[TYPE_BYTES])
{
	char buffer[NAME_BYTES_MAX];
	const char *name = type_name(walk->tables, walk->image, type, head, buffer);

	return name && strcmp(name, wanted) == 0;
}

// A name has the last part of the package's path only: errors.errorString may be somebody else's. A pointer type with
// methods knows the whole path. It is asked where the interface, being the universe's, does not tell.
static bool is_of_package(const struct walk *walk, uint64_t type, const uint8_t head[TYPE_BYTES])
{
	const char *name = walk->type + (*walk->type == '*');
	size_t length = strcspn(name, ".");
	char path[NAME_BYTES_MAX];
	int32_t offset;

	if (strcmp(walk->interface, "error") != 0 || (head[KIND_AT] & KIND_MASK) != KIND_POINTER)
		return true;
	return head[TFLAG_AT] & TFLAG_UNCOMMON &&
	       ct_image_read(walk->image, type + POINTER_BYTES, &offset, sizeof(offset)) == 0 && offset > 0 &&
	       read_name(walk->image, walk->tables->module.types + (uint32_t)offset, path, sizeof(path)) &&
	       strlen(path) == length && !strncmp(path, name, length);
}

static bool is_interface(struct walk *walk, uint64_t address)
{
	uint64_t *rejected = &walk->rejected[address / 32 % REJECTED];
	uint8_t head[TYPE_BYTES];

	if (walk->interface_address)
		return address == walk->interface_address;
	if (*rejected == address)
		return false;
	if (has_name(walk, address, walk->interface, head) && (head[KIND_AT] & KIND_MASK) == KIND_INTERFACE) {
		walk->interface_address = address;
		return true;
	}
	*rejected = address;
	return false;
}

static bool is_wanted(struct walk *walk, const uint64_t itab[2])
{
	uint8_t head[TYPE_BYTES];

	return is_type_address(walk, itab[0]) && is_type_address(walk, itab[1]) && is_interface(walk, itab[0]) &&
	       has_name(walk, itab[1], walk->type, head) && is_of_package(walk, itab[1], head);
}

static int walk_links(struct walk *walk, uint64_t *ret_address)
{
	const struct ct_go_module *module = &walk->tables->module;
	_ct_free_ uint64_t *links = NULL;
	uint64_t count = module->itablinks_count;

	if (!count || count > ITABS_MAX)
		return -ENOENT;
	links = calloc(count, sizeof(*links));
	if (!links)
		return -ENOMEM;
	if (ct_image_read(walk->image, module->itablinks, links, count * sizeof(*links)) < 0)
		return -ENOENT;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t itab[2];

		if (ct_image_read(walk->image, links[i], itab, sizeof(itab)) == 0 && is_wanted(walk, itab)) {
			*ret_address = itab[1];
			return 0;
		}
	}
	return -ENOENT;
}

// 1.27 laid the itabs one after another. Their sizes depend on the interface; testing each word pair needs none.
static int walk_region(struct walk *walk, uint64_t *ret_address)
{
	uint64_t bytes = walk->tables->itabs_bytes & ~UINT64_C(7);
	_ct_free_ uint64_t *words = NULL;

	if (bytes < 16 || bytes > ITABS_MAX * 64)
		return -ENOENT;
	words = malloc(bytes);
	if (!words)
		return -ENOMEM;
	if (ct_image_read(walk->image, walk->tables->itabs, words, bytes) < 0)
		return -ENOENT;
	for (uint64_t i = 0; i + 1 < bytes / 8; i++) {
		if (is_wanted(walk, words + i)) {
			*ret_address = words[i + 1];
			return 0;
		}
	}
	return -ENOENT;
}

int ct_go_tables_find_type(const struct ct_go_tables *tables, const struct ct_image *image, const char *type,
			   const char *interface, uint64_t *ret_address)
{
	struct walk walk = {.tables = tables, .image = image, .type = type, .interface = interface};

	if (!tables->is_layout_known)
		return -ENOENT;
	return tables->itabs_bytes ? walk_region(&walk, ret_address) : walk_links(&walk, ret_address);
}

int ct_go_tables_type_name(const struct ct_go_tables *tables, const struct ct_image *image, uint64_t address,
			   char *buffer, size_t room)
{
	char whole[NAME_BYTES_MAX];
	uint8_t head[TYPE_BYTES];
	const char *name;

	if (!tables->is_layout_known || !is_in_types(&tables->module, address))
		return -ENOENT;
	name = type_name(tables, image, address, head, whole);
	if (!name || !room)
		return -ENOENT;
	buffer[0] = '\0';
	strncat(buffer, name, room - 1);
	return 0;
}
