// SPDX-License-Identifier: Apache-2.0
/* Two reports compared; and reading a report back, whoever wrote it. */
#include "report/diff.h"
#include "report_story.h"

#include <jansson.h>

/* A report with these findings. */
struct sheet {
	struct ct_text text;
	double minutes; /* In which what is counted was made. */
	struct ct_digest digest;
};

#define WHOLE_LIFE "\"target-exit\""
#define CLOSED "\"duration\""

static void sheet_begin(struct sheet *sheet, double seconds, const char *end)
{
	*sheet = (struct sheet){.minutes = seconds / 60};
	ct_text_addf(&sheet->text,
		     "{\"schema\":\"ctxtrace-report/1\",\"target\":{\"exe\":\"/srv/shop\",\"runtime_version\":\"go1.26.8\","
		     "\"build_id\":null},\"window\":{\"start\":null,\"duration_s\":%.9f,\"end\":%s},"
		     "\"quality\":{\"verdict\":\"complete\"},\"undecided\":[],\"findings\":[",
		     seconds, end);
}

static void sheet_add(struct sheet *sheet, const char *severity, unsigned long long print, unsigned long long count)
{
	char rate[40] = "null";

	if (sheet->minutes > 0)
		snprintf(rate, sizeof(rate), "%.9f", (double)count / sheet->minutes);
	ct_text_addf(&sheet->text,
		     "%s{\"kind\":\"lost-cancel\",\"severity\":\"%s\",\"confidence\":\"confirmed\",\"count\":%llu,"
		     "\"rate_per_min\":%s,\"fingerprint\":\"%016llx\",\"site\":{\"frames\":[{\"function\":\"main.f%llx\",\"file\":\"/src/f.go\","
		     "\"line\":7},{\"function\":\"main.g\",\"file\":null,\"line\":null}]}}",
		     sheet->text.data[sheet->text.length - 1] == '[' ? "" : ",", severity, count, rate, print, print);
}

static void sheet_end(struct sheet *sheet)
{
	struct ct_error error = CT_ERROR_INIT;

	ct_text_add(&sheet->text, "]}\n");
	if (ct_digest_parse("A", sheet->text.data, sheet->text.length, &sheet->digest, &error))
		fail_msg("%s", error.message);
}

static void sheet_done(struct sheet *sheet)
{
	ct_digest_done(&sheet->digest);
	ct_text_done(&sheet->text);
}

static void compare(const struct sheet *a, const struct sheet *b, struct ct_diff *ret_diff)
{
	static const char *const names[] = {"a.json", "b.json"};
	const struct ct_digest *const reports[] = {&a->digest, &b->digest};

	assert_int_equal(ct_diff_make(names, reports, ret_diff), 0);
}

static void each_finding_is_new_grown_gone_or_unchanged(void **state)
{
	struct ct_diff diff;
	struct sheet a, b;

	(void)state;
	sheet_begin(&a, 2, WHOLE_LIFE);
	sheet_add(&a, "leak", 0x30, 10);
	sheet_add(&a, "leak", 0x10, 10);
	sheet_add(&a, "warning", 0x20, 1);
	sheet_end(&a);
	sheet_begin(&b, 4, WHOLE_LIFE);
	sheet_add(&b, "leak", 0x10, 11);
	sheet_add(&b, "leak", 0x30, 9);
	sheet_add(&b, "hint", 0x40, 5);
	sheet_end(&b);
	compare(&a, &b, &diff);
	assert_false(diff.is_by_rate);
	assert_int_equal(diff.count, 4);
	for (int change = 0; change < CT_CHANGE_END; change++) {
		assert_int_equal(diff.rows[change].change, change);
		assert_int_equal(diff.counts[change], 1);
	}
	assert_true(diff.rows[0].b->fingerprint == 0x40 && !diff.rows[0].a);
	assert_true(diff.rows[1].b->fingerprint == 0x10);
	assert_true(diff.rows[2].a->fingerprint == 0x20 && !diff.rows[2].b);
	assert_int_equal(diff.rows[1].a->rate_per_min_milli, 300000); // 10 in 2 s
	assert_int_equal(diff.rows[1].b->rate_per_min_milli, 165000);
	ct_diff_done(&diff);
	sheet_done(&a);
	sheet_done(&b);
}

static double min_age; /* The last seconds of each window, of which nothing is counted. */

