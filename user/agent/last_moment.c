// SPDX-License-Identifier: Apache-2.0
#include "agent/last_moment.h"

#include "agent/explain.h"
#include "agent/still.h"
#include "provider/attach.h"
#include "provider/go.h"
#include "provider/target.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int ct_last_moment_plan(struct ct_live *live)
{
	if (!live->child || !live->scanner.census)
		return 0;
	live->config.exit_uid = (uint32_t)getuid();
	for (size_t i = 0; i < live->plans_count; i++)
		if (!strcmp(live->plans[i].provider, "go"))
			return ct_go_plan_exit(ct_target_binary(live->target), &live->plans[i]);
	return 0;
}

void ct_last_moment_look(struct ct_live *live, ct_scan_breathe drain)
{
	struct ct_error error = CT_ERROR_INIT;

	if (!live->child || live->has_read_exit || !ct_attach_is_held(live->attach))
		return;
	live->has_read_exit = true;
	drain(live); // what it did until then comes first
	if (ct_still_scan(live, true, drain, &error)) {
		if (live->options->is_verbose)
			fprintf(stderr, "ctxtrace: the last reading failed: %s\n", error.message);
	} else if (ct_explain_work(live, drain) == -ENOMEM) {
		live->error = -ENOMEM;
	}
	kill(live->child, SIGCONT);
}

void ct_last_moment_pass(struct ct_live *live)
{
	if (live->child && !live->has_read_exit && ct_attach_is_held(live->attach))
		kill(live->child, SIGCONT);
}
