// SPDX-License-Identifier: Apache-2.0
#include "provider/process_symbols.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define BINARIES_MAX 256
#define NAME_BYTES_MAX 512 /* longer names are cut: a hostile symbol table must not fill the stream */
#define FRAME_HEAD_BYTES 5

/* One file of the target. `binary` is NULL for a file that could not be read: it is not tried again. */
struct entry {
	uint64_t inode, device;
	int fd;
	struct ct_binary *binary;
	bool is_library; /* the C context library itself */
};

struct ct_process_symbols {
	struct ct_target *target;
	struct entry entries[BINARIES_MAX];
	size_t count;
	bool is_go;
	char goroot[NAME_BYTES_MAX]; /* directory of the standard library's sources, with a slash; "" trimmed paths */
};

/* Packed frames under construction. */
struct packer {
	char *at;
	size_t room;
	uint16_t frames;
};

static void learn_goroot(struct ct_process_symbols *symbols)
{
	static const char tail[] = "runtime/proc.go";
	struct ct_function function;
	struct ct_location where[CT_LOCATIONS_MAX];
	struct ct_binary *binary = ct_target_binary(symbols->target);
	const char *file;
	size_t length;

	if (ct_binary_find(binary, "runtime.main", &function, 1) < 1 ||
	    ct_binary_locate(binary, function.start, where, CT_LOCATIONS_MAX) < 1)
		return;
	file = where[0].file;
	length = strlen(file);
	if (length > sizeof(tail) - 1 && length < sizeof(symbols->goroot) &&
	    !strcmp(file + length - (sizeof(tail) - 1), tail))
		memcpy(symbols->goroot, file, length - (sizeof(tail) - 1));
}

int ct_process_symbols_new(struct ct_target *target, struct ct_process_symbols **ret_symbols, struct ct_error *reterr)
{
	struct ct_process_symbols *symbols = calloc(1, sizeof(*symbols));

	if (!symbols)
		return ct_error_set(reterr, -ENOMEM, "no memory for symbols");
	symbols->target = target;
	symbols->is_go = ct_target_go_version(target)->minor != 0;
	if (symbols->is_go)
		learn_goroot(symbols);
	*ret_symbols = symbols;
	return 0;
}

void ct_process_symbols_free(struct ct_process_symbols *symbols)
{
	for (size_t i = 0; symbols && i < symbols->count; i++) {
		ct_binary_free(symbols->entries[i].binary);
		if (symbols->entries[i].fd >= 0)
			close(symbols->entries[i].fd);
	}
	free(symbols);
}

static const struct ct_mapping *mapping_at(const struct ct_target *target, uint64_t address)
{
	size_t count;
	const struct ct_mapping *list = ct_target_mappings(target, &count);

	for (size_t i = 0; i < count; i++)
		if (address >= list[i].start && address < list[i].end)
			return &list[i];
	return NULL;
}

static struct entry *entry_of(struct ct_process_symbols *symbols, const struct ct_mapping *mapping)
{
	struct ct_function create;
	struct entry *entry;

	for (size_t i = 0; i < symbols->count; i++)
		if (symbols->entries[i].inode == mapping->inode && symbols->entries[i].device == mapping->device)
			return &symbols->entries[i];
	if (symbols->count == BINARIES_MAX)
		return NULL;
	entry = &symbols->entries[symbols->count++];
	*entry = (struct entry){ .inode = mapping->inode, .device = mapping->device };
	entry->fd = ct_target_open_mapping(symbols->target, mapping);
	if (entry->fd >= 0 && ct_binary_open(entry->fd, mapping->path, &entry->binary, NULL))
		entry->binary = NULL;
	entry->is_library = entry->binary && strstr(mapping->path, ".so") &&
			    ct_binary_find(entry->binary, "cctx_create_", &create, 1) > 0;
	return entry;
}

static void pack(struct packer *packer, uint32_t line, uint8_t flags, const char *function, const char *file)
{
	size_t function_bytes = strnlen(function, NAME_BYTES_MAX);
	size_t file_bytes = strnlen(file, NAME_BYTES_MAX);
	size_t bytes = FRAME_HEAD_BYTES + function_bytes + file_bytes + 2;
	char *at = packer->at;

	if (bytes > packer->room)
		return;
	memcpy(at, &line, sizeof(line));
	at[4] = (char)flags;
	at += FRAME_HEAD_BYTES;
	memcpy(at, function, function_bytes);
	at[function_bytes] = '\0';
	at += function_bytes + 1;
	memcpy(at, file, file_bytes);
	at[file_bytes] = '\0';
	packer->at += bytes;
	packer->room -= bytes;
	packer->frames++;
}