static enum ct_change change_of(double seconds_a, unsigned int count_a, double seconds_b, unsigned int count_b, const char *end)
{
	enum ct_change change;
	struct ct_diff diff;
	struct sheet a, b;

	sheet_begin(&a, seconds_a, end);
	a.minutes -= min_age / 60;
	sheet_add(&a, "leak", 1, count_a);
	sheet_end(&a);
	sheet_begin(&b, seconds_b, end);
	b.minutes -= min_age / 60;
	sheet_add(&b, "leak", 1, count_b);
	sheet_end(&b);
	compare(&a, &b, &diff);
	change = diff.rows[0].change;
	ct_diff_done(&diff);
	sheet_done(&a);
	sheet_done(&b);
	return change;
}

/* Chance makes a window of equal length have 28 instead of 20, but not 40; a window twice as long has twice as many. */
static void windows_are_compared_by_rate(void **state)
{
	(void)state;
	assert_int_equal(change_of(30, 20, 30, 28, CLOSED), CT_CHANGE_UNCHANGED);
	assert_int_equal(change_of(30, 20, 30, 40, CLOSED), CT_CHANGE_GROWN);
	assert_int_equal(change_of(30, 20, 60, 40, CLOSED), CT_CHANGE_UNCHANGED);
	assert_int_equal(change_of(60, 40, 30, 40, CLOSED), CT_CHANGE_GROWN);
	assert_int_equal(change_of(30, 40, 30, 20, CLOSED), CT_CHANGE_UNCHANGED);
	assert_int_equal(change_of(30, 1, 30, 3, CLOSED), CT_CHANGE_UNCHANGED);
	assert_int_equal(change_of(30, 0, 30, 9, CLOSED), CT_CHANGE_GROWN);
	// Lives are compared by count, however long they took; and so is what has no length.
	assert_int_equal(change_of(30, 20, 60, 21, WHOLE_LIFE), CT_CHANGE_GROWN);
	assert_int_equal(change_of(60, 20, 30, 20, WHOLE_LIFE), CT_CHANGE_UNCHANGED);
	assert_int_equal(change_of(0, 20, 30, 21, CLOSED), CT_CHANGE_GROWN);
}

/* What is younger than --min-age is not counted: of 60 a minute two are after 12 s, and twenty after 30 s. */
static void what_was_too_young_to_be_counted_is_no_growth(void **state)
{
	(void)state;
	min_age = 10;
	assert_int_equal(change_of(12, 2, 30, 20, CLOSED), CT_CHANGE_UNCHANGED);
	assert_int_equal(change_of(12, 200, 30, 2000, CLOSED), CT_CHANGE_UNCHANGED);
	assert_int_equal(change_of(30, 2000, 12, 200, CLOSED), CT_CHANGE_UNCHANGED);
	assert_int_equal(change_of(12, 200, 30, 3000, CLOSED), CT_CHANGE_GROWN);
	assert_int_equal(change_of(30, 2000, 12, 300, CLOSED), CT_CHANGE_GROWN);
	min_age = 0;
}

/* Contexts from before the attach have no rate: a longer window does not make them more. */
static void what_has_no_rate_is_compared_by_count(void **state)
{
	(void)state;
	min_age = 3600;
	assert_int_equal(change_of(10, 1000, 60, 1000, CLOSED), CT_CHANGE_UNCHANGED);
	assert_int_equal(change_of(60, 1000, 10, 1000, CLOSED), CT_CHANGE_UNCHANGED);
	assert_int_equal(change_of(60, 1000, 10, 2000, CLOSED), CT_CHANGE_GROWN);
	min_age = 0;
}

/* A count may hold some from before the window, which its rate does not speak of. */
static void older_ones_are_no_growth(void **state)
{
	struct ct_diff diff;
	struct sheet a, b;

	(void)state;
	for (int is_more = 0; is_more < 2; is_more++) {
		sheet_begin(&a, 30, CLOSED);
		sheet_add(&a, "leak", 1, 1000);
		sheet_end(&a);
		sheet_begin(&b, 30, CLOSED);
		sheet_add(&b, "leak", 1, 5000);
		sheet_end(&b);
		b.digest.findings[0].rate_per_min_milli = is_more ? 2500000 : 2000000; // 1,250 or 1,000 of them
		compare(&a, &b, &diff);
		assert_int_equal(diff.rows[0].change, is_more ? CT_CHANGE_GROWN : CT_CHANGE_UNCHANGED);
		ct_diff_done(&diff);
		sheet_done(&a);
		sheet_done(&b);
	}
}

