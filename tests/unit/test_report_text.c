// SPDX-License-Identifier: Apache-2.0
/* The report for people. Whole reports are golden cases; here is what must hold of every one. */
#include "report/paragraph.h"
#include "report/text_tree.h"
#include "report_story.h"

#include <stdlib.h>

static void a_clean_program_gets_two_lines_and_no_leaks(void **state)
{
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 target pid=4121 runtime=go exe=/srv/checkout version=go1.26.8\n"
		    "+0 begin wall_clock_ns=1700000000000000000\n"
		    "+0 create context=0x10 kind=cancel parent_kind=background\n"
		    "+1s cancel context=0x10 reason=explicit\n"
		    "+29s end reason=duration\n");
	render(&rendering, &tale, "text");
	assert_string_equal(rendering.text.data,
			    "checkout  pid 4121  go1.26.8  watched 30.0 s, 2 events, none lost: complete\n"
			    "contexts  1 created   1 cancelled   0 by deadline   0 by parent   0 live\n"
			    "no leaks\n");
	rendering_done(&rendering);
	tale_end(&tale);
}

static void a_leak_is_told_with_all_that_convinces(void **state)
{
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_of_a_leak(&tale, 1204);
	render(&rendering, &tale, "text");
	expect_in(&rendering, "LEAK lost-cancel, confirmed: 1,204 live, +");
	expect_in(&rendering, "about 138 kB kept by their parent\n");
	expect_in(&rendering, "\n  created   lib.(*executor).Run");
	expect_in(&rendering, "executor.go:88\n            main.(*Client).Call");
	expect_in(&rendering, "\n  parent    main.main  main.go:27, live\n");
	expect_in(&rendering, "\n  evidence  none of 1,204 was ever cancelled");
	expect_in(&rendering, "\n  do        call the cancel function made in lib.(*executor).Run at executor.go:88");
	expect_in(&rendering, "go1.26.8, stripped");
	expect_not_in(&rendering, "no leak");
	expect_not_in(&rendering, "\033");
	expect_showable(&rendering.text, CT_COLUMNS);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void colours_take_no_columns(void **state)
{
	struct rendering rendering;
	struct ct_text plain = { 0 };
	struct tale tale;

	(void)state;
	tale_of_a_leak(&tale, 5);
	render(&rendering, &tale, "text");
	ct_text_append(&plain, rendering.text.data, rendering.text.length);
	ct_text_clear(&rendering.text);
	rendering.snapshot.with_colour = true;
	assert_int_equal(reporter("text")->write(&rendering.snapshot, &rendering.text), 0);
	assert_non_null(strstr(rendering.text.data, "\033[1;31mLEAK lost-cancel\033[0m"));
	for (char *escape; (escape = strchr(rendering.text.data, '\033'));)
		memmove(escape, strchr(escape, 'm') + 1, strlen(strchr(escape, 'm')));
	assert_string_equal(rendering.text.data, plain.data);
	ct_text_done(&plain);
	rendering_done(&rendering);
	tale_end(&tale);
}

/* Every name a target chooses, in every place where it is shown. */
static void hostile_names_stay_names(void **state)
{
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 target pid=1 runtime=c exe=/x/a\\x1b[2J\\xc2\\x9bb version=v\\x07\\x0d build_id=\\xff\n"
		    "+0 provider name=p\\x1b\n"
		    "+0 site path=1 frame=f\\x1b]0;x\\x07|/a/\\x1b[1m.c|7 frame=g\\x0ah|\\x9b.c|8\n"
		    "+0 begin\n"
		    "+0 create context=0x10 kind=cancel parent_kind=background path=1\n"
		    "+0 create context=0x20 parent=0x10 kind=deadline deadline=+1h parent_kind=cancel path=1\n"
		    "+0 create context=0x30 parent=0x10 kind=deadline deadline=+1s parent_kind=cancel path=1\n"
		    "+1s cancel context=0x30 reason=deadline\n"
		    "+0 abandon context=0x20\n+20s tick\n");
	render_with(&rendering, &tale, "text", NULL, true);
	assert_int_equal(rendering.findings.count, 1);
	expect_showable(&rendering.text, CT_COLUMNS);
	expect_in(&rendering, "a\\x1b[2J\\xc2\\x9bb  pid 1  v\\x07\\x0d");
	expect_in(&rendering, "created   f\\x1b]0;x\\x07");
	expect_in(&rendering, "g\\x0ah");
	expect_in(&rendering, "why the 1 deadline:\n");
	rendering_done(&rendering);
	tale_end(&tale);
}

/* The largest numbers and longest names there are: nothing is lost, nothing is wider than a report. */
static void nothing_is_wider_than_a_report(void **state)
{
	struct rendering rendering;
	struct ct_text site = { 0 };
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tale.is_unchecked = true;
	ct_text_add(&site, "+0 site path=1 frame=");
	for (int i = 0; i < 300; i++)
		ct_text_add(&site, i % 50 ? "n" : "\xe2\x82\xac");
	ct_text_add(&site, "|a-file-with-a-name-that-never-seems-to-come-to-an-end-at-all.go|4294967295\n");
	tell(&tale, "+0 target pid=4294967295 runtime=go flags=stripped version=go1.26-abcdefghijklmnopqrstuvw "
		    "exe=/a-program-with-a-name-of-more-than-thirty-two-characters\n"
		    "+0 begin\n");
	tell(&tale, site.data);
	tell(&tale, "+0 create context=0x10 kind=deadline parent_kind=background path=1 deadline=+9000h\n");
	for (unsigned int i = 0; i < 40; i++)
		tellf(&tale, "+1ms create context=0x%x parent=0x%x kind=deadline deadline=+90000h parent_kind=cancel path=1",
		      0x1000 + 16 * i, i ? 0x1000 + 16 * (i - 1) : 0x10);
	tale_lose(&tale, 40, "parent|timer|goroutine");
	tell(&tale, "+8000h tick\n");
	render_with(&rendering, &tale, "text", NULL, true);
	assert_true(rendering.findings.count >= 1);
	expect_showable(&rendering.text, CT_COLUMNS);
	expect_in(&rendering, "4294967295");
	expect_in(&rendering, "\n  do        call the cancel");
	expect_in(&rendering, " at a-file-with-a-name"); // a word of more than a line does not take the rest along
	ct_text_done(&site);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void no_leaks_is_never_said_lightly(void **state)
{
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 target pid=1 runtime=go\n+0 begin\n+0 task_start task=7\n"
		    "+0 create context=0x10 kind=cancel parent_kind=background task=7\n+0 task_end task=7\n+20s tick\n");
	render(&rendering, &tale, "text"); // old, uncancelled, its maker gone, and memory was never read
	assert_int_equal(rendering.findings.undecided_count, 1);
	expect_in(&rendering, "undecided: 1 old and uncancelled");
	expect_not_in(&rendering, "no leak");
	rendering_done(&rendering);
	tell(&tale, "+0 cancel context=0x10 reason=explicit\n+0 gap from=-1s to=+0 lost=1234\n");
	render(&rendering, &tale, "text");
	expect_in(&rendering, "1,234 lost in 1 gap: incomplete\n");
	expect_in(&rendering, "no leak found, but events were lost");
	rendering_done(&rendering);
	tale_end(&tale);
}

/* A census has nothing but its readings: with less than two of the whole it promises nothing. */
static void half_a_census_is_no_promise(void **state)
{
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 target pid=1 runtime=go\n+0 provider name=memory\n+0 begin\n"
		    "+0 scan_begin scan=1 flags=complete\n+0 scan_end scan=1 flags=complete\n"
		    "+2s scan_begin scan=2\n+0 scan_end scan=2\n+0 end reason=duration\n");
	render(&rendering, &tale, "text");
	expect_in(&rendering, "1 not completely: incomplete\n");
	expect_in(&rendering, "no leak found, but the target's memory was never read completely twice");
	rendering_done(&rendering);
	render(&rendering, &tale, "json");
	expect_in(&rendering, "\"verdict\":\"incomplete\"");
	rendering_done(&rendering);
	tell(&tale, "+1s scan_begin scan=3 flags=complete\n+0 scan_end scan=3 flags=complete\n");
	render(&rendering, &tale, "text");
	expect_in(&rendering, "no leaks\n");
	rendering_done(&rendering);
	tale_end(&tale);
}

