// SPDX-License-Identifier: Apache-2.0
/* Baselines: what is written is read, what is known is marked, what is wrong is told, and names cannot break a line. */
#include "report/baseline.h"
#include "base/cleanup.h"
#include "report_story.h"

#define FILE_NAME "baseline.txt"
#define HEAD "# ctxtrace-baseline/1\n"

static const struct ct_detect_options rules = {.min_age_ns = 1};

static int load(const char *content, size_t length, struct ct_baseline **ret, struct ct_error *reterr)
{
	FILE *file = fopen(FILE_NAME, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	return ct_baseline_load(FILE_NAME, ret, reterr);
}

static struct ct_baseline *good(const char *content)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_baseline *baseline = NULL;

	if (load(content, strlen(content), &baseline, &error))
		fail_msg("%s", error.message);
	return baseline;
}

/** A C program whose `path` loses as many contexts as it is given. */
struct loss {
	const char *frames; /* "frame=a|a.c|1 frame=b|b.c|2" */
	unsigned int count;
};

static void tale_of_losses(struct tale *tale, const struct loss *losses, size_t count)
{
	tale_begin(tale, NULL);
	tale->is_unchecked = true;
	tell(tale, "+0 target pid=1 runtime=c exe=/srv/shop\n"
		   "+0 site path=1 frame=main|main.c|1\n+0 begin\n"
		   "+0 create context=0x10 kind=cancel parent_kind=background path=1 task=1\n");
	for (size_t i = 0; i < count; i++) {
		tellf(tale, "+0 site path=%zu %s", i + 2, losses[i].frames);
		for (unsigned int j = 0; j < losses[i].count; j++) {
			unsigned int address = 0x1000 + 0x10000 * (unsigned int)i + 16 * j;

			tellf(tale, "+1ms create context=0x%x parent=0x10 kind=cancel parent_kind=cancel path=%zu task=1",
			      address, i + 2);
			tellf(tale, "+0 abandon context=0x%x", address);
		}
	}
	tell(tale, "+20s end reason=duration\n");
}

/* What is found, and the baseline of it. */
struct found {
	struct tale tale;
	struct ct_findings findings;
	struct ct_text written;
};

static void find(struct found *found, const struct loss *losses, size_t count)
{
	*found = (struct found){0};
	tale_of_losses(&found->tale, losses, count);
	assert_int_equal(ct_detect_run(found->tale.tree, found->tale.now_ns, &rules, &ct_allocator_libc, &found->findings), 0);
	assert_int_equal(ct_baseline_render(NULL, found->tale.tree, &found->findings, &found->written), 0);
}

static void found_done(struct found *found)
{
	ct_findings_done(&found->findings);
	ct_text_done(&found->written);
	tale_end(&found->tale);
}

static void mark(struct found *found, struct ct_baseline *baseline)
{
	assert_int_equal(ct_baseline_mark(baseline, found->tale.tree, &found->findings), 0);
}

static const struct loss two_losses[] = {
	{"frame=take|take.c|3 frame=serve|serve.c|9", 3},
	{"frame=poll|poll.c|7 frame=serve|serve.c|20", 4},
};

static void what_is_written_is_known(void **state)
{
	struct ct_text again = {0};
	struct ct_baseline *baseline;
	struct found found;

	(void)state;
	find(&found, two_losses, 2);
	baseline = good(found.written.data);
	mark(&found, baseline);
	assert_int_equal(found.findings.count, 2);
	assert_int_equal(found.findings.list[0].baseline, CT_BASELINE_KNOWN);
	assert_int_equal(found.findings.list[1].baseline, CT_BASELINE_KNOWN);
	assert_int_equal(ct_baseline_count(baseline, CT_BASELINE_KNOWN), 2);
	assert_int_equal(ct_baseline_unseen_count(baseline), 0);
	assert_int_equal(ct_baseline_render(baseline, found.tale.tree, &found.findings, &again), 0);
	assert_string_equal(again.data, found.written.data);
	ct_text_done(&again);
	ct_baseline_free(baseline);
	found_done(&found);
}

/* For people: by kind and name, whatever the order in which they were found. */
static void lines_are_sorted(void **state)
{
	const char *poll, *take;
	struct found found;

	(void)state;
	find(&found, two_losses, 2);
	poll = strstr(found.written.data, " 1 poll (poll.c) < serve\n");
	take = strstr(found.written.data, " 1 take (take.c) < serve\n");
	assert_non_null(poll);
	assert_non_null(take);
	assert_true(poll < take);
	assert_int_equal(strncmp(found.written.data, "# ctxtrace-baseline/1", 21), 0);
	found_done(&found);
}

