// SPDX-License-Identifier: Apache-2.0
#include "agent/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int capabilities(long number, uint64_t *effective, uint64_t *permitted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)*effective, .permitted = (uint32_t)*permitted },
		{ .effective = (uint32_t)(*effective >> 32), .permitted = (uint32_t)(*permitted >> 32) },
	};

	if (syscall(number, &header, data))
		return -errno;
	*effective = data[0].effective | (uint64_t)data[1].effective << 32;
	*permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

int ct_privileges_drop(struct ct_error *reterr)
{
	uint64_t kept = UINT64_C(1) << CAP_SYS_PTRACE | UINT64_C(1) << CAP_DAC_READ_SEARCH;
	uint64_t effective = 0, permitted = 0;
	int rc = capabilities(SYS_capget, &effective, &permitted);

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		rc = -errno;
	if (!rc) {
		permitted &= kept;
		effective = permitted;
		rc = capabilities(SYS_capset, &effective, &permitted);
	}
	return rc ? ct_error_set(reterr, rc, "cannot drop privileges: %s", strerror(-rc)) : 0;
}
