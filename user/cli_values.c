// SPDX-License-Identifier: Apache-2.0
#include "cli_values.h"

#include "base/time.h"
#include "ctxtrace/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ct_cli_duration(const char *option, const char *value, uint64_t *ret_ns, struct ct_error *reterr)
{
	static const struct {
		const char *suffix;
		uint64_t unit_ns;
	} units[] = { { "ms", CT_NSEC_PER_MSEC },      { "us", CT_NSEC_PER_USEC },	   { "s", CT_NSEC_PER_SEC },
		      { "m", 60 * CT_NSEC_PER_SEC },   { "h", 3600 * CT_NSEC_PER_SEC }, { "", CT_NSEC_PER_SEC } };
	char *end;
	double number = strtod(value, &end);

	for (size_t i = 0; end != value && i < sizeof(units) / sizeof(units[0]); i++) {
		double ns = number * (double)units[i].unit_ns;

		if (strcmp(end, units[i].suffix) || !isfinite(ns) || ns < 0 || ns > 9e18)
			continue;
		*ret_ns = (uint64_t)ns;
		return 0;
	}
	return ct_error_set(reterr, -EINVAL, "%s: \"%s\" is no duration; write 500ms, 30s, 5m or 2h", option, value);
}

int ct_cli_number(const char *option, const char *value, uint32_t least, uint32_t most, uint32_t *ret,
		  struct ct_error *reterr)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(value, &end, 10);
	// It must begin with a digit: strtoul takes " -18446744073709551615" for 1.
	if (errno || *value < '0' || *value > '9' || *end || number < least || number > most)
		return ct_error_set(reterr, -EINVAL, "%s: \"%s\" is no whole number from %u to %u", option, value, least,
				    most);
	*ret = (uint32_t)number;
	return 0;
}

int ct_cli_pid(const char *value, pid_t *ret_pid, struct ct_error *reterr)
{
	uint32_t number;
	int rc = ct_cli_number("-p", value, 1, 4194304, &number, reterr);

	if (!rc)
		*ret_pid = (pid_t)number;
	return rc;
}

/* "text, json and trace" */
static void add_formats(char *words, size_t room)
{
	size_t used = 0;

	for (size_t i = 0; ct_reporters[i] && used < room; i++) {
		const char *separator = !i ? "" : ct_reporters[i + 1] ? ", " : " and ";

		used += (size_t)snprintf(words + used, room - used, "%s%s", separator, ct_reporters[i]->name);
	}
}

int ct_cli_format(const char *value, struct ct_output_request *ret_request, struct ct_error *reterr)
{
	char formats[160] = "";
	size_t length = strcspn(value, "=");

	for (size_t i = 0; ct_reporters[i]; i++) {
		const char *name = ct_reporters[i]->name;

		if (strlen(name) != length || strncmp(name, value, length))
			continue;
		if (value[length] == '=' && !value[length + 1])
			return ct_error_set(reterr, -EINVAL, "--format: \"%s\" names no file after '='", value);
		if (ct_reporters[i]->missing)
			return ct_error_set(reterr, -EINVAL, "--format: this build has no %s: %s", name,
					    ct_reporters[i]->missing);
		ret_request->format = name;
		ret_request->file = value[length] ? value + length + 1 : NULL;
		return 0;
	}
	add_formats(formats, sizeof(formats));
	return ct_error_set(reterr, -EINVAL, "--format: \"%.*s\" is no format; there are %s", (int)length, value,
			    formats);
}

/* The sources may be elsewhere, as where a recording is replayed: then the name has to be whole. */
int ct_cli_directory(const char *option, const char *value, char ret_path[PATH_MAX], struct ct_error *reterr)
{
	size_t length = strlen(value);

	if (length >= PATH_MAX || !length)
		return ct_error_set(reterr, -EINVAL, "%s: no name of a directory", option);
	if (!realpath(value, ret_path)) {
		if (*value != '/')
			return ct_error_set(reterr, -EINVAL, "%s: %s: %s", option, value, strerror(errno));
		memcpy(ret_path, value, length + 1);
	}
	for (length = strlen(ret_path); length && ret_path[length - 1] == '/'; length--)
		ret_path[length - 1] = '\0';
	if (!length)
		return ct_error_set(reterr, -EINVAL, "%s: everything is below %s", option, value);
	return 0;
}

static int kind_bit(const char *name, size_t length, uint32_t *bits)
{
	char copy[40];
	enum ct_finding_kind kind;

	if (!length || length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, name, length);
	copy[length] = '\0';
	if (!strcmp(copy, "leak"))
		*bits |= CT_KINDS_LEAK;
	else if (!strcmp(copy, "any"))
		*bits |= CT_KINDS_ANY;
	else if (ct_finding_kind_from_name(copy, &kind))
		*bits |= 1u << kind;
	else
		return strcmp(copy, "none") ? -EINVAL : 0;
	return 0;
}

int ct_cli_fail_on(const char *value, uint32_t *ret_bits, struct ct_error *reterr)
{
	uint32_t bits = 0;
	const char *at = value;

	for (;;) {
		size_t length = strcspn(at, ",");

		if (kind_bit(at, length, &bits))
			return ct_error_set(reterr, -EINVAL, "--fail-on: \"%.*s\" is no kind of finding, leak or any",
					    (int)length, at);
		if (!at[length])
			break;
		at += length + 1;
	}
	*ret_bits = bits;
	return 0;
}
