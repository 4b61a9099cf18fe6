// SPDX-License-Identifier: Apache-2.0
/*
 * Profile-guided builds inline cancel methods into the closures that are the program's cancel functions; then the
 * method's own probe does not see those ends. The inline trees tell where that happened. A closure is probed at its
 * beginning; anywhere else such an end is left to the reader of memory, and the plan says so.
 */
#include "provider/go.h"

#include "provider/plan_function.h"

#include <string.h>

struct walk {
	struct ct_binary *binary;
	struct ct_plan *plan;
	uint32_t receiver;
};

bool ct_go_is_cancel_function(const char *name)
{
	static const char *const makers[] = {"WithCancel.func", "WithCancelCause.func", "AfterFunc.func",
					     "WithDeadline.func", "WithDeadlineCause.func"};
	const size_t deadlines = 3; // from here on func2 is the timer's own callback, no call of the owner's

	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		size_t length = strlen(makers[i]);
		const char *at = strstr(name, makers[i]);
		size_t digits = at ? strspn(at + length, "0123456789") : 0;

		if (digits && !at[length + digits] && (at == name || at[-1] == '.') &&
		    !(i >= deadlines && !strcmp(at + length, "2")))
			return true;
	}
	return false;
}

/* The closure of WithCancelCause: its argument is the cause. */
static bool takes_cause(const char *name)
{
	return strstr(name, "WithCancelCause.func") != NULL;
}

/* A cancel method that contains another one is probed itself. */
static bool is_probed(const char *name)
{
	return !strcmp(name, CT_GO_CANCEL) || !strcmp(name, CT_GO_CANCEL_TIMER) ||
	       !strcmp(name, CT_GO_CANCEL_AFTER_FUNC);
}

static int visit(void *opaque, const struct ct_function *into)
{
	struct walk *walk = opaque;
	uint32_t argument = walk->receiver | (takes_cause(into->name) ? CT_RECEIVER_TAKES_CAUSE : 0);

	if (is_probed(into->name))
		return 0;
	if (!ct_go_is_cancel_function(into->name))
		return ct_plan_refuse(walk->plan, into->name,
				      "a cancel method is inlined here: ends are seen in memory only");
	return ct_plan_function(walk->plan, walk->binary, into->name, into, ct_probe_point_go,
				CT_COOKIE(CT_ROLE_GO_CANCEL_CLOSURE, argument), true);
}

int ct_go_plan_inlined(struct ct_binary *binary, struct ct_plan *plan)
{
	static const struct {
		const char *method;
		uint32_t receiver;
	} methods[] = {
		{CT_GO_CANCEL_TIMER, CT_RECEIVER_TIMER},
		{CT_GO_CANCEL_AFTER_FUNC, CT_RECEIVER_AFTER_FUNC},
		{CT_GO_CANCEL, CT_RECEIVER_CANCEL}, // last: it is inside the others, whose receiver says more
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]) && !rc; i++) {
		struct walk walk = {.binary = binary, .plan = plan, .receiver = methods[i].receiver};

		rc = ct_binary_go_each_inlined(binary, methods[i].method, visit, &walk);
	}
	return rc;
}
