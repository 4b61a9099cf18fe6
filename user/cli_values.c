// SPDX-License-Identifier: Apache-2.0
#include "cli_values.h"

#include "base/time.h"
#include "ctxtrace/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DURATION_NS_MAX UINT64_C(9000000000000000000)

static const struct {
	const char *suffix;
	uint64_t unit_ns;
} units[] = { { "h", 3600 * CT_NSEC_PER_SEC }, { "m", 60 * CT_NSEC_PER_SEC }, { "s", CT_NSEC_PER_SEC },
	      { "ms", CT_NSEC_PER_MSEC },      { "us", CT_NSEC_PER_USEC } };
#define UNITS_COUNT (sizeof(units) / sizeof(units[0]))

/* The unit at the beginning of `text`; `letters` is how long it is. @return UNITS_COUNT when it is none. */
static size_t unit_of(const char *text, size_t *letters)
{
	size_t unit = 0;

	*letters = strspn(text, "abcdefghijklmnopqrstuvwxyz");
	while (unit < UNITS_COUNT &&
	       (strlen(units[unit].suffix) != *letters || strncmp(text, units[unit].suffix, *letters)))
		unit++;
	return unit;
}

/*
 * One number with its unit, the next one smaller than `*bound`. Only what looks like a number is given to strtod, which
 * takes signs, blanks, "inf" and "0x1p3" as well.
 */
static bool take_part(const char **at, size_t *bound, uint64_t *total_ns)
{
	size_t digits = strspn(*at, "0123456789."), letters, unit;
	char *end;
	double ns = strtod(*at, &end);

	if (!digits || end != *at + digits)
		return false;
	unit = unit_of(end, &letters);
	if (!letters && !*end && *bound == UNITS_COUNT) // bare seconds, alone
		unit = 2;
	if (unit == UNITS_COUNT || (*bound != UNITS_COUNT && unit <= *bound))
		return false;
	ns *= (double)units[unit].unit_ns;
	if (ns > (double)(DURATION_NS_MAX - *total_ns))
		return false;
	*total_ns += (uint64_t)ns;
	*bound = unit;
	*at = end + letters;
	return true;
}

int ct_cli_duration(const char *option, const char *value, uint64_t *ret_ns, struct ct_error *reterr)
{
	const char *at = value;
	size_t bound = UNITS_COUNT;
	uint64_t total_ns = 0;

	do {
		if (!take_part(&at, &bound, &total_ns))
			return ct_error_set(reterr, -EINVAL,
					    "%s: \"%s\" is no duration; write 500ms, 30s, 1m30s or 2h", option, value);
	} while (*at);
	*ret_ns = total_ns;
	return 0;
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

int ct_cli_name(const char *option, const char *of, const char *value, const char **ret_name, struct ct_error *reterr)
{
	if (!*value)
		return ct_error_set(reterr, -EINVAL, "%s: no name of a %s", option, of);
	*ret_name = value;
	return 0;
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
			return ct_error_set(reterr, -EINVAL,
					    "--fail-on: \"%.*s\" is no kind of finding; there are leak, any, "
					    "none" CT_FINDING_LIST, (int)(length < 40 ? length : 40), at);
		if (!at[length])
			break;
		at += length + 1;
	}
	*ret_bits = bits;
	return 0;
}
