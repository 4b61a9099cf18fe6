// SPDX-License-Identifier: Apache-2.0
/* A whole stream of text. */
#include "event/text_codec.h"

#include <errno.h>
#include <string.h>

static int fail_in_line(struct ct_error *reterr, int code, const struct ct_error *line_error, size_t line,
			size_t offset)
{
	ct_error_set(reterr, code, "line %zu, %s", line, line_error->message);
	if (reterr)
		reterr->offset = offset + line_error->offset;
	return code;
}

int ct_event_text_parse(const char *text, ct_event_sink sink, void *opaque, struct ct_error *reterr)
{
	_Alignas(8) char buffer[CT_EVENT_BYTES_MAX];
	uint64_t now_ns = 0;
	size_t line = 1;
	const char *at = text;

	for (; *at; at += strcspn(at, "\n"), at += *at == '\n', line++) {
		struct ct_error line_error = CT_ERROR_INIT;
		struct ct_event event = { .header = (void *)buffer };
		int rc = ct_event_text_parse_line(at, &now_ns, buffer, sizeof(buffer), &event.bytes, &line_error);

		if (rc)
			return fail_in_line(reterr, rc, &line_error, line, (size_t)(at - text));
		rc = event.bytes ? sink(opaque, &event) : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}
