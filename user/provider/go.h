// SPDX-License-Identifier: Apache-2.0
/* What the files of the Go provider share: names, releases, and the facts given to the kernel side. */
#pragma once

#include "provider/probe_point.h"
#include "provider/target.h"

#define CT_GO_PROPAGATE		"context.(*cancelCtx).propagateCancel"
#define CT_GO_PROPAGATE_OLD	"context.propagateCancel" /* up to 1.20: a function, no method */
#define CT_GO_CANCEL		"context.(*cancelCtx).cancel"
#define CT_GO_CANCEL_TIMER	"context.(*timerCtx).cancel"
#define CT_GO_CANCEL_AFTER_FUNC "context.(*afterFuncCtx).cancel"

/** First release, as 1.N, in which creation is a method, after_func contexts exist and roots have types of their own. */
#define CT_GO_MINOR_METHOD 21

/** Name of the function every creation passes. */
static inline const char *ct_go_propagate(const struct ct_go_version *version)
{
	return version->minor < CT_GO_MINOR_METHOD ? CT_GO_PROPAGATE_OLD : CT_GO_PROPAGATE;
}

/** Refuse a release that is not in the table, with a sentence that says which are. @return 0 or -EOPNOTSUPP. */
int ct_go_check_release(const struct ct_target *target, struct ct_error *reterr);

/** Is this the name of a closure that is a program's cancel or stop function? Inlined copies included. */
bool ct_go_is_cancel_function(const char *name);

/** Points in the closures into which a profile-guided build has inlined a cancel method. @return 0 or negative errno.
 */
int ct_go_plan_inlined(struct ct_binary *binary, struct ct_plan *plan);

/**
 * Add where the program leaves, so that it can be held there. For whoever will let it go again: `run`.
 * @return 0 or -ENOMEM; a place that is not found is a refusal.
 */
int ct_go_plan_exit(struct ct_binary *binary, struct ct_plan *plan);

/**
 * What the kernel side must know: types, ranges of callers, offsets, the zero of the process's clock.
 *
 * @param plan  Where missing facts are noted.
 * @return 0; -ENOENT when not even the type of a cancellable context was found; -ENOMEM.
 */
int ct_go_configure(struct ct_target *target, struct ct_process_config *config, struct ct_plan *plan);

/** Address, as linked, of time.startNano: the zero of a Go program's monotonic time. @return 0 or -ENOENT. */
int ct_go_find_start_nano(struct ct_binary *binary, uint64_t *ret_address);
