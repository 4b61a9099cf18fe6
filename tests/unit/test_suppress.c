// SPDX-License-Identifier: Apache-2.0
/* Suppression files: what they say, what is wrong with them, and that nothing is left out silently. */
#include "report/suppress.h"
#include "base/cleanup.h"
#include "report_story.h"

#define FILE_NAME "suppress.tested"

/* Wherever the test is run, its file does not stay there. */
static int load(const char *content, size_t length, struct ct_suppressions **ret, struct ct_error *reterr)
{
	FILE *file = fopen(FILE_NAME, "we");
	int rc;

	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	rc = ct_suppressions_load(FILE_NAME, ret, reterr);
	assert_int_equal(remove(FILE_NAME), 0);
	return rc;
}

static bool is_suppressed(void *opaque, const struct ct_tree *tree, const struct ct_finding *finding)
{
	return ct_suppressions_match(opaque, tree, finding);
}

/* Does this file leave the leak of tale_of_a_leak() out? */
static bool leaves_out(const char *content)
{
	struct ct_detect_options options = {.min_age_ns = 1, .is_suppressed = is_suppressed};
	struct ct_error error = CT_ERROR_INIT;
	struct ct_suppressions *suppressions = NULL;
	struct rendering rendering;
	struct tale tale;
	bool is_out;

	if (load(content, strlen(content), &suppressions, &error))
		fail_msg("%s", error.message);
	options.opaque = suppressions;
	tale_of_a_leak(&tale, 3);
	render_with(&rendering, &tale, "text", &options, false);
	is_out = rendering.findings.count == 0;
	assert_int_equal(rendering.findings.suppressed, is_out);
	if (is_out) {
		expect_in(&rendering, "\n1 finding suppressed\nno other leaks\n");
		expect_not_in(&rendering, "LEAK");
	}
	rendering_done(&rendering);
	tale_end(&tale);
	ct_suppressions_free(suppressions);
	return is_out;
}

static void rules_name_a_kind_and_any_function_of_the_site(void **state)
{
	(void)state;
	assert_true(leaves_out("lost-cancel lib.(\\*executor).Run\n"));
	assert_true(leaves_out("# known\n\n  lost-cancel\tmain.* # ours\r\n")); // an outer frame
	assert_true(leaves_out("* lib.*"));
	assert_true(leaves_out("todo-root x\nleaked-timer y\nlost-cancel *Client*\n"));
	assert_false(leaves_out(""));
	assert_false(leaves_out("leaked-timer lib.*\n"));
	assert_false(leaves_out("lost-cancel lib\n"));
	assert_false(leaves_out("lost-cancel executor.go\n")); // files are not asked
	assert_false(leaves_out("# lost-cancel lib.*\n"));
}

static void wrong_lines_are_told_by_number(void **state)
{
	static const struct {
		const char *content;
		const char *words;
		const char *hint;
	} cases[] = {
		{"lost-cancel a\n\nlost-cancel\n", "line 3: not KIND PATTERN", "for example: lost-cancel"},
		{"lost-cancel reserve_stock extra\n", "line 1: not KIND PATTERN", "for example: lost-cancel"},
		{"* a b # two\n", "line 1: not KIND PATTERN", "for example: lost-cancel"},
		{"lost_cancel a\n", "line 1: \"lost_cancel\" is no kind of finding; there are *, lost-cancel, leaked", ""},
		{"leak a\n", "line 1: \"leak\" is no kind", ""},
		{"leak\n", ", deep-chain", ""},
		{"** a\n", "line 1: \"**\" is no kind", ""},
	};
	struct ct_suppressions *suppressions = NULL;
	struct ct_error error = CT_ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(load(cases[i].content, strlen(cases[i].content), &suppressions, &error), -EINVAL);
		assert_null(suppressions);
		assert_non_null(strstr(error.message, cases[i].words));
		assert_non_null(strstr(error.hint, cases[i].hint));
	}
	assert_int_equal(ct_suppressions_load("no/such/file", &suppressions, &error), -ENOENT);
	assert_int_equal(ct_suppressions_load(".", &suppressions, &error), -EIO);
	ct_suppressions_free(NULL);
}

/* A file without end is refused, not followed for ever. */
static void rules_have_a_cap(void **state)
{
	struct ct_suppressions *suppressions = NULL;
	struct ct_error error = CT_ERROR_INIT;
	struct ct_text text = {0};

	(void)state;
	for (int i = 0; i < 10000; i++)
		ct_text_add(&text, "* a\n");
	assert_int_equal(load(text.data, text.length, &suppressions, &error), 0);
	ct_suppressions_free(suppressions);
	suppressions = NULL;
	ct_text_add(&text, "* a\n");
	assert_int_equal(load(text.data, text.length, &suppressions, &error), -E2BIG);
	assert_non_null(strstr(error.message, "line 10001"));
	assert_null(suppressions);
	ct_text_done(&text);
}

/* A line longer than any rule: refused as a whole, its rest is no rule of its own. */
static void long_lines_are_refused(void **state)
{
	struct ct_suppressions *suppressions = NULL;
	struct ct_error error = CT_ERROR_INIT;
	struct ct_text text = {0};

	(void)state;
	ct_text_add(&text, "* ");
	for (int i = 0; i < 4093; i++)
		ct_text_add(&text, "a");
	ct_text_add(&text, "* *\n"); // behind the 4,095 bytes that are read at once
	assert_int_equal(load(text.data, text.length, &suppressions, &error), -EINVAL);
	assert_non_null(strstr(error.message, "line 1:"));
	assert_null(suppressions);
	ct_text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_name_a_kind_and_any_function_of_the_site),
		cmocka_unit_test(wrong_lines_are_told_by_number),
		cmocka_unit_test(rules_have_a_cap),
		cmocka_unit_test(long_lines_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
