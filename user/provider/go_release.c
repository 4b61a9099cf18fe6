// SPDX-License-Identifier: Apache-2.0
/* Which Go releases can be watched: those whose layouts are known (user/memory/layout.c). Others are never guessed. */
#include "memory/layout.h"
#include "provider/go.h"

#include <errno.h>

int ct_go_check_release(const struct ct_target *target, struct ct_error *reterr)
{
	const struct ct_go_version *version = ct_target_go_version(target);
	struct ct_go_layout layout;

	if (!ct_go_layout_find(version->minor, &layout))
		return 0;
	ct_error_set(reterr, -EOPNOTSUPP, "process %d was built with %s, whose layouts are not known",
		     (int)ct_target_pid(target), version->text);
	ct_error_hint(reterr, "known are Go 1.%u to 1.%u%s", CT_GO_MINOR_OLDEST, CT_GO_MINOR_NEWEST,
		      version->minor > CT_GO_MINOR_NEWEST ? "; a newer ctxtrace may know it, and a census verifies it: "
							     "ctxtrace census -p PID" : "");
	return -EOPNOTSUPP;
}