/* A site is known by three frames; who called beyond them is chance. */
static void identity_is_three_names(void **state)
{
	static const struct loss one[] = {{"frame=a|a.c|1 frame=b|b.c|2 frame=c|c.c|3 frame=first|x.c|4", 3}};
	static const struct loss moved[] = {{"frame=a|z.c|91 frame=b|b.c|92 frame=c|c.c|93 frame=other|y.c|5", 2}};
	static const struct loss other[] = {{"frame=a|a.c|1 frame=b|b.c|2 frame=d|c.c|3 frame=first|x.c|4", 3}};
	struct found found, again, third;
	struct ct_baseline *baseline;

	(void)state;
	find(&found, one, 1);
	baseline = good(found.written.data);
	find(&again, moved, 1);
	mark(&again, baseline);
	assert_int_equal(again.findings.list[0].baseline, CT_BASELINE_KNOWN);
	find(&third, other, 1);
	mark(&third, baseline);
	assert_int_equal(third.findings.list[0].baseline, CT_BASELINE_NEW);
	assert_int_equal(ct_baseline_unseen_count(baseline), 1);
	ct_baseline_free(baseline);
	found_done(&found);
	found_done(&again);
	found_done(&third);
}

static void worse_is_not_known(void **state)
{
	static const struct loss once[] = {{"frame=a|a.c|1", 1}}; // a warning
	static const struct loss often[] = {{"frame=a|a.c|1", 2}};
	static const struct loss lines[] = {{"frame=a|a.c|1", 2}, {"frame=a|a.c|5", 2}};
	static const struct loss callers[] = {{"frame=a|a.c|1 frame=b|b.c|1", 2}, {"frame=a|a.c|1 frame=b|b.c|2", 2}};
	static const struct {
		const struct loss *known, *now;
		size_t known_count, now_count;
		enum ct_baseline_mark mark;
	} cases[] = {
		{once, often, 1, 1, CT_BASELINE_WORSE},	 {often, once, 1, 1, CT_BASELINE_KNOWN},
		{often, lines, 1, 2, CT_BASELINE_WORSE}, {lines, often, 2, 1, CT_BASELINE_KNOWN},
		{callers, callers, 1, 2, CT_BASELINE_KNOWN}, // one line, called from two
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ct_baseline *baseline;
		struct found known, now;

		find(&known, cases[i].known, cases[i].known_count);
		find(&now, cases[i].now, cases[i].now_count);
		baseline = good(known.written.data);
		mark(&now, baseline);
		for (size_t j = 0; j < now.findings.count; j++)
			assert_int_equal(now.findings.list[j].baseline, cases[i].mark);
		assert_int_equal(ct_baseline_count(baseline, cases[i].mark), now.findings.count);
		ct_baseline_free(baseline);
		found_done(&known);
		found_done(&now);
	}
}

/* Both options: the union, and of the same finding the worse. */
static void what_is_kept_is_the_worse(void **state)
{
	static const struct loss once[] = {{"frame=a|a.c|1", 1}};
	static const struct loss often[] = {{"frame=a|a.c|1", 2}, {"frame=b|b.c|1", 2}};
	struct ct_baseline *baseline;
	struct ct_text both = {0};
	struct found known, now;

	(void)state;
	find(&known, often, 2);
	find(&now, once, 1);
	baseline = good(known.written.data);
	assert_int_equal(ct_baseline_render(baseline, now.tale.tree, &now.findings, &both), 0);
	assert_string_equal(both.data, known.written.data);
	ct_text_done(&both);
	ct_baseline_free(baseline);
	found_done(&known);
	found_done(&now);
}

/* Addresses are no names: what has none else is told by its kind alone, however many places it is. */
static void nameless_sites_are_one_line(void **state)
{
	static const struct loss nameless[] = {{"frame=0x401000||0", 2}, {"frame=0x402000||0", 2}};
	struct ct_baseline *baseline;
	struct found found, one;

	(void)state;
	find(&one, nameless, 1);
	assert_non_null(strstr(one.written.data, " a place nobody saw (cancel)\n"));
	assert_null(strstr(one.written.data, "0x40"));
	find(&found, nameless, 2);
	baseline = good(one.written.data);
	mark(&found, baseline);
	assert_int_equal(ct_baseline_count(baseline, CT_BASELINE_KNOWN), found.findings.count);
	ct_baseline_free(baseline);
	found_done(&found);
	found_done(&one);
}

static void names_cannot_break_a_line(void **state)
{
	static const struct loss hostile[] = {{"frame=a\\x0alost-cancel|\\x1b[2J\\x0d\\x0a.c|1", 2}};
	struct ct_baseline *baseline;
	struct found found;

	(void)state;
	find(&found, hostile, 1);
	baseline = good(found.written.data);
	mark(&found, baseline);
	assert_int_equal(found.findings.list[0].baseline, CT_BASELINE_KNOWN);
	expect_showable(&found.written, 4096);
	ct_baseline_free(baseline);
	found_done(&found);
}

#define LINE(print) "lost-cancel leak " print " 1 main.f (f.go)\n"

