// SPDX-License-Identifier: Apache-2.0
/*
 * The ELF container: headers, address to file offset, bytes of the image with the relative relocations of a PIE
 * applied. It knows no symbols and no Go.
 *
 * 64-bit, this machine's byte order and architecture only: the agent traces what runs beside it. Field names and
 * meanings are those of elf(5). Tables are read into the heap once; contents are read where they are needed.
 */
#pragma once

#include "ctxtrace/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Loadable segments kept; real files have fewer than ten. */
#define CT_IMAGE_SEGMENTS_MAX 256

/** Largest table copied to the heap (a pclntab, a string table). */
#define CT_IMAGE_TABLE_MAX (UINT64_C(1) << 30)

/** One PT_LOAD. Its file part lies inside the file (checked at open). */
struct ct_segment {
	uint64_t address;
	uint64_t memory_bytes;
	uint64_t offset;
	uint64_t file_bytes;
	uint32_t flags; /**< PF_. */
};

/** One section whose contents lie inside the file (checked at open; others are dropped). */
struct ct_section {
	const char *name;
	uint64_t address;
	uint64_t offset;
	uint64_t bytes;
	uint64_t flags; /**< SHF_. */
	uint32_t type;	/**< SHT_. */
	uint32_t link;	/**< Index in the file's numbering. */
};

/** One relative relocation: the word at `where` becomes `value` at load bias 0. */
struct ct_relocation {
	uint64_t where;
	uint64_t value;
};

/** One open ELF file. */
struct ct_image {
	int fd;
	uint64_t file_bytes;
	bool is_relocatable;
	bool has_interpreter;
	uint64_t dynamic_address, dynamic_bytes; /**< PT_DYNAMIC; zero when there is none. */
	uint64_t note_offset, note_bytes;	 /**< First PT_NOTE. */
	struct ct_segment segments[CT_IMAGE_SEGMENTS_MAX];
	size_t segment_count;
	struct ct_section *sections;
	size_t section_count; /**< Index in this array is the index in the file. */
	char *section_names;
	struct ct_relocation *relocations; /**< Sorted by `where`. */
	size_t relocation_count;
	char build_id[129];
};

/**
 * Read the headers and the relocations.
 *
 * @param fd    Borrowed; must outlive the image.
 * @param name  For messages.
 * @return 0; -ENOEXEC no ELF file of this machine; negative errno. On failure nothing needs to be released.
 */
int ct_image_init(struct ct_image *image, int fd, const char *name, struct ct_error *reterr);

/** Release what init allocated. A zeroed image is fine. */
void ct_image_done(struct ct_image *image);

/** Read exactly `bytes` of the file. @return 0; -EIO when the file is shorter than that or unreadable. */
int ct_image_pread(const struct ct_image *image, uint64_t offset, void *buffer, size_t bytes);

/** Copy a part of the file to the heap, one zero byte added. @return 0; -EFBIG, -ENOMEM, -EIO. */
int ct_image_load(const struct ct_image *image, uint64_t offset, uint64_t bytes, char **ret_data);

/** As ct_binary_offset(). */
int ct_image_offset(const struct ct_image *image, uint64_t address, uint64_t *ret_offset);

/** @return bytes of the file's image from `address` to the end of its segment's file part; 0 outside. */
uint64_t ct_image_available(const struct ct_image *image, uint64_t address);

/** As ct_binary_read(): relocations applied, zeros where the segment has no file part. */
int ct_image_read(const struct ct_image *image, uint64_t address, void *buffer, size_t bytes);

/** The section of this name, or NULL. */
const struct ct_section *ct_image_section(const struct ct_image *image, const char *name);

/** Called per match. @return 0 to go on, anything else ends the search with that value. */
typedef int (*ct_image_visitor)(void *opaque, uint64_t address);

/**
 * Every place of a byte pattern, at addresses that are a multiple of `align`, in segments whose flags under `mask`
 * equal `flags`. Relocations are not applied.
 *
 * @return 0, the visitor's value, or negative errno.
 */
struct ct_image_query {
	uint32_t mask, flags;
	const void *pattern;
	size_t bytes;
	uint64_t align;
};
int ct_image_search(const struct ct_image *image, const struct ct_image_query *query, ct_image_visitor visit,
		    void *opaque);

/** Load the relative relocations named by PT_DYNAMIC (part of init). */
int ct_image_load_relocations(struct ct_image *image);

/** Write relocated values over bytes that were read from [address, address + bytes). */
void ct_image_relocate(const struct ct_image *image, uint64_t address, void *buffer, size_t bytes);

/** Find the GNU build id (part of init); "" when there is none. */
void ct_image_find_build_id(struct ct_image *image);
