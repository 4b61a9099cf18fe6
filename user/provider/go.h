// SPDX-License-Identifier: Apache-2.0
/* What the files of the Go provider share: names, layouts, and the facts given to the kernel side. */
#pragma once

#include "provider/probe_point.h"
#include "provider/target.h"

#define CT_GO_PROPAGATE "context.(*cancelCtx).propagateCancel"
#define CT_GO_CANCEL "context.(*cancelCtx).cancel"

/** Offsets in runtime.g of a span of Go releases, 1.`first` to 1.`last`. */
struct ct_go_layout {
	unsigned int first, last;
	uint32_t goid, parent_goid, gopc, startpc;
};

/** @return the layout of a release, or NULL: unknown, refuse. */
const struct ct_go_layout *ct_go_layout_of(const struct ct_go_version *version);

/** Fill in a release's offsets. */
void ct_go_set_offsets(const struct ct_go_layout *layout, struct ct_go_config *config);

/** Add one function's probe point to a plan, or note why it has none. @return 0 or -ENOMEM. */
int ct_go_add_point(struct ct_binary *binary, struct ct_plan *plan, const char *symbol, uint64_t address,
		    uint64_t cookie, bool is_end);

/** Is this the name of a closure that is a program's cancel or stop function? Inlined copies included. */
bool ct_go_is_cancel_function(const char *name);

/**
 * Addresses of types, ranges of callers, the zero of the process's clock.
 *
 * @param library  CT_LIBRARY_RANGES_MAX ranges; the first becomes package context's text.
 * @return 0; -ENOENT when not even the type of a cancellable context was found.
 */
int ct_go_configure(struct ct_target *target, struct ct_go_config *config, struct ct_range *library);
