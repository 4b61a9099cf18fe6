// SPDX-License-Identifier: Apache-2.0
/* Go releases: what moved from one to the next. A release that is not here is refused, never guessed. */
#include "provider/go.h"

#include <errno.h>

/*
 * Newest first. runtime.g: src/runtime/runtime2.go; mheap, heapArena, mspan: src/runtime/mheap.go of each release,
 * checked against the DWARF of programs built with 1.21.13, 1.22.12, 1.23.12, 1.24.13, 1.25.7, 1.26.8, 1.27.3.
 */
static const struct ct_go_release releases[] = {
	// first, last; goid, parentGoid, gopc, startpc; arenas, spans, elemsize
	{26, 27, 152, 280, 288, 304, 66008, 0, 104}, // g.parentGoid and what follows moved by a word
	{25, 25, 152, 272, 280, 296, 66008, 0, 104}, // as 1.22
	{23, 24, 160, 280, 288, 304, 66008, 0, 104}, // g.syscallbp
	{22, 22, 152, 272, 280, 296, 66008, 0, 104}, // heapArena lost its bitmap
	{21, 21, 152, 272, 280, 296, 65944, 1064960, 112},
};
#define RELEASES (sizeof(releases) / sizeof(releases[0]))

const struct ct_go_release *ct_go_release_of(const struct ct_go_version *version)
{
	for (size_t i = 0; i < RELEASES; i++)
		if (version->minor >= releases[i].first && version->minor <= releases[i].last)
			return &releases[i];
	return NULL;
}

int ct_go_check_release(const struct ct_target *target, struct ct_error *reterr)
{
	const struct ct_go_version *version = ct_target_go_version(target);

	if (ct_go_release_of(version))
		return 0;
	ct_error_set(reterr, -EOPNOTSUPP, "process %d was built with %s, whose layouts are not known",
		     (int)ct_target_pid(target), version->text);
	ct_error_hint(reterr, "known are Go 1.%u to 1.%u%s", releases[RELEASES - 1].first, releases[0].last,
		      version->minor > releases[0].last ? "; a newer ctxtrace may know it" : "");
	return -EOPNOTSUPP;
}