static void comments_and_repeated_lines_are_fine(void **state)
{
	struct ct_baseline *baseline = good("# ctxtrace-baseline/1: whatever follows, however long\n\n# why\n" LINE(
		"0123456789abcdef") "lost-cancel warning 0123456789abcdef 3 main.f (f.go)\r\n" LINE("ffffffffffffffff") "\t \n");
	struct ct_baseline_entry entry;
	size_t cursor = 0;

	(void)state;
	assert_int_equal(ct_baseline_unseen_count(baseline), 2);
	assert_true(ct_baseline_unseen(baseline, &cursor, &entry));
	assert_int_equal(entry.kind, CT_FINDING_LOST_CANCEL);
	assert_int_equal(entry.severity, CT_SEVERITY_LEAK);
	assert_true(entry.fingerprint == UINT64_C(0x0123456789abcdef));
	assert_string_equal(entry.site, "main.f (f.go)");
	assert_true(ct_baseline_unseen(baseline, &cursor, &entry));
	assert_false(ct_baseline_unseen(baseline, &cursor, &entry));
	ct_baseline_free(baseline);
	ct_baseline_free(good(HEAD));
	ct_baseline_free(good("# ctxtrace-baseline/1"));
	ct_baseline_free(NULL);
}

static void wrong_files_are_told(void **state)
{
	static const struct {
		const char *content, *words;
	} cases[] = {
		{"", "no baseline of ctxtrace"},
		{LINE("0123456789abcdef"), "no baseline of ctxtrace"},
		{"# ctxtrace-baseline/2\n", "no baseline of ctxtrace"},
		{HEAD LINE("0123456789abcdef") "lost-cancel\n", "line 3: not KIND SEVERITY"},
		{HEAD LINE("0123456789abcdeg"), "line 2: "},
		{HEAD LINE("0123456789abcdef0"), "line 2: "},
		{HEAD "lost-cancel leak 0123456789abcdef 1234567 f\n", "line 2: "},
		{HEAD "lost-cancel leak 0123456789abcdef 1 \n", "line 2: "},
		{HEAD "lost-cancel leak 0123456789abcdef  f\n", "line 2: "},
		{HEAD "lost-cancel - 0123456789abcdef 1 f\n", "line 2: "},
	};
	struct ct_baseline *baseline = NULL;
	struct ct_error error = CT_ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(load(cases[i].content, strlen(cases[i].content), &baseline, &error), -EINVAL);
		assert_null(baseline);
		if (!strstr(error.message, cases[i].words))
			fail_msg("\"%s\" is not in: %s", cases[i].words, error.message);
		assert_non_null(strstr(error.hint, "--write-baseline"));
	}
	assert_int_equal(ct_baseline_load("no/such/file", &baseline, &error), -ENOENT);
	assert_int_equal(ct_baseline_load(".", &baseline, &error), -EIO);
}

/* A file without end is refused, not followed for ever. */
static void entries_have_a_cap(void **state)
{
	struct ct_baseline *baseline = NULL;
	struct ct_error error = CT_ERROR_INIT;
	struct ct_text text = {0};

	(void)state;
	ct_text_add(&text, HEAD);
	for (int i = 0; i < 100000; i++)
		ct_text_addf(&text, "lost-cancel leak %016x 1 f\n", i);
	assert_int_equal(load(text.data, text.length, &baseline, &error), 0);
	ct_baseline_free(baseline);
	baseline = NULL;
	ct_text_add(&text, LINE("ffffffffffffffff"));
	assert_int_equal(load(text.data, text.length, &baseline, &error), -E2BIG);
	assert_non_null(strstr(error.message, "line 100002: more than a baseline holds"));
	ct_text_done(&text);
}

/* A long list of what was not seen ends. */
static void unseen_lines_are_shown_up_to_a_bound(void **state)
{
	struct ct_baseline *baseline;
	struct rendering rendering;
	struct ct_text text = {0};
	struct tale tale;

	(void)state;
	ct_text_add(&text, HEAD);
	for (int i = 0; i < 23; i++)
		ct_text_addf(&text, "lost-cancel leak %016x 1 main.f%d \x1b[2J and a name that is much longer than any line of a report\n", i, i);
	baseline = good(text.data);
	tale_of_losses(&tale, two_losses, 0);
	render(&rendering, &tale, "text");
	assert_int_equal(ct_baseline_mark(baseline, tale.tree, &rendering.findings), 0);
	ct_text_clear(&rendering.text);
	rendering.snapshot.baseline = baseline;
	assert_int_equal(reporter("text")->write(&rendering.snapshot, &rendering.text), 0);
	expect_in(&rendering, "\nbaseline  0 known, 0 new; 23 of its lines were not seen: what is fixed can be taken out\n");
	expect_in(&rendering, "  leak lost-cancel  main.f19");
	expect_not_in(&rendering, "main.f20");
	expect_in(&rendering, "  and 3 more\nno leaks\n");
	expect_showable(&rendering.text, 100);
	rendering_done(&rendering);
	ct_baseline_free(baseline);
	ct_text_done(&text);
	tale_end(&tale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_known),
		cmocka_unit_test(lines_are_sorted),
		cmocka_unit_test(identity_is_three_names),
		cmocka_unit_test(worse_is_not_known),
		cmocka_unit_test(what_is_kept_is_the_worse),
		cmocka_unit_test(nameless_sites_are_one_line),
		cmocka_unit_test(names_cannot_break_a_line),
		cmocka_unit_test(comments_and_repeated_lines_are_fine),
		cmocka_unit_test(wrong_files_are_told),
		cmocka_unit_test(entries_have_a_cap),
		cmocka_unit_test(unseen_lines_are_shown_up_to_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
