// SPDX-License-Identifier: Apache-2.0
#include "ctxtrace/error.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 0))) static void format_line(char *out, const char *format, va_list args)
{
	size_t length;

	vsnprintf(out, CT_ERROR_TEXT_BYTES, format, args);
	for (; *out; out += length) { // a name from the target may carry an escape sequence
		length = ct_utf8_printable(out, strlen(out));
		if (length)
			continue;
		*out = '?';
		length = 1;
	}
}

int ct_error_set(struct ct_error *reterr, int code, const char *format, ...)
{
	va_list args;

	if (!reterr)
		return code;
	reterr->code = code;
	reterr->hint[0] = '\0';
	va_start(args, format);
	format_line(reterr->message, format, args);
	va_end(args);
	return code;
}

void ct_error_hint(struct ct_error *reterr, const char *format, ...)
{
	va_list args;

	if (!reterr)
		return;
	va_start(args, format);
	format_line(reterr->hint, format, args);
	va_end(args);
}
