// SPDX-License-Identifier: Apache-2.0
// Why the kernel refused, for a person: which capability is missing, which instruction cannot be probed.
#include "base/cleanup.h"
#include "provider/attach_link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** The kernel's ENOTSUPP (include/linux/errno.h), which is none of user space's: no probe on this instruction. */
#define KERNEL_ENOTSUPP 524

/** A capability and its number in linux/capability.h. */
struct capability {
	const char *name;
	unsigned int number;
};

static const struct capability wanted[] = {
	{ "CAP_BPF", 39 },
	{ "CAP_PERFMON", 38 },
	{ "CAP_SYS_PTRACE", 19 },
};
static const struct capability wanted_by_perf = { "CAP_SYS_ADMIN", 21 };

static uint64_t effective_capabilities(void)
{
	_ct_fclose_ FILE *status = fopen("/proc/self/status", "re");
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		if (!strncmp(line, "CapEff:", 7))
			return strtoull(line + 7, NULL, 16);
	return 0;
}

static void add_name(char *names, size_t size, const char *name)
{
	size_t length = strlen(names);

	snprintf(names + length, size - length, "%s%s", length ? ", " : "", name);
}

// CAP_SYS_ADMIN stands in for BPF and PERFMON, not for PTRACE.
static void missing_capabilities(bool is_multi, char *ret_names, size_t size)
{
	uint64_t effective = effective_capabilities();
	bool is_admin = effective >> wanted_by_perf.number & 1;

	ret_names[0] = '\0';
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		bool stands_in = is_admin && i < 2;

		if (!stands_in && !(effective >> wanted[i].number & 1))
			add_name(ret_names, size, wanted[i].name);
	}
	if (!is_multi && !is_admin)
		add_name(ret_names, size, wanted_by_perf.name);
}

static void hint_permission(bool is_multi, struct ct_error *reterr)
{
	char names[160];

	missing_capabilities(is_multi, names, sizeof(names));
	if (names[0])
		ct_error_hint(reterr, "missing capabilities: %s; run as root or grant them", names);
	else
		ct_error_hint(reterr, "the capabilities are there: a security module, a container's seccomp profile "
				      "or kernel lockdown forbids it");
}

static const char *explain(int code)
{
	switch (-code) {
	case KERNEL_ENOTSUPP:
		return "the kernel cannot probe this instruction";
	case ESRCH:
		return "no such process";
	case EINVAL:
		return "the kernel refuses the probe: no executable code there, or no uprobes in this kernel";
	default:
		return strerror(-code);
	}
}

int ct_link_refused(int code, const struct ct_plan *plan, const struct ct_attach_point *point, bool is_multi,
		    struct ct_error *reterr)
{
	if (point)
		ct_error_set(reterr, code, "attaching to %s at file offset %#" PRIx64 " of %s: %s", point->symbol,
			     point->offset, plan->path, explain(code));
	else
		ct_error_set(reterr, code, "attaching the probes of provider %s to %s: %s", plan->provider, plan->path,
			     explain(code));
	if (code == -EPERM || code == -EACCES)
		hint_permission(is_multi, reterr);
	return code;
}

int ct_load_refused(int code, bool is_multi, struct ct_error *reterr)
{
	ct_error_set(reterr, code, "loading the kernel side: %s", strerror(-code));
	if (code == -EPERM || code == -EACCES)
		hint_permission(is_multi, reterr);
	else if (code == -ESRCH || code == -ENOENT)
		ct_error_hint(reterr, "the kernel needs its type information: /sys/kernel/btf/vmlinux "
				      "(CONFIG_DEBUG_INFO_BTF)");
	else
		ct_error_hint(reterr, "Linux 6.1 or newer is needed; `ctxtrace check` shows what this kernel has");
	return code;
}
