// SPDX-License-Identifier: Apache-2.0
#include "agent/run_advice.h"

#include "provider/target.h"

#include <errno.h>
#include <stdio.h>

/*
 * By its own packages, which no other program can import: that holds whatever the file is called, for one that another
 * go command has switched to, and for Go 1.17, whose build information does not name the main package.
 */
static bool is_go_command(struct ct_binary *binary)
{
	struct ct_function run;

	return ct_binary_go_package_runs(binary, "cmd/go/internal/", &run, 1) > 0;
}

void ct_run_advise(const struct ct_live *live)
{
	if (!live->child || live->options->is_quiet || !is_go_command(ct_target_binary(live->target)))
		return;
	fputs("ctxtrace: run watches only the process it starts: the go command, not the tests and programs that it starts "
	      "in turn; to watch tests: go test -exec \"ctxtrace run --\" ./...\n",
	      stderr);
}

void ct_run_hint(const struct ct_live *live, struct ct_error *error)
{
	if (!live->child || !live->target || live->plans_count || error->code != -EOPNOTSUPP ||
	    ct_target_go_version(live->target)->minor)
		return;
	ct_error_hint(error,
		      "run watches only the process it starts: if %s starts the program that is meant, as a script or a "
		      "shell does, name the program itself; known are Go 1.17 to 1.27 (package context) and "
		      "libctxtrace-context",
		      live->options->command_argv[0]);
}
