// SPDX-License-Identifier: Apache-2.0
/* One explanation in the making: explain.c asks, the other two files put the answers into events. */
#pragma once

#include "agent/explain.h"
#include "agent/paths.h"
#include "memory/explain.h"
#include "symbol/binary.h"

/* A live context, as it is put into its group. */
struct member {
	uint64_t address;
	uint32_t site;
	uint32_t parent; /* index; CT_INDEX_NONE: a root, or one of few */
	uint8_t kind;
	uint8_t has_parents;
};

struct explaining {
	struct ct_live *live;
	uint64_t now_ns; /* of all events: explaining takes no time on the stream's clock */
	ct_scan_breathe drain; /* NULL: the window has ended */
	struct ct_paths paths;
	struct ct_go_module module;
	uint64_t load_bias;
	struct ct_known_context *known;
	size_t known_count;
	struct member *members; /* those whose cancel functions may exist */
	size_t members_count;
};

/* Is the variable, or the function, at this address the runtime's own? `opaque` is the explanation. */
bool ct_explain_is_runtime(void *opaque, uint64_t address);

/* Push an event. */
int ct_explain_push(const struct explaining *explaining, const void *event, size_t bytes);

/* Who holds the cancel functions of `members`. @return 0 or negative errno. */
int ct_explain_holders(struct explaining *explaining);

/* What all the goroutines do. */
int ct_explain_goroutines(struct explaining *explaining);
