// SPDX-License-Identifier: Apache-2.0
#include "provider/target.h"

#include <errno.h>
#include <string.h>

extern const struct ct_provider ct_provider_go;
extern const struct ct_provider ct_provider_context_library;
extern const struct ct_provider ct_provider_threads;

const struct ct_provider *const ct_providers[] = {
	&ct_provider_go,
	&ct_provider_context_library,
	&ct_provider_threads,
	NULL,
};

static const struct {
	uint32_t role;
	const char *name;
} roles[] = {
	{CT_ROLE_GO_CREATE, "create"},
	{CT_ROLE_GO_CREATE_OLD, "create"},
	{CT_ROLE_GO_CANCEL, "cancel"},
	{CT_ROLE_GO_CANCEL_CLOSURE, "cancel-call"},
	{CT_ROLE_GO_TASK_START, "task-start"},
	{CT_ROLE_GO_TASK_END, "task-end"},
	{CT_ROLE_GO_EXIT, "exit"},
	{CT_ROLE_GO_HIJACK, "hijack"},
	{CT_ROLE_GO_FLUSH, "flush"},
	{CT_ROLE_C_CREATE, "create"},
	{CT_ROLE_C_CANCEL, "cancel"},
	{CT_ROLE_C_CANCEL_CALL, "cancel-call"},
	{CT_ROLE_C_ABANDON, "abandon"},
	{CT_ROLE_C_DESTROY, "free"},
	{CT_ROLE_C_REQUEST_BEGIN, "request-begin"},
	{CT_ROLE_C_REQUEST_END, "request-end"},
	{CT_ROLE_C_TASK_BEGIN, "task-start"},
	{CT_ROLE_C_TASK_END, "task-end"},
	{CT_ROLE_C_SPAWN, "thread-start"},
	{CT_ROLE_C_JOIN, "thread-join"},
};

const char *ct_role_name(uint32_t role)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (roles[i].role == role)
			return roles[i].name;
	return "unknown";
}

static int nothing_known(const struct ct_target *target, struct ct_error *reterr)
{
	const struct ct_go_version *version = ct_target_go_version(target);
	int pid = (int)ct_target_pid(target);

	if (version->minor)
		ct_error_set(reterr, -EOPNOTSUPP,
			     "process %d (%s, %s) has no package context: there is nothing to watch", pid,
			     ct_target_exe(target), version->text);
	else
		ct_error_set(reterr, -EOPNOTSUPP,
			     "process %d (%s) is neither a Go program nor uses a C context library that is known", pid,
			     ct_target_exe(target));
	ct_error_hint(reterr, "known are: Go 1.17 to 1.27 (package context) and libctxtrace-context");
	return -EOPNOTSUPP;
}

int ct_target_plan_all(struct ct_target *target, struct ct_process_config *config, struct ct_plan *ret_plans,
		       size_t room, struct ct_error *reterr)
{
	size_t count = 0;

	for (size_t i = 0; ct_providers[i] && count < room; i++) {
		struct ct_plan plan = {.fd = -1};
		int rc = ct_providers[i]->plan(target, config, &plan, reterr);

		if (rc < 0) {
			while (count)
				ct_plan_done(&ret_plans[--count]);
			return rc;
		}
		if (rc)
			ret_plans[count++] = plan;
	}
	return count ? (int)count : nothing_known(target, reterr);
}
