// SPDX-License-Identifier: Apache-2.0
/* A story, judged and rendered: what the reporters' unit tests have in common. */
#pragma once

#include "ctxtrace/report.h"
#include "tree_story.h"

/** The snapshot of a tale, and one rendering of it. */
struct rendering {
	struct ct_findings findings;
	struct ct_snapshot snapshot;
	struct ct_text text;
};

static inline const struct ct_reporter *reporter(const char *name)
{
	for (size_t i = 0; ct_reporters[i]; i++)
		if (!strcmp(ct_reporters[i]->name, name))
			return ct_reporters[i];
	fail_msg("no reporter is called %s", name);
	return NULL;
}

/** Judge the tale at its end and render it. `options` may be NULL; release with rendering_done(). */
static inline void render_with(struct rendering *rendering, const struct tale *tale, const char *format,
			       const struct ct_detect_options *options, bool with_tree)
{
	const struct ct_detect_options usual = {.min_age_ns = 10 * CT_NSEC_PER_SEC, .grace_ns = CT_NSEC_PER_SEC};

	*rendering = (struct rendering){.snapshot = {.tree = tale->tree,
						     .now_ns = tale->now_ns,
						     .min_age_ns = usual.min_age_ns,
						     .with_tree = with_tree}};
	assert_int_equal(ct_detect_run(tale->tree, tale->now_ns, options ? options : &usual, &ct_allocator_libc,
				       &rendering->findings),
			 0);
	rendering->snapshot.findings = &rendering->findings;
	assert_int_equal(reporter(format)->write(&rendering->snapshot, &rendering->text), 0);
	assert_false(rendering->text.failed);
}

static inline void render(struct rendering *rendering, const struct tale *tale, const char *format)
{
	render_with(rendering, tale, format, NULL, false);
}

static inline void rendering_done(struct rendering *rendering)
{
	ct_findings_done(&rendering->findings);
	ct_text_done(&rendering->text);
}

static inline void expect_in(const struct rendering *rendering, const char *words)
{
	if (!strstr(rendering->text.data, words))
		fail_msg("\"%s\" is not in:\n%s", words, rendering->text.data);
}

static inline void expect_not_in(const struct rendering *rendering, const char *words)
{
	if (strstr(rendering->text.data, words))
		fail_msg("\"%s\" is in:\n%s", words, rendering->text.data);
}

/** Every byte belongs to a character that no terminal obeys, and no line has more than 100 of them. */
static inline void expect_showable(const struct ct_text *text, size_t columns)
{
	size_t column = 0;

	for (size_t at = 0, length; at < text->length; at += length) {
		length = ct_utf8_printable(text->data + at, text->length - at);
		column = text->data[at] == '\n' ? 0 : column + 1;
		length = text->data[at] == '\n' ? 1 : length;
		assert_int_not_equal(length, 0);
		if (column > columns)
			fail_msg("more than %zu columns: %.120s", columns, text->data + at - columns);
	}
}

/** Two scans that agree: `count` contexts from 0x1000 on, 16 bytes apart, are lost. */
static inline void tale_lose(struct tale *tale, unsigned int count, const char *retained)
{
	for (unsigned int scan = 1; scan <= 2; scan++) {
		tellf(tale, "+2s scan_begin scan=%u began=-1ms collections=2 flags=complete", scan);
		for (unsigned int i = 0; i < count; i++)
			tellf(tale,
			      "+0 observed context=0x%x parent=0x10 scan=%u kind=cancel parent_kind=cancel state=lost "
			      "retained=%s",
			      0x1000 + 16 * i, scan, retained);
		tellf(tale, "+0 scan_end scan=%u began=-1ms collections=2 flags=complete", scan);
	}
}

/** A Go server whose handler loses `count` contexts, watched for 30 seconds. */
static inline void tale_of_a_leak(struct tale *tale, unsigned int count)
{
	tale_begin(tale, NULL);
	tale->is_unchecked = true;
	tell(tale, "+0 target pid=4121 runtime=go exe=/srv/checkout version=go1.26.8 build_id=abcd flags=stripped\n"
		   "+0 provider name=go attach_points=12\n"
		   "+0 site path=1 frame=main.main|/src/main.go|27\n"
		   "+0 site path=2 frame=lib.(*executor).Run|/go/lib/executor.go|88 "
		   "frame=main.(*Client).Call|/src/client.go|41\n"
		   "+0 begin wall_clock_ns=1700000000000000000\n"
		   "+0 create context=0x10 kind=cancel parent_kind=background path=1 task=1\n");
	for (unsigned int i = 0; i < count; i++)
		tellf(tale, "+1ms create context=0x%x parent=0x10 kind=cancel parent_kind=cancel path=2 task=7",
		      0x1000 + 16 * i);
	tale_lose(tale, count, "parent");
	tellf(tale, "+%ums tick", 26000 - count);
	tell(tale, "+0 end reason=duration\n");
}
