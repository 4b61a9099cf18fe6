// SPDX-License-Identifier: Apache-2.0
#include "report/places.h"

#include <string.h>

/* What follows "PREFIX/" or "PREFIX@VERSION/"; NULL when the name does not begin so. */
static const char *behind(const char *file, const char *prefix)
{
	size_t length = strlen(prefix);
	const char *rest;

	while (length && prefix[length - 1] == '/')
		length--;
	if (strncmp(file, prefix, length))
		return NULL;
	rest = file + length;
	if (*rest == '@')
		rest += strcspn(rest, "/");
	return *rest == '/' && rest[1] ? rest + 1 : NULL;
}

/* It could lead out of the repository, or to its root. */
static bool climbs(const char *path)
{
	for (const char *at = path; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (!strncmp(at, "..", 2) && (!at[2] || at[2] == '/'))
			return true;
	}
	return false;
}

static bool is_own_relative(const struct ct_snapshot *snapshot, const struct ct_frame *frame)
{
	return *frame->file && *frame->file != '/' && !snapshot->strip_prefix && !(frame->flags & CT_FRAME_STDLIB) &&
	       !strchr(frame->file, '@');
}

struct ct_place ct_place_of(const struct ct_snapshot *snapshot, const struct ct_frame *frame)
{
	const char *rest = snapshot->source_root ? behind(frame->file, snapshot->source_root) : NULL;

	if (!rest && snapshot->strip_prefix)
		rest = behind(frame->file, snapshot->strip_prefix);
	if (!rest && is_own_relative(snapshot, frame))
		rest = frame->file;
	if (rest && !climbs(rest) && *rest != '/')
		return (struct ct_place){ .path = rest, .is_in_repository = true };
	return (struct ct_place){ .path = frame->file };
}

bool ct_place_frame(const struct ct_snapshot *snapshot, uint32_t site, struct ct_frame *ret)
{
	const struct ct_site *seen = site == CT_SITE_UNKNOWN ? NULL : ct_tree_site(snapshot->tree, site);
	bool is_found = false;
	struct ct_frame frame;
	uint32_t cursor = 0;

	while (seen && ct_frame_next(seen, &cursor, &frame)) {
		bool is_own = ct_place_of(snapshot, &frame).is_in_repository;

		if (!*frame.file || (is_found && !is_own))
			continue;
		*ret = frame;
		is_found = true;
		if (is_own)
			break;
	}
	return is_found;
}

void ct_text_add_uri(struct ct_text *text, const char *path)
{
	static const char kept[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/@+";

	while (*path) {
		size_t length = strspn(path, kept);

		ct_text_append(text, path, length);
		path += length;
		if (*path)
			ct_text_addf(text, "%%%02X", (unsigned char)*path++);
	}
}