static void a_severity_that_rose_is_grown(void **state)
{
	struct ct_text text = {0};
	struct ct_diff diff;
	struct sheet a, b;

	(void)state;
	sheet_begin(&a, 2, WHOLE_LIFE);
	sheet_add(&a, "warning", 1, 9);
	sheet_end(&a);
	sheet_begin(&b, 2, WHOLE_LIFE);
	sheet_add(&b, "leak", 1, 8);
	sheet_end(&b);
	compare(&a, &b, &diff);
	assert_int_equal(diff.rows[0].change, CT_CHANGE_GROWN);
	ct_diff_text(&diff, &text);
	assert_non_null(strstr(text.data, "GROWN LEAK lost-cancel, confirmed: 8 (240/min), was 9 (270/min), was a warning\n"));
	ct_text_done(&text);
	ct_diff_done(&diff);
	compare(&b, &a, &diff);
	assert_int_equal(diff.rows[0].change, CT_CHANGE_GROWN); // its count
	ct_diff_done(&diff);
	sheet_done(&a);
	sheet_done(&b);
}

/* Several findings of one fingerprint, and counts at the end of what a number holds. */
static void one_fingerprint_is_one_finding(void **state)
{
	struct sheet a;

	(void)state;
	sheet_begin(&a, 2, CLOSED);
	sheet_add(&a, "warning", 7, 3);
	sheet_add(&a, "leak", 7, 4);
	sheet_add(&a, "hint", 9, 9223372036854775807ULL);
	sheet_add(&a, "hint", 9, 9223372036854775807ULL);
	sheet_add(&a, "hint", 9, 9223372036854775807ULL);
	sheet_end(&a);
	assert_int_equal(a.digest.count, 2);
	assert_int_equal(a.digest.findings[0].count, 7);
	assert_int_equal(a.digest.findings[0].rate_per_min_milli, 210000);
	assert_int_equal(a.digest.findings[0].severity, CT_SEVERITY_LEAK);
	assert_true(a.digest.findings[1].count == UINT64_MAX);
	assert_true(a.digest.findings[1].rate_per_min_milli == 1000000000000);
	assert_string_equal(a.digest.findings[0].frames[0].function, "main.f7");
	assert_string_equal(a.digest.findings[0].frames[1].file, "");
	sheet_done(&a);
}

static void differences_of_the_targets_are_told(void **state)
{
	struct ct_diff diff;
	struct sheet a, b;

	(void)state;
	sheet_begin(&a, 2, CLOSED);
	sheet_end(&a);
	sheet_begin(&b, 2, CLOSED);
	sheet_end(&b);
	compare(&a, &b, &diff);
	assert_int_equal(diff.notes.length, 0);
	ct_diff_done(&diff);
	a.digest.exe = "/other/place/shop";
	compare(&a, &b, &diff);
	assert_int_equal(diff.notes.length, 0); // where it was built or run says nothing
	ct_diff_done(&diff);
	a.digest.build_id = "aa";
	b.digest.build_id = "bb";
	b.digest.is_incomplete = true;
	b.digest.undecided = 1200;
	compare(&a, &b, &diff);
	assert_string_equal(diff.notes.data, "two builds of shop\n"
					     "B is incomplete: what looks gone may only have been missed there\n"
					     "B has 1,200 undecided: what looks gone may be among them\n");
	ct_diff_done(&diff);
	b.digest.exe = "/srv/\x1b[2Jtill";
	b.digest.runtime_version = "go1.27.3";
	b.digest.is_incomplete = false;
	b.digest.undecided = 0;
	a.digest.is_census = true;
	compare(&a, &b, &diff);
	assert_string_equal(diff.notes.data,
			    "two programs: A is of shop, B of \\x1b[2Jtill; findings are matched by kind and function names\n"
			    "A runs with go1.26.8, B with go1.27.3\n"
			    "a census knows no sites, a watched window does: their findings do not match\n");
	ct_diff_done(&diff);
	sheet_done(&a);
	sheet_done(&b);
}

