// SPDX-License-Identifier: Apache-2.0
/* `ctxtrace check`: what would be attached and why not. A dry run: nothing is loaded into the target. */
#include "agent/agent.h"
#include "agent/output.h"
#include "agent/privileges.h"
#include "base/text.h"
#include "ctxtrace/provider.h"
#include "provider/attach.h"
#include "provider/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define PLANS_MAX 4

static void print_point(const struct ct_attach_point *point)
{
	struct ct_text text = { 0 };

	ct_text_addf(&text, "  %-14s 0x%-10llx ", ct_role_name(CT_COOKIE_ROLE(point->cookie)),
		     (unsigned long long)point->offset);
	ct_text_add_escaped(&text, point->symbol, 200);
	if (point->cost == CT_PROBE_SINGLE_STEPPED)
		ct_text_add(&text, "  (single-stepped: about 18 times dearer)");
	if (!text.failed)
		puts(text.data);
	ct_text_done(&text);
}

static void print_plan(const struct ct_plan *plan)
{
	struct ct_text text = { 0 };

	ct_text_addf(&text, "provider %s: %zu probes in ", plan->provider, plan->points_count);
	ct_text_add_escaped(&text, plan->path, 400);
	if (!text.failed)
		puts(text.data);
	ct_text_clear(&text);
	for (size_t i = 0; i < plan->points_count; i++)
		print_point(&plan->points[i]);
	for (size_t i = 0; i < plan->refusals_count; i++) {
		ct_text_clear(&text);
		ct_text_add(&text, "  not probed: ");
		ct_text_add_escaped(&text, plan->refusals[i].symbol, 200);
		ct_text_addf(&text, ": %s", plan->refusals[i].reason);
		if (!text.failed)
			puts(text.data);
	}
	ct_text_done(&text);
}

static int check_target(pid_t pid, struct ct_error *error)
{
	struct ct_process_config config = { 0 };
	struct ct_plan plans[PLANS_MAX] = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 }, { .fd = -1 } };
	struct ct_target *target = NULL;
	int count = ct_target_open(pid, &target, error);

	if (!count)
		count = ct_target_plan_all(target, &config, plans, PLANS_MAX, error);
	for (int i = 0; i < count; i++) {
		print_plan(&plans[i]);
		ct_plan_done(&plans[i]);
	}
	ct_target_free(target);
	return count < 0 ? count : 0;
}

static int check_kernel(struct ct_error *error)
{
	struct utsname system;
	char missing[120];

	uname(&system);
	ct_privileges_missing(missing, sizeof(missing));
	if (*missing) {
		ct_error_set(error, -EPERM, "attaching needs %s, which this process lacks", missing);
		ct_error_hint(error, "run as root, or give the container these capabilities");
		return -EPERM;
	}
	printf("kernel %s: probes attach by %s links\n", system.release,
	       ct_attach_has_multi() ? "uprobe_multi" : "perf_event");
	return 0;
}

int ct_agent_check(const struct ct_options *options)
{
	struct ct_error error = CT_ERROR_INIT;
	int rc = check_kernel(&error);

	if (!rc && options->pid)
		rc = check_target(options->pid, &error);
	if (!rc)
		return 0;
	ct_complain(&error);
	return CT_STATUS_ATTACH;
}
