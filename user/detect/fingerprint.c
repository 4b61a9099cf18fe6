// SPDX-License-Identifier: Apache-2.0
#include "detect/findings.h"

#include <string.h>

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

/*
 * A site is known by three return addresses (bpf/path.bpf.h); what lies farther out is of whoever came that way first,
 * another one in the next run. A return address may expand to several inlined frames, and never to less than one.
 */
#define FRAMES_MAX 3

static uint64_t mix(uint64_t hash, const void *bytes, size_t count)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < count; i++)
		hash = (hash ^ byte[i]) * FNV_PRIME;
	return hash;
}

/* With its NUL, so that "ab" "c" and "a" "bc" differ. */
static uint64_t mix_string(uint64_t hash, const char *string)
{
	return mix(hash, string, strlen(string) + 1);
}

static uint64_t mix_site(uint64_t hash, const struct ct_site *site)
{
	struct ct_frame frame;
	uint32_t cursor = 0;

	for (int i = 0; i < FRAMES_MAX && ct_frame_next(site, &cursor, &frame); i++)
		if (strncmp(frame.function, "0x", 2) != 0) // a bare address, different in every build
			hash = mix_string(hash, frame.function);
	return hash;
}

uint64_t ct_finding_fingerprint(const struct ct_tree *tree, const struct ct_finding *finding)
{
	const struct ct_site *site = ct_tree_site(tree, finding->site);
	uint64_t hash = mix_string(FNV_OFFSET, ct_finding_name(finding->kind));

	if (finding->site != CT_SITE_UNKNOWN && site)
		return mix_site(hash, site);
	hash = mix_string(hash, "unknown site");
	return mix(hash, &finding->context_kind, 1);
}
