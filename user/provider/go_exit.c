// SPDX-License-Identifier: Apache-2.0
/*
 * Where a Go program leaves: runtime.exit makes the system call for os.Exit, for the return from main and after a panic;
 * runtime.dieFromSignal ends it by a signal that nobody handles (src/runtime/signal_unix.go). Of several addresses of a
 * name the first one hit counts, so wrappers do no harm.
 */
#include "provider/go.h"

#include "provider/plan_function.h"

#define ADDRESSES_MAX 8

/* Run at most once in a process: any instruction will do, the first is the one that is surely run. */
static int choose_first(const uint8_t *code, size_t bytes, struct ct_probe_point *ret, const char **ret_reason)
{
	(void)code;
	(void)bytes;
	(void)ret_reason;
	*ret = (struct ct_probe_point){ .cost = CT_PROBE_SINGLE_STEPPED };
	return 0;
}

int ct_go_plan_exit(struct ct_binary *binary, struct ct_plan *plan)
{
	static const char *const names[] = { "runtime.exit", "runtime.dieFromSignal" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct ct_function functions[ADDRESSES_MAX];
		int count = ct_binary_find(binary, names[i], functions, ADDRESSES_MAX);
		int rc = count > 0 ? 0 : ct_plan_refuse(plan, names[i], "not in this program");

		for (int k = 0; k < count && k < ADDRESSES_MAX && !rc; k++)
			rc = ct_plan_function(plan, binary, names[i], &functions[k], choose_first,
					      CT_COOKIE(CT_ROLE_GO_EXIT, 0), true);
		if (rc)
			return rc;
	}
	return 0;
}
