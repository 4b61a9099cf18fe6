// SPDX-License-Identifier: Apache-2.0
#include "provider/process_symbols.h"

#include "provider/go_standard.h"
#include "provider/request_sites.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BINARIES_MAX	 256
#define NAME_BYTES_MAX	 512 /* longer names are cut: a hostile symbol table must not fill the stream */
#define FRAME_HEAD_BYTES 5

/* One file of the target. `binary` is NULL for a file that could not be read: it is not tried again. */
struct entry {
	uint64_t inode, device;
	int fd;
	struct ct_binary *binary;
	bool is_owned;	 /* else it is the target's own executable */
	bool is_library; /* the C context library itself */
	bool is_program; /* the executable, or a part of it that is loaded: it serves requests */
};

struct ct_process_symbols {
	struct ct_target *target;
	struct entry entries[BINARIES_MAX];
	size_t count;
	bool is_go;
	bool is_linked_in;	     /* the C context library is part of the executable */
	const char *const *chosen; /* makers of requests' contexts, by the user */
	size_t chosen_count;
	char goroot[NAME_BYTES_MAX]; /* directory of the standard library's sources, with a slash; "": trimmed */
};

/* Packed frames under construction. */
struct packer {
	char *at;
	size_t room;
	uint16_t frames;
	bool has_library; /* its own frames stay */
	bool was_refreshed; /* once a path: addresses of generated code are never found */
	uint8_t flags; /* of every frame of the file at hand */
};

int ct_process_symbols_new(struct ct_target *target, struct ct_process_symbols **ret_symbols, struct ct_error *reterr)
{
	struct ct_process_symbols *symbols = calloc(1, sizeof(*symbols));
	struct ct_function create;

	if (!symbols)
		return ct_error_set(reterr, -ENOMEM, "no memory for symbols");
	symbols->target = target;
	symbols->is_go = ct_target_go_version(target)->minor != 0;
	symbols->is_linked_in = ct_binary_find(ct_target_binary(target), "cctx_create_", &create, 1) > 0;
	if (symbols->is_go)
		ct_go_find_root(ct_target_binary(target), symbols->goroot, sizeof(symbols->goroot));
	*ret_symbols = symbols;
	return 0;
}

void ct_process_symbols_choose(struct ct_process_symbols *symbols, const char *const *functions, size_t count)
{
	symbols->chosen = functions;
	symbols->chosen_count = count;
}

