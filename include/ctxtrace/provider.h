// SPDX-License-Identifier: Apache-2.0
/*
 * A provider knows one family of context libraries. It looks at a target's files and says where probes belong: a plan.
 * It attaches nothing: attach.c alone executes plans, `ctxtrace check` prints them, unit tests make them from real
 * binaries without privilege.
 *
 * To add a provider: one file user/provider/NAME.c with a `const struct ct_provider`, one row in
 * user/provider/table.c, one bpf file when no existing role fits, one target program with its ground truth.
 */
#pragma once

#include "ctxtrace/error.h"
#include "ctxtrace/process_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What the kernel will do at a probed instruction, cheapest first (uprobe-cost: a step costs 18 times a push). */
enum ct_probe_cost {
	CT_PROBE_EMULATED,	/**< push, nop, jmp, call, jcc. */
	CT_PROBE_SINGLE_STEPPED,
};

/** One place to probe. */
struct ct_attach_point {
	uint64_t offset; /**< File offset of the instruction, as uprobes want it. */
	uint64_t address; /**< Its virtual address as linked (no load bias), for messages. */
	uint64_t cookie; /**< CT_COOKIE(role, argument). */
	char *symbol;	 /**< Name of the function, owned by the plan. */
	enum ct_probe_cost cost;
	bool is_end; /**< Attached before all others, so that no create is seen whose end is missed. */
};

/** A symbol that was wanted and is not probed. */
struct ct_plan_refusal {
	char *symbol;
	char *reason; /**< For a person: what was found there. */
};

/** Where the probes of one file (executable or shared library) belong. Owned by its maker; ct_plan_done() releases. */
struct ct_plan {
	const char *provider; /**< Name, static. */
	char *path;	      /**< For messages: the file as the target maps it. */
	int fd;		      /**< The file itself, open for reading; owned. attach uses /proc/self/fd/N. */
	struct ct_attach_point *points;
	size_t points_count;
	struct ct_plan_refusal *refusals;
	size_t refusals_count;
};

/** The target as a provider sees it. Filled in by ct_target_open(); borrowed by providers. */
struct ct_target;

/** One family of context libraries. */
struct ct_provider {
	const char *name;     /**< "go", "ctxtrace-context". */
	const char *describe; /**< One line for --help and `check`. */
	/**
	 * Look at the target and make the plan.
	 *
	 * @param target      The target, borrowed.
	 * @param config      What the kernel side must know; only this provider's parts are touched.
	 * @param ret_plan    The plan; to be released with ct_plan_done().
	 * @param reterr      Why the provider, though present in the target, cannot be used.
	 * @return 1 with a plan; 0 when the target does not use this library; negative errno otherwise.
	 */
	int (*plan)(struct ct_target *target, struct ct_process_config *config, struct ct_plan *ret_plan,
		    struct ct_error *reterr);
};

/** All providers, in the order they are asked. Ends with NULL. */
extern const struct ct_provider *const ct_providers[];

/** Add a point; the strings are copied. @return 0 or -ENOMEM. */
int ct_plan_add(struct ct_plan *plan, const struct ct_attach_point *point);

/** Note a symbol that is not probed, and why. @return 0 or -ENOMEM. */
int ct_plan_refuse(struct ct_plan *plan, const char *symbol, const char *reason);

/** Take all points of a role out of a plan (--no-goroutines). */
void ct_plan_remove(struct ct_plan *plan, enum ct_role role);

/** Release everything in a plan and close its file. A zeroed plan with fd -1 is fine. */
void ct_plan_done(struct ct_plan *plan);
