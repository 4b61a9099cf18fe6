// SPDX-License-Identifier: Apache-2.0
#include "symbol/go_build_info.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "symbol/binary.h"
#include "symbol/pclntab.h"

#define HEADER_BYTES	32
#define MAGIC		"\xff Go buildinf:"
#define MAGIC_BYTES	(sizeof(MAGIC) - 1)
#define POINTER_SIZE_AT 14
#define FLAGS_AT	15
#define FLAG_BIG_ENDIAN 1
#define FLAG_INLINE	2
#define POINTER_AT	16

// Digits of a version number that are believed; more is no release.
#define NUMBER_MAX 10000

static unsigned int number(const char **text)
{
	unsigned int value = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++)
		if (value < NUMBER_MAX)
			value = value * 10 + (unsigned int)(**text - '0');
	return value;
}

int ct_go_version_parse(const char *text, struct ct_go_version *ret_version)
{
	struct ct_go_version version = {.minor = 0};
	const char *at = strstr(text, "go1.");
	size_t length = strlen(text);

	if (!at)
		return -EPROTO;
	at += strlen("go1.");
	version.minor = number(&at);
	if (*at == '.') {
		at++;
		version.patch = number(&at);
	}
	if (!version.minor || version.minor > NUMBER_MAX || version.patch > NUMBER_MAX)
		return -EPROTO;
	if (length >= sizeof(version.text))
		length = sizeof(version.text) - 1;
	memcpy(version.text, text, length);
	*ret_version = version;
	return 0;
}

static int parse_text(const struct ct_image *image, uint64_t address, uint64_t bytes, struct ct_go_version *ret_version)
{
	struct ct_go_version version;
	char text[sizeof(version.text)] = "";

	if (!bytes || bytes > CT_IMAGE_TABLE_MAX)
		return -EPROTO;
	if (bytes >= sizeof(text))
		bytes = sizeof(text) - 1; // experiments make it long; the number stands in front
	if (ct_image_read(image, address, text, bytes) < 0)
		return -EPROTO;
	return ct_go_version_parse(text, ret_version);
}

static int parse_inline(const struct ct_image *image, uint64_t address, struct ct_go_version *ret_version)
{
	unsigned char varint[5] = {0};
	uint64_t length, used = 0;
	size_t bytes = sizeof(varint);

	if (bytes > ct_image_available(image, address + HEADER_BYTES))
		bytes = ct_image_available(image, address + HEADER_BYTES);
	if (!bytes || ct_image_read(image, address + HEADER_BYTES, varint, bytes) < 0)
		return -EPROTO;
	if (!ct_varint(varint, bytes, &used, &length))
		return -EPROTO;
	return parse_text(image, address + HEADER_BYTES + used, length, ret_version);
}

static int parse_pointer(const struct ct_image *image, uint64_t address, struct ct_go_version *ret_version)
{
	uint64_t header, string[2];

	if (ct_image_read(image, address + POINTER_AT, &header, sizeof(header)) < 0 ||
	    ct_image_read(image, header, string, sizeof(string)) < 0)
		return -EPROTO;
	return parse_text(image, string[0], string[1], ret_version);
}

static int parse_at(const struct ct_image *image, uint64_t address, struct ct_go_version *ret_version)
{
	unsigned char header[HEADER_BYTES];

	if (ct_image_read(image, address, header, sizeof(header)) < 0 || memcmp(header, MAGIC, MAGIC_BYTES) != 0)
		return -ENOENT;
	if (header[FLAGS_AT] & FLAG_INLINE)
		return parse_inline(image, address, ret_version);
	if (header[POINTER_SIZE_AT] != 8 || header[FLAGS_AT] & FLAG_BIG_ENDIAN)
		return -EPROTO;
	return parse_pointer(image, address, ret_version);
}

/* A search for build info without section headers. */
struct candidate {
	const struct ct_image *image;
	struct ct_go_version *ret_version;
	bool is_malformed;
};

static int try_candidate(void *opaque, uint64_t address)
{
	struct candidate *candidate = opaque;

	// The bytes may be the constant of a program that itself reads build info: go on to the next match.
	if (parse_at(candidate->image, address, candidate->ret_version) == 0)
		return 1;
	candidate->is_malformed = true;
	return 0;
}

int ct_go_build_info_read(const struct ct_image *image, struct ct_go_version *ret_version)
{
	const struct ct_section *section = ct_image_section(image, ".go.buildinfo");
	const struct ct_image_query query = {PF_W, PF_W, MAGIC, MAGIC_BYTES,
					     16}; // it is in writable data, all releases
	struct candidate candidate = {image, ret_version, false};
	int r;

	if (section && section->address) {
		r = parse_at(image, section->address, ret_version);
		if (r != -ENOENT)
			return r;
	}
	r = ct_image_search(image, &query, try_candidate, &candidate);
	if (r == 1)
		return 0;
	if (r < 0)
		return r;
	return candidate.is_malformed ? -EPROTO : -ENOENT;
}
