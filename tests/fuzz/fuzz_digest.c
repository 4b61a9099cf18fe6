// SPDX-License-Identifier: Apache-2.0
/* Reports read back: what is taken can be compared with itself, and nothing in it reaches a terminal. */
#include "fuzz.h"

#include "report/diff.h"

#include <string.h>

/* Printable, and lines that end. */
static void check_showable(const struct ct_text *text)
{
	for (size_t at = 0, length; at < text->length; at += length) {
		length = text->data[at] == '\n' ? 1 : ct_utf8_printable(text->data + at, text->length - at);
		FUZZ_CHECK(length);
	}
	FUZZ_CHECK(text->length && text->data[text->length - 1] == '\n');
}

static void check_same(const struct ct_digest *digest)
{
	const struct ct_digest *const reports[] = { digest, digest };
	static const char *const names[] = { "a", "b" };
	struct ct_digest again = { 0 };
	struct ct_text text = { 0 };
	struct ct_diff diff;

	FUZZ_CHECK(!ct_diff_make(names, reports, &diff));
	FUZZ_CHECK(diff.count == digest->count && diff.counts[CT_CHANGE_UNCHANGED] == digest->count);
	ct_diff_text(&diff, &text);
	check_showable(&text);
	ct_text_clear(&text);
	ct_diff_json(&diff, &text);
	check_showable(&text);
	// JSON, but no report.
	FUZZ_CHECK(ct_digest_parse("again", text.data, text.length, &again, NULL) && !again.document);
	ct_text_done(&text);
	ct_diff_done(&diff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_digest digest = { 0 };
	char *copy = fuzz_copy(data, size);
	int rc = ct_digest_parse("input", copy, size, &digest, &error);

	FUZZ_CHECK(rc == 0 ? digest.document && digest.findings : rc < 0 && *error.message && !digest.document);
	if (!rc)
		check_same(&digest);
	ct_digest_done(&digest);
	free(copy);
	return 0;
}
