// SPDX-License-Identifier: Apache-2.0
/* `ctxtrace check`: what would be attached and why not. A dry run: nothing is loaded into the target. */
#include "agent/agent.h"
#include "agent/output.h"
#include "base/text.h"
#include "ctxtrace/provider.h"
#include "provider/attach.h"
#include "provider/capabilities.h"
#include "provider/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PLANS_MAX 4
#define KERNEL_TYPES "/sys/kernel/btf/vmlinux"

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

/* The target and what would be attached to it. */
struct dry_run {
	struct ct_target *target; /* NULL: no -p */
	struct ct_process_config config;
	struct ct_plan plans[PLANS_MAX];
	int plans_count;
};

static int plan_all(struct dry_run *run, pid_t pid, struct ct_error *error)
{
	int rc = ct_target_open(pid, &run->target, error);

	if (!rc)
		rc = ct_target_plan_all(run->target, &run->config, run->plans, PLANS_MAX, error);
	if (rc < 0)
		return rc;
	run->plans_count = rc;
	return 0;
}

static void print_target(const struct dry_run *run)
{
	const char *version = ct_target_runtime_version(run->target);
	struct ct_text text = { 0 };

	ct_text_addf(&text, "target %d: ", (int)ct_target_pid(run->target));
	ct_text_add_escaped(&text, ct_target_exe(run->target), 400);
	ct_text_add(&text, ", ");
	ct_text_add_escaped(&text, *version ? version : "C", 60);
	if (ct_target_is_stripped(run->target))
		ct_text_add(&text, ", stripped");
	if (!text.failed)
		puts(text.data);
	ct_text_done(&text);
	for (int i = 0; i < run->plans_count; i++)
		print_plan(&run->plans[i]);
}

static bool has_role(const struct dry_run *run, enum ct_role role)
{
	for (int i = 0; i < run->plans_count; i++)
		for (size_t j = 0; j < run->plans[i].points_count; j++)
			if (CT_COOKIE_ROLE(run->plans[i].points[j].cookie) == (uint32_t)role)
				return true;
	return false;
}

/* As measured: ARCHITECTURE.md tells on what. Everything else costs where a context is made or ends. */
static void print_overhead(const struct dry_run *run)
{
	if (has_role(run, CT_ROLE_GO_TASK_START))
		puts("tasks: about 5 us for each goroutine that is started; --no-goroutines leaves them out");
	if (has_role(run, CT_ROLE_C_SPAWN))
		puts("tasks: about 10 us for each thread that is started; --no-goroutines leaves them out");
}

static void done(struct dry_run *run)
{
	for (int i = 0; i < run->plans_count; i++)
		ct_plan_done(&run->plans[i]);
	ct_target_free(run->target);
}

static void print_machine(bool is_multi, const char *missing)
{
	struct utsname system = { 0 };

	uname(&system);
	if (ct_attach_try_kernel(NULL))
		printf("kernel %s: no links, it is too old\n", system.release);
	else if (strstr(missing, "CAP_BPF"))
		printf("kernel %s: which links it takes can only be tried with CAP_BPF\n", system.release);
	else
		printf("kernel %s: probes attach by %s links\n", system.release,
		       is_multi ? "uprobe_multi" : "perf_event");
	printf("type information %s: %s\n", KERNEL_TYPES, access(KERNEL_TYPES, R_OK) ? strerror(errno) : "there");
	printf("capabilities: %s%s\n", *missing ? "missing " : "all there", missing);
}

static int judge_machine(const char *missing, struct ct_error *error)
{
	if (*missing) {
		ct_error_set(error, -EPERM, "attaching needs %s, which this process lacks", missing);
		ct_error_hint(error, "run as root, or give the container these capabilities");
		return -EPERM;
	}
	if (access(KERNEL_TYPES, R_OK))
		return ct_error_set(error, -errno, "attaching needs the kernel's type information, %s: %s",
				    KERNEL_TYPES, strerror(errno));
	return ct_attach_try_kernel(error);
}

int ct_agent_check(const struct ct_options *options)
{
	struct dry_run run = { .plans = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 }, { .fd = -1 } } };
	bool is_multi = !options->force_perf && ct_attach_has_multi();
	struct ct_error error = CT_ERROR_INIT;
	char missing[120];
	int rc = options->pid ? plan_all(&run, options->pid, &error) : 0;

	if (!rc) {
		ct_capabilities_missing(is_multi, missing, sizeof(missing));
		print_machine(is_multi, missing);
		if (run.target) {
			print_target(&run);
			print_overhead(&run);
		}
		rc = judge_machine(missing, &error);
	}
	done(&run);
	if (!rc)
		return 0;
	ct_complain(&error);
	return CT_STATUS_ATTACH;
}
