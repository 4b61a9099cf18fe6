// SPDX-License-Identifier: Apache-2.0
/* The text codec: what parses is an event, and printed it parses to the same bytes. */
#include "fuzz.h"

#include "event/text_codec.h"

#include <errno.h>
#include <string.h>

/* Two clocks: events are printed one after another, and the lines are parsed one after another. */
struct round {
	uint64_t printed_ns;
	uint64_t parsed_ns;
	unsigned int events;
};

static int print_and_parse(void *opaque, const struct ct_event *event)
{
	struct round *round = opaque;
	_Alignas(8) static char buffer[CT_EVENT_BYTES_MAX];
	struct ct_error error = CT_ERROR_INIT;
	struct ct_text line = { 0 };
	size_t bytes = 0;
	int rc;

	ct_event_text_print(&line, event, &round->printed_ns);
	FUZZ_CHECK(!line.failed && strchr(line.data, '\n') == line.data + line.length - 1);
	rc = ct_event_text_parse_line(line.data, &round->parsed_ns, buffer, sizeof(buffer), &bytes, &error);
	if (rc || bytes != event->bytes || memcmp(buffer, event->header, bytes))
		fprintf(stderr, "printed: %s%s\n", line.data, error.message);
	FUZZ_CHECK(!rc && bytes == event->bytes);
	FUZZ_CHECK(!memcmp(buffer, event->header, bytes));
	FUZZ_CHECK(round->printed_ns == round->parsed_ns);
	ct_text_done(&line);
	round->events++;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_error error = CT_ERROR_INIT;
	struct round round = { 0 };
	char *text = fuzz_copy(data, size);
	int rc = ct_event_text_parse(text, print_and_parse, &round, &error);

	if (rc) {
		FUZZ_CHECK(rc == -EINVAL || rc == -ENOBUFS);
		FUZZ_CHECK(*error.message && error.offset <= strlen(text));
	}
	free(text);
	return 0;
}