static void a_site_nobody_saw_is_said_to_be_one(void **state)
{
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 target pid=1 runtime=go\n+0 begin\n");
	tale_lose(&tale, 3, "parent");
	tell(&tale, "+20s tick\n");
	render(&rendering, &tale, "text");
	assert_int_equal(rendering.findings.count, 1);
	expect_in(&rendering, "created   at a site nobody saw: before the attach");
	expect_in(&rendering, "parent    live, created before the attach\n");
	rendering_done(&rendering);
	tale_end(&tale);
}

/* A chain deeper than a report is long: cut and said so, indented no further than there is room. */
static void deep_trees_are_cut(void **state)
{
	const unsigned int depth = CT_TREE_LINES_MAX + 500;
	struct rendering rendering;
	struct tale tale;
	size_t lines = 0;

	(void)state;
	tale_begin(&tale, NULL);
	tale.is_unchecked = true;
	for (unsigned int i = 1; i <= depth; i++)
		tellf(&tale, "+0 create context=0x%x parent=0x%x kind=cancel parent_kind=%s", 16 * i, 16 * (i - 1),
		      i > 1 ? "cancel" : "background");
	render_with(&rendering, &tale, "text", NULL, true);
	expect_in(&rendering, "\ntree\ncancel ");
	expect_in(&rendering, "(9999) cancel");
	expect_in(&rendering, "\n500 more; -f json has all of them\n");
	for (const char *at = strstr(rendering.text.data, "\ntree\n") + 6; *at; at = strchr(at, '\n') + 1)
		lines++;
	assert_int_equal(lines, CT_TREE_LINES_MAX + 1);
	expect_showable(&rendering.text, CT_COLUMNS);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void expect_folded(const char *before, const char *after)
{
	struct ct_text text = { 0 };

	ct_text_add(&text, before);
	ct_text_fold(&text, 0, 4);
	assert_string_equal(text.data, after);
	ct_text_done(&text);
}

#define TEN(c) c c c c c c c c c c
#define HUNDRED(c) TEN(TEN(c))

static void lines_are_folded_where_it_reads_best(void **state)
{
	(void)state;
	expect_folded("short\nlines\n", "short\nlines\n");
	expect_folded(HUNDRED("x"), HUNDRED("x"));
	expect_folded(HUNDRED("x") "y\n", HUNDRED("x") "\n    y\n");
	expect_folded(TEN("12345678 ") "1234567890 end\nnext\n", TEN("12345678 ") "1234567890\n    end\nnext\n");
	expect_folded("  " HUNDRED("x"), "  " TEN("xxxxxxxxx") "xxxxxxxx\n    xx"); // no blank but its indent
	expect_folded("", "");
	expect_folded(HUNDRED("\xe2\x82\xac") "\xe2\x82\xac", HUNDRED("\xe2\x82\xac") "\n    \xe2\x82\xac");
	expect_folded("\033[1m" HUNDRED("x") "\033[0m", "\033[1m" HUNDRED("x") "\033[0m");
}

static void names_are_cut_in_their_middle(void **state)
{
	static const struct {
		const char *name;
		size_t columns;
		const char *shown;
	} cases[] = {
		{ "short", 5, "short" },
		{ "abcdefghij", 9, "abc...hij" },
		{ "abcdefghij", 3, "..." },
		{ "a\x1b" "b", 20, "a\\x1bb" },
		{ "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 11, "\xe2\x82\xac...\xe2\x82\xac" },
		{ "", 10, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ct_text text = { 0 };

		ct_text_add(&text, "");
		ct_text_add_short(&text, cases[i].name, cases[i].columns);
		assert_string_equal(text.data, cases[i].shown);
		ct_text_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clean_program_gets_two_lines_and_no_leaks),
		cmocka_unit_test(a_leak_is_told_with_all_that_convinces),
		cmocka_unit_test(colours_take_no_columns),
		cmocka_unit_test(hostile_names_stay_names),
		cmocka_unit_test(nothing_is_wider_than_a_report),
		cmocka_unit_test(no_leaks_is_never_said_lightly),
		cmocka_unit_test(half_a_census_is_no_promise),
		cmocka_unit_test(a_site_nobody_saw_is_said_to_be_one),
		cmocka_unit_test(deep_trees_are_cut),
		cmocka_unit_test(lines_are_folded_where_it_reads_best),
		cmocka_unit_test(names_are_cut_in_their_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