/*
 * Does a Go function belong to the standard library? By the directory of its source; in -trimpath builds files of the
 * standard library have no version in their path ("net/http/server.go", never "example.com/m@v1/..."), and the first
 * element of its import path has no dot and is not a command's.
 */
static bool is_standard(const struct ct_process_symbols *symbols, const struct ct_location *where)
{
	size_t root = strlen(symbols->goroot);
	size_t first = strcspn(where->function, "/.");
	const char *name = where->function;

	if (root)
		return !strncmp(where->file, symbols->goroot, root);
	if (where->file[0] == '/' || strchr(where->file, '@') || !strncmp(name, "main.", 5))
		return false;
	return name[first] == '.' ? !strncmp(where->file, name, first) && where->file[first] == '/' :
				    !memchr(name, '.', first) && !strncmp(where->file, name, first);
}

static void pack_locations(struct ct_process_symbols *symbols, struct packer *packer, const struct ct_location *where,
			   int count)
{
	for (int i = 0; i < count; i++) {
		uint8_t flags = where[i].is_inlined ? CT_FRAME_INLINED : 0;

		if (symbols->is_go) {
			if (!strncmp(where[i].function, "context.", 8) || !strcmp(where[i].function, "runtime.goexit"))
				continue;
			if (is_standard(symbols, &where[i]))
				flags |= CT_FRAME_STDLIB;
		}
		pack(packer, where[i].line, flags, where[i].function, where[i].file);
	}
}

static void pack_unknown(struct packer *packer, const struct ct_mapping *mapping, uint64_t address)
{
	char name[32];

	snprintf(name, sizeof(name), "0x%" PRIx64, address);
	pack(packer, 0, 0, name, mapping ? mapping->path : "");
}

static void pack_address(struct ct_process_symbols *symbols, struct packer *packer, uint64_t address)
{
	struct ct_location where[CT_LOCATIONS_MAX];
	const struct ct_mapping *mapping = mapping_at(symbols->target, address);
	struct entry *entry;
	int count = 0;

	if (!mapping && !ct_target_refresh(symbols->target)) // a library loaded since
		mapping = mapping_at(symbols->target, address);
	entry = mapping ? entry_of(symbols, mapping) : NULL;
	if (entry && entry->is_library)
		return;
	if (entry && entry->binary)
		count = ct_binary_locate(entry->binary,
					 address - ct_target_bias(symbols->target, mapping, entry->binary) - 1, where,
					 CT_LOCATIONS_MAX);
	if (count > 0)
		pack_locations(symbols, packer, where, count);
	else
		pack_unknown(packer, mapping, address);
}

int ct_process_symbols_site(struct ct_process_symbols *symbols, const struct ct_event_stack *stack, void *buffer,
			    size_t size, struct ct_event *ret_event)
{
	struct ct_event_site *site = buffer;
	uint32_t depth = stack->depth < CT_STACK_FRAMES_MAX ? stack->depth : CT_STACK_FRAMES_MAX;
	struct packer packer = { .at = (char *)buffer + sizeof(*site) };

	if (size < sizeof(*site) + FRAME_HEAD_BYTES + 2)
		return -ENOSPC;
	packer.room = size - sizeof(*site);
	if (packer.room > UINT16_MAX)
		packer.room = UINT16_MAX;
	*site = (struct ct_event_site){
		.header = { .time_ns = stack->header.time_ns, .cpu = stack->header.cpu, .type = CT_EVENT_SITE },
		.path = stack->path,
	};
	for (uint32_t i = 0; i < depth; i++)
		pack_address(symbols, &packer, stack->frames[i]);
	site->frames = packer.frames;
	site->frames_bytes = (uint16_t)(packer.at - (char *)buffer - sizeof(*site));
	return ct_event_decode(buffer, sizeof(*site) + site->frames_bytes, ret_event);
}
