// SPDX-License-Identifier: Apache-2.0
// Why the kernel refused, for a person: which capability is missing, which instruction cannot be probed.
#include "provider/attach_link.h"
#include "provider/capabilities.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>

/** The kernel's ENOTSUPP (include/linux/errno.h), which is none of user space's: no probe on this instruction. */
#define KERNEL_ENOTSUPP 524

static const char *explain(int code)
{
	switch (-code) {
	case KERNEL_ENOTSUPP:
		return "the kernel cannot probe this instruction";
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
		ct_capabilities_hint(is_multi, reterr);
	return code;
}

int ct_kernel_refused(struct ct_error *reterr)
{
	struct utsname system = { 0 };

	uname(&system);
	ct_error_set(reterr, -EOPNOTSUPP,
		     "attaching: Linux %s cannot tell a program which probe was hit (bpf_get_attach_cookie)", system.release);
	ct_error_hint(reterr, "Linux 5.15 or newer is needed");
	return -EOPNOTSUPP;
}

// The verifier says EACCES, or E2BIG when it gives up; what forbids bpf(2) as a whole says EPERM.
static bool is_of_verifier(int code, bool is_multi)
{
	char names[160];

	ct_capabilities_missing(is_multi, names, sizeof(names));
	return (code == -EACCES || code == -E2BIG) && !names[0];
}

int ct_load_refused(int code, bool is_multi, struct ct_error *reterr)
{
	struct utsname system;

	if (is_of_verifier(code, is_multi) && !uname(&system)) {
		ct_error_set(reterr, code, "loading the kernel side: the verifier of Linux %s refuses a program",
			     system.release);
		ct_error_hint(reterr, "a fault of ctxtrace on this kernel: please report it with that version");
		return code;
	}
	ct_error_set(reterr, code, "loading the kernel side: %s", strerror(-code));
	if (code == -EPERM || code == -EACCES)
		ct_capabilities_hint(is_multi, reterr);
	else if (code == -ESRCH || code == -ENOENT)
		ct_error_hint(reterr, "the kernel needs its type information: /sys/kernel/btf/vmlinux "
				      "(CONFIG_DEBUG_INFO_BTF)");
	else
		ct_error_hint(reterr, "Linux 5.15 or newer is needed; `ctxtrace check` shows what this kernel has");
	return code;
}
