// SPDX-License-Identifier: Apache-2.0
/*
 * Provider for Go's package context. One probe sees every creation (propagateCancel contains `go` and is never
 * inlined), one per cancel method sees every end. Where a profile-guided build has inlined the cancel method into the
 * closures that are the program's cancel functions, those closures are probed too: the inline trees tell which.
 */
#include "provider/go.h"

#include "ctxtrace/event.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESSES_MAX 16 /* of one name */

/*
 * Layouts by Go release, newest first. Offsets of runtime.g: src/runtime/runtime2.go of each release, checked against
 * the DWARF of programs built with it; of context.cancelCtx and timerCtx: src/context/context.go likewise.
 */
static const struct ct_go_layout layouts[] = {
	{ .first = 26, .last = 27, .goid = 152, .parent_goid = 280, .gopc = 288, .startpc = 304 },
	{ .first = 25, .last = 25, .goid = 152, .parent_goid = 272, .gopc = 280, .startpc = 296 },
	{ .first = 23, .last = 24, .goid = 160, .parent_goid = 280, .gopc = 288, .startpc = 304 },
	{ .first = 21, .last = 22, .goid = 152, .parent_goid = 272, .gopc = 280, .startpc = 296 },
};

#define CONTEXT_ERR 48	    /* cancelCtx.err, all of the releases above */
#define CONTEXT_DEADLINE 88 /* timerCtx.deadline */
#define G_SCHED_CTXT 80	    /* g.sched (56) + gobuf.ctxt (24) */

static const struct {
	const char *symbol;
	enum ct_role role;
	uint32_t argument;
	bool is_end;
	bool is_required;
} wanted[] = {
	{ CT_GO_PROPAGATE, CT_ROLE_GO_CREATE, 0, false, true },
	{ CT_GO_CANCEL, CT_ROLE_GO_CANCEL, CT_RECEIVER_CANCEL, true, true },
	{ "context.(*timerCtx).cancel", CT_ROLE_GO_CANCEL, CT_RECEIVER_TIMER, true, false },
	{ "context.(*afterFuncCtx).cancel", CT_ROLE_GO_CANCEL, CT_RECEIVER_AFTER_FUNC, true, false },
	{ "runtime.goexit1", CT_ROLE_GO_TASK_END, 0, true, false },
};

const struct ct_go_layout *ct_go_layout_of(const struct ct_go_version *version)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (version->minor >= layouts[i].first && version->minor <= layouts[i].last)
			return &layouts[i];
	return NULL;
}

int ct_go_add_point(struct ct_binary *binary, struct ct_plan *plan, const char *symbol, uint64_t address,
		    uint64_t cookie, bool is_end)
{
	struct ct_attach_point point = { .symbol = (char *)symbol, .cookie = cookie, .is_end = is_end };
	uint8_t code[CT_PROBE_BYTES] = { 0 };
	struct ct_probe_point place;
	const char *reason = NULL;

	if (ct_binary_read(binary, address, code, sizeof(code)))
		return ct_plan_refuse(plan, symbol, "its code cannot be read");
	if (ct_probe_point_go(code, sizeof(code), &place, &reason))
		return ct_plan_refuse(plan, symbol, reason);
	point.address = address + place.offset;
	point.cost = place.cost;
	point.cookie |= place.cookie_flags;
	if (ct_binary_offset(binary, point.address, &point.offset))
		return ct_plan_refuse(plan, symbol, "it lies in no loaded segment");
	return ct_plan_add(plan, &point);
}

static int add_wanted(struct ct_binary *binary, struct ct_plan *plan)
{
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct ct_function functions[ADDRESSES_MAX];
		int count = ct_binary_find(binary, wanted[i].symbol, functions, ADDRESSES_MAX);
		int rc = 0;

		if (count <= 0)
			rc = ct_plan_refuse(plan, wanted[i].symbol, "not in this program");
		for (int k = 0; k < count && k < ADDRESSES_MAX && !rc; k++)
			rc = ct_go_add_point(binary, plan, wanted[i].symbol, functions[k].start,
					     CT_COOKIE(wanted[i].role, wanted[i].argument), wanted[i].is_end);
		if (rc)
			return rc;
	}
	return 0;
}

/* A goroutine's start: the call that hands the complete new g to the scheduler. */
static int add_task_start(struct ct_binary *binary, struct ct_plan *plan)
{
	static const char newproc[] = "runtime.newproc.func1";
	struct ct_attach_point point = { .symbol = (char *)newproc, .cookie = CT_COOKIE(CT_ROLE_GO_TASK_START, 0) };
	struct ct_function in, callee;
	uint8_t code[512] = { 0 };
	size_t offset, bytes;

	if (ct_binary_find(binary, newproc, &in, 1) < 1 || ct_binary_find(binary, "runtime.runqput", &callee, 1) < 1)
		return ct_plan_refuse(plan, newproc, "not in this program");
	bytes = in.end > in.start && in.end - in.start < sizeof(code) ? in.end - in.start : sizeof(code);
	if (ct_binary_read(binary, in.start, code, bytes) ||
	    ct_probe_point_call(code, bytes, in.start, callee.start, &offset) ||
	    ct_binary_offset(binary, in.start + offset, &point.offset))
		return ct_plan_refuse(plan, newproc, "its call of runqput was not found");
	point.address = in.start + offset;
	point.cost = CT_PROBE_EMULATED;
	return ct_plan_add(plan, &point);
}