/* What the reporter writes is what is read back. */
static void our_own_report_is_read(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_digest digest = {0};
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_of_a_leak(&tale, 30);
	render(&rendering, &tale, "json");
	if (ct_digest_parse("report", rendering.text.data, rendering.text.length, &digest, &error))
		fail_msg("%s", error.message);
	assert_int_equal(digest.count, 1);
	assert_int_equal(digest.findings[0].count, 30);
	assert_true(digest.findings[0].rate_per_min_milli == rendering.findings.list[0].rate_per_min_milli);
	assert_true(digest.findings[0].rate_per_min_milli > 0);
	assert_true(digest.findings[0].fingerprint == rendering.findings.list[0].fingerprint);
	assert_int_equal(digest.findings[0].kind, CT_FINDING_LOST_CANCEL);
	assert_int_equal(digest.findings[0].severity, CT_SEVERITY_LEAK);
	assert_int_equal(digest.findings[0].confidence, CT_CONFIDENCE_CONFIRMED);
	assert_string_equal(digest.findings[0].frames[1].function, "main.(*Client).Call");
	assert_int_equal(digest.duration_ns, 30 * CT_NSEC_PER_SEC);
	assert_string_equal(digest.exe, "/srv/checkout");
	assert_false(digest.is_incomplete || digest.is_census || digest.has_seen_exit);
	ct_digest_done(&digest);
	for (size_t length = 0; length + 2 < rendering.text.length; length++) // "}\n" is its end
		assert_int_equal(ct_digest_parse("cut", rendering.text.data, length, &digest, &error), -EBADMSG);
	assert_null(digest.findings);
	rendering_done(&rendering);
	tale_end(&tale);
}

/* A report with --tree may be nested as deep as a chain of contexts is long; what is no report may be so too. */
static void depth_has_a_bound(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_digest digest = {0};
	struct ct_text text = {0};

	(void)state;
	ct_text_add(&text, "{\"schema\":\"ctxtrace-report/1\",\"tree\":");
	for (int i = 0; i < 3000; i++)
		ct_text_add(&text, "[{\"children\":");
	assert_int_equal(ct_digest_parse("deep", text.data, text.length, &digest, &error), -EBADMSG);
	assert_non_null(strstr(error.hint, "leave --tree out"));
	ct_text_done(&text);
}

/* Names of any length, and whatever is in them. */
static void nothing_wraps_and_nothing_escapes(void **state)
{
	struct ct_text text = {0}, long_name = {0};
	struct ct_diff diff;
	struct sheet a, b;
	json_t *parsed;

	(void)state;
	for (int i = 0; i < 300; i++)
		ct_text_add(&long_name, i % 7 ? "n" : "\x1b");
	sheet_begin(&a, 2, CLOSED);
	sheet_add(&a, "leak", 1, 9223372036854775807ULL);
	sheet_add(&a, "leak", 2, 1);
	sheet_end(&a);
	sheet_begin(&b, 0.000000001, CLOSED);
	sheet_add(&b, "leak", 1, 9223372036854775807ULL);
	sheet_end(&b);
	a.digest.exe = a.digest.runtime_version = long_name.data;
	a.digest.findings[0].frames[0] = (struct ct_frame){long_name.data, long_name.data, UINT32_MAX, 0};
	compare(&a, &b, &diff);
	ct_diff_text(&diff, &text);
	expect_showable(&text, 100);
	ct_text_clear(&text);
	ct_diff_json(&diff, &text);
	parsed = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(parsed);
	json_decref(parsed);
	ct_diff_done(&diff);
	ct_text_done(&text);
	ct_text_done(&long_name);
	sheet_done(&a);
	sheet_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_finding_is_new_grown_gone_or_unchanged),
		cmocka_unit_test(windows_are_compared_by_rate),
		cmocka_unit_test(what_was_too_young_to_be_counted_is_no_growth),
		cmocka_unit_test(what_has_no_rate_is_compared_by_count),
		cmocka_unit_test(older_ones_are_no_growth),
		cmocka_unit_test(a_severity_that_rose_is_grown),
		cmocka_unit_test(one_fingerprint_is_one_finding),
		cmocka_unit_test(differences_of_the_targets_are_told),
		cmocka_unit_test(our_own_report_is_read),
		cmocka_unit_test(depth_has_a_bound),
		cmocka_unit_test(nothing_wraps_and_nothing_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
