// SPDX-License-Identifier: Apache-2.0
#include "provider/capabilities.h"

#include "base/cleanup.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_BYTES 160

/** A capability and its number in linux/capability.h; older distributions lack the newer names. */
struct capability {
	const char *name;
	unsigned int number;
	bool is_within_admin; /**< CAP_SYS_ADMIN stands in for it. */
};

static const struct capability wanted[] = {
	{ "CAP_BPF", 39, true },
	{ "CAP_PERFMON", 38, true },
	{ "CAP_SYS_PTRACE", 19, false },
};
static const struct capability admin = { "CAP_SYS_ADMIN", 21, true };

static uint64_t effective_capabilities(void)
{
	_ct_fclose_ FILE *status = fopen("/proc/self/status", "re");
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		if (!strncmp(line, "CapEff:", 7))
			return strtoull(line + 7, NULL, 16);
	return 0;
}

static bool has(uint64_t effective, const struct capability *capability)
{
	bool is_admin = effective >> admin.number & 1;

	return effective >> capability->number & 1 || (is_admin && capability->is_within_admin);
}

static void add_name(char *names, size_t size, const char *name)
{
	size_t length = strlen(names);

	snprintf(names + length, size - length, "%s%s", length ? ", " : "", name);
}

void ct_capabilities_missing(bool is_multi, char *ret_names, size_t size)
{
	uint64_t effective = effective_capabilities();

	ret_names[0] = '\0';
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!has(effective, &wanted[i]))
			add_name(ret_names, size, wanted[i].name);
	if (!is_multi && has(effective, &wanted[0]) && !has(effective, &admin))
		add_name(ret_names, size, admin.name);
}

void ct_capabilities_hint(bool is_multi, struct ct_error *reterr)
{
	char names[NAMES_BYTES];

	ct_capabilities_missing(is_multi, names, sizeof(names));
	if (names[0])
		ct_error_hint(reterr, "this process lacks %s: run as root or grant them", names);
	else
		ct_error_hint(reterr, "the capabilities are there: a security module, a container's seccomp profile "
				      "or kernel lockdown forbids it");
}
