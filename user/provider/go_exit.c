// SPDX-License-Identifier: Apache-2.0
/*
 * Where a Go program leaves: runtime.exit makes the system call for os.Exit, for the return from main and after a
 * panic; runtime.dieFromSignal ends it by a signal that nobody handles (src/runtime/signal_unix.go). With the race
 * detector os.Exit(0) and the return from main come to neither: runtime.racefini hands over to C for good, which sleeps
 * a second and calls exit (src/runtime/race.go). Of several addresses of a name the first one hit counts, so wrappers
 * do no harm.
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

static const struct {
	const char *name;
	bool is_optional; // most programs are without it, which is nothing to tell
} exits[] = {
	{"runtime.exit", false},
	{"runtime.dieFromSignal", false},
	{"runtime.racefini", true},
};

int ct_go_plan_exit(struct ct_binary *binary, struct ct_plan *plan)
{
	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		struct ct_function functions[ADDRESSES_MAX];
		const char *name = exits[i].name;
		int count = ct_binary_find(binary, name, functions, ADDRESSES_MAX);
		int rc = count > 0 || exits[i].is_optional ? 0 : ct_plan_refuse(plan, name, "not in this program");

		for (int k = 0; k < count && k < ADDRESSES_MAX && !rc; k++)
			rc = ct_plan_function(plan, binary, name, &functions[k], choose_first,
					      CT_COOKIE(CT_ROLE_GO_EXIT, 0), true);
		if (rc)
			return rc;
	}
	return 0;
}