void ct_process_symbols_free(struct ct_process_symbols *symbols)
{
	for (size_t i = 0; symbols && i < symbols->count; i++) {
		if (symbols->entries[i].is_owned)
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

static void open_entry(const struct ct_process_symbols *symbols, const struct ct_mapping *mapping, struct entry *entry)
{
	struct ct_function create;

	if (ct_target_is_exe(symbols->target, mapping)) {
		entry->binary = ct_target_binary(symbols->target);
		entry->is_program = true;
		return;
	}
	entry->fd = ct_target_open_mapping(symbols->target, mapping);
	if (entry->fd < 0 || ct_binary_open(entry->fd, mapping->path, &entry->binary, NULL))
		return;
	entry->is_owned = true;
	entry->is_library = ct_binary_find(entry->binary, "cctx_create_", &create, 1) > 0;
	entry->is_program = ct_binary_imports(entry->binary, "cctx_request_begin") > 0;
}

static struct entry *entry_of(struct ct_process_symbols *symbols, const struct ct_mapping *mapping)
{
	struct entry *entry;

	for (size_t i = 0; i < symbols->count; i++)
		if (symbols->entries[i].inode == mapping->inode && symbols->entries[i].device == mapping->device)
			return &symbols->entries[i];
	if (symbols->count == BINARIES_MAX)
		return NULL;
	entry = &symbols->entries[symbols->count++];
	*entry = (struct entry){.inode = mapping->inode, .device = mapping->device, .fd = -1};
	open_entry(symbols, mapping, entry);
	return entry;
}

static void pack(struct packer *packer, uint32_t line, uint8_t flags, const char *function, const char *file)
{
	size_t function_bytes = strnlen(function, NAME_BYTES_MAX);
	size_t file_bytes = strnlen(file, NAME_BYTES_MAX);
	size_t bytes = FRAME_HEAD_BYTES + function_bytes + file_bytes + 2;
	char *at = packer->at;

	if (bytes > packer->room) {
		packer->room = 0; // the outermost frames are cut, none in between
		return;
	}
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

static bool is_own_frame(const struct ct_process_symbols *symbols, const char *function)
{
	if (symbols->is_go && (!strncmp(function, "context.", 8) || !strcmp(function, "runtime.goexit")))
		return true;
	return symbols->is_linked_in && !strncmp(function, "cctx_", 5);
}

/* As Go's own tracebacks print a generic function: its type arguments as three dots (runtime.funcNameForPrint). */
static const char *without_type_arguments(const char *function, char *buffer, size_t bytes)
{
	const char *open = strchr(function, '['), *close = strrchr(function, ']');
	int length;

	if (!open || !close || close < open)
		return function;
	length = snprintf(buffer, bytes, "%.*s[...%s", (int)(open - function), function, close);
	return length < 0 || (size_t)length >= bytes ? function : buffer;
}

static void pack_locations(struct ct_process_symbols *symbols, struct packer *packer, const struct ct_location *where,
			   int count)
{
	for (int i = 0; i < count; i++) {
		uint8_t flags = packer->flags | (where[i].is_inlined ? CT_FRAME_INLINED : 0);
		const char *function = where[i].function;
		char name[NAME_BYTES_MAX];

		if (!packer->has_library && is_own_frame(symbols, where[i].function))
			continue;
		if (!strcmp(where[i].function, "runtime.goexit"))
			continue; // below every goroutine
		if (symbols->is_go && ct_go_is_standard(symbols->goroot, where[i].function, where[i].file))
			flags |= CT_FRAME_STDLIB;
		if (symbols->is_go)
			function = without_type_arguments(function, name, sizeof(name));
		pack(packer, where[i].line, flags, function, where[i].file);
	}
}

/* By its place in the file: an address of this run would make another site and fingerprint of it in the next. */
static void pack_unknown(struct packer *packer, const struct ct_mapping *mapping, uint64_t address, uint64_t place)
{
	const char *slash = mapping ? strrchr(mapping->path, '/') : NULL;
	char name[NAME_BYTES_MAX];

	if (mapping && *mapping->path)
		snprintf(name, sizeof(name), "%.200s+0x%" PRIx64, slash ? slash + 1 : mapping->path, place);
	else
		snprintf(name, sizeof(name), "0x%" PRIx64, address);
	pack(packer, 0, packer->flags, name, mapping ? mapping->path : "");
}

static void pack_address(struct ct_process_symbols *symbols, struct packer *packer, uint64_t address)
{
	struct ct_location where[CT_LOCATIONS_MAX];
	const struct ct_mapping *mapping = mapping_at(symbols->target, address);
	uint64_t place = address;
	struct entry *entry;
	int count = 0;

	if (!mapping && !packer->was_refreshed) { // a library loaded since
		packer->was_refreshed = true;
		if (!ct_target_refresh(symbols->target))
			mapping = mapping_at(symbols->target, address);
	}
	entry = mapping ? entry_of(symbols, mapping) : NULL;
	if (entry && entry->is_library && !packer->has_library)
		return;
	packer->flags = symbols->is_go || (entry && entry->is_program) ? 0 : CT_FRAME_LIBRARY;
	if (entry && entry->binary) {
		place = address - ct_target_bias(symbols->target, mapping, entry->binary);
		count = ct_binary_locate(entry->binary, place - 1, where, CT_LOCATIONS_MAX);
	} else if (mapping) {
		place = address - mapping->start + mapping->offset;
	}
	if (count > 0)
		pack_locations(symbols, packer, where, count);
	else
		pack_unknown(packer, mapping, address, place);
}

/* By the innermost function: the runtime's are in front of it when it runs deferred calls or panics, and grpc-go wraps the
 * cancel function of a call with a deadline. */
static uint8_t site_flags(const struct ct_process_symbols *symbols, const char *at, uint16_t frames)
{
	for (; frames; frames--) {
		const char *function = at + FRAME_HEAD_BYTES, *file = function + strlen(function) + 1;

		if (strncmp(function, "runtime.", 8) != 0 && !ct_request_site_wraps(function))
			return ct_request_site(function, symbols->chosen, symbols->chosen_count);
		at = file + strlen(file) + 1;
	}
	return 0;
}

static int make_site(struct ct_process_symbols *symbols, const struct ct_event_stack *stack, struct packer packer,
		     void *buffer, size_t size, struct ct_event *ret_event)
{
	struct ct_event_site *site = buffer;
	uint32_t depth = stack->depth < CT_STACK_FRAMES_MAX ? stack->depth : CT_STACK_FRAMES_MAX;

	packer.at = (char *)buffer + sizeof(*site);
	if (size < sizeof(*site) + FRAME_HEAD_BYTES + 2)
		return -ENOSPC;
	packer.room = (size < CT_EVENT_BYTES_MAX ? size : CT_EVENT_BYTES_MAX) - sizeof(*site);
	*site = (struct ct_event_site){
		.header = {.time_ns = stack->header.time_ns, .cpu = stack->header.cpu, .type = CT_EVENT_SITE},
		.path = stack->path,
	};
	for (uint32_t i = 0; i < depth; i++)
		pack_address(symbols, &packer, stack->frames[i]);
	site->frames = packer.frames;
	if (symbols->is_go && !packer.has_library)
		site->header.flags = site_flags(symbols, (char *)buffer + sizeof(*site), packer.frames);
	site->frames_bytes = (uint16_t)(packer.at - (char *)buffer - sizeof(*site));
	return ct_event_decode(buffer, sizeof(*site) + site->frames_bytes, ret_event);
}

int ct_process_symbols_site(struct ct_process_symbols *symbols, const struct ct_event_stack *stack, void *buffer,
			    size_t size, struct ct_event *ret_event)
{
	return make_site(symbols, stack, (struct packer){.at = NULL}, buffer, size, ret_event);
}

int ct_process_symbols_all(struct ct_process_symbols *symbols, const struct ct_event_stack *stack, void *buffer,
			   size_t size, struct ct_event *ret_event)
{
	return make_site(symbols, stack, (struct packer){.has_library = true}, buffer, size, ret_event);
}