/* Opaque of the visitor below. */
struct closures {
	struct ct_binary *binary;
	struct ct_plan *plan;
};

bool ct_go_is_cancel_function(const char *name)
{
	static const char *const makers[] = { "WithCancel.func", "WithCancelCause.func", "AfterFunc.func",
					      "WithDeadline.func", "WithDeadlineCause.func" };

	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		size_t length = strlen(makers[i]);
		const char *at = strstr(name, makers[i]);
		size_t digits = at ? strspn(at + length, "0123456789") : 0;

		// The timer's own callback is the deadline, not a call of the owner.
		if (digits && !at[length + digits] && (at == name || at[-1] == '.') &&
		    !(i >= 3 && !strcmp(at + length, "2")))
			return true;
	}
	return false;
}

static int add_closure(void *opaque, const struct ct_function *into)
{
	struct closures *closures = opaque;

	if (!ct_go_is_cancel_function(into->name))
		return 0;
	return ct_go_add_point(closures->binary, closures->plan, into->name, into->start,
			       CT_COOKIE(CT_ROLE_GO_CANCEL_CLOSURE, 0), true);
}

static int is_known(const struct ct_target *target, struct ct_error *reterr)
{
	const struct ct_go_version *version = ct_target_go_version(target);

	if (ct_go_layout_of(version))
		return 0;
	ct_error_set(reterr, -EOPNOTSUPP, "process %d was built with %s, whose layouts are not known",
		     (int)ct_target_pid(target), version->text);
	ct_error_hint(reterr, "known are Go 1.21 to 1.27");
	return -EOPNOTSUPP;
}

static bool has_required(const struct ct_plan *plan)
{
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		bool is_there = !wanted[i].is_required;

		for (size_t k = 0; k < plan->points_count; k++)
			is_there |= !strcmp(plan->points[k].symbol, wanted[i].symbol);
		if (!is_there)
			return false;
	}
	return true;
}

static int make_points(struct ct_target *target, struct ct_plan *plan)
{
	struct closures closures = { .binary = ct_target_binary(target), .plan = plan };
	int rc = add_wanted(closures.binary, plan);

	rc = rc ?: add_task_start(closures.binary, plan);
	return rc ?: ct_binary_go_each_inlined(closures.binary, CT_GO_CANCEL, add_closure, &closures);
}

static int plan_go(struct ct_target *target, struct ct_process_config *config, struct ct_plan *ret_plan,
		   struct ct_error *reterr)
{
	struct ct_plan plan = { .provider = "go", .fd = -1 };
	struct ct_function create;
	int rc;

	if (!ct_target_go_version(target)->minor)
		return 0;
	rc = is_known(target, reterr);
	if (rc)
		return rc;
	if (ct_binary_find(ct_target_binary(target), CT_GO_PROPAGATE, &create, 1) < 1)
		return 0;
	plan.fd = fcntl(ct_target_exe_fd(target), F_DUPFD_CLOEXEC, 0);
	plan.path = strdup(ct_target_exe(target));
	rc = plan.fd < 0 || !plan.path ? -ENOMEM : make_points(target, &plan);
	if (rc < 0) {
		ct_error_set(reterr, rc, "cannot plan probes in %s: %s", ct_target_exe(target), strerror(-rc));
	} else if (!has_required(&plan)) {
		rc = ct_error_set(reterr, -EOPNOTSUPP, "%s: no safe place for a probe: %s: %s", ct_target_exe(target),
				  plan.refusals_count ? plan.refusals[0].symbol : "package context",
				  plan.refusals_count ? plan.refusals[0].reason : "not found");
	} else {
		rc = ct_go_configure(target, &config->go, config->library);
		if (rc)
			ct_error_set(reterr, rc, "%s: the types of package context were not found", ct_target_exe(target));
	}
	if (rc) {
		ct_plan_done(&plan);
		return rc;
	}
	config->runtime = CT_RUNTIME_GO;
	config->take_stacks = 1;
	*ret_plan = plan;
	return 1;
}

void ct_go_set_offsets(const struct ct_go_layout *layout, struct ct_go_config *config)
{
	config->g_goid = layout->goid;
	config->g_parent_goid = layout->parent_goid;
	config->g_gopc = layout->gopc;
	config->g_startpc = layout->startpc;
	config->g_sched_ctxt = G_SCHED_CTXT;
	config->context_err = CONTEXT_ERR;
	config->context_deadline = CONTEXT_DEADLINE;
	config->cancel_has_cause = 1;
}

const struct ct_provider ct_provider_go = {
	.name = "go",
	.describe = "Go's package context, Go 1.21 to 1.27",
	.plan = plan_go,
};
