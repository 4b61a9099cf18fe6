// SPDX-License-Identifier: Apache-2.0
/* The report for programs: always JSON whatever the names, unknown is null, every number from the tree. */
#include "report/json_writer.h"
#include "report/suppress.h"
#include "report_story.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

static json_t *parse(const struct rendering *rendering)
{
	json_error_t error;
	json_t *report = json_loadb(rendering->text.data, rendering->text.length, JSON_REJECT_DUPLICATES, &error);

	if (!report)
		fail_msg("position %d: %s", error.position, error.text);
	return report;
}

/* "a.b.0.c" */
static json_t *at(json_t *json, const char *path)
{
	char key[64];
	json_t *found = json;

	for (const char *rest = path; *rest;) {
		size_t length = strcspn(rest, ".");

		snprintf(key, sizeof(key), "%.*s", (int)length, rest);
		found = json_is_array(found) ? json_array_get(found, strtoul(key, NULL, 10))
					     : json_object_get(found, key);
		if (!found)
			fail_msg("no %s in %s", key, path);
		rest += length + (rest[length] == '.');
	}
	return found;
}

static void has_number(json_t *json, const char *path, double value)
{
	assert_true(json_is_number(at(json, path)));
	assert_true(json_number_value(at(json, path)) == value);
}

static void has_string(json_t *json, const char *path, const char *value)
{
	assert_true(json_is_string(at(json, path)));
	assert_string_equal(json_string_value(at(json, path)), value);
}

static void has_null(json_t *json, const char *path)
{
	if (!json_is_null(at(json, path)))
		fail_msg("%s is not null", path);
}

static void a_leak_has_every_field_of_the_schema(void **state)
{
	static const char *const fields[] = {"kind",	     "severity", "confidence",	"evidence",
					     "advice",	     "count",	 "live",	"oldest_s",
					     "rate_per_min", "site",	 "retained_by", "retained_bytes",
					     "at",	     "examples", "fingerprint"};
	struct rendering rendering;
	struct tale tale;
	json_t *report, *finding;

	(void)state;
	tale_of_a_leak(&tale, 1204);
	render(&rendering, &tale, "json");
	report = parse(&rendering);
	has_string(report, "schema", "ctxtrace-report/1");
	has_number(report, "target.pid", 4121);
	has_string(report, "target.runtime", "go");
	has_string(report, "target.build_id", "abcd");
	assert_true(json_is_true(at(report, "target.stripped")));
	has_string(report, "providers.0.name", "go");
	has_string(report, "window.start", "2023-11-14T22:13:20Z");
	has_number(report, "window.duration_s", 30);
	has_string(report, "window.end", "duration");
	has_string(report, "quality.verdict", "complete");
	has_number(report, "contexts.created", 1205);
	has_number(report, "contexts.live", 1205);
	has_number(report, "contexts.ended.explicit", 0);
	assert_int_equal(json_array_size(at(report, "findings")), 1);
	finding = at(report, "findings.0");
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		assert_non_null(json_object_get(finding, fields[i]));
	has_string(finding, "kind", "lost-cancel");
	has_number(finding, "count", 1204);
	has_string(finding, "site.frames.0.function", "lib.(*executor).Run");
	has_number(finding, "site.frames.1.line", 41);
	has_string(finding, "retained_by.0", "parent");
	assert_int_equal(json_array_size(at(finding, "examples")), CT_EXAMPLES_MAX);
	has_string(finding, "examples.0.address", "0x1000");
	has_string(finding, "examples.0.task", "0x7");
	has_string(finding, "examples.0.path.1", "0x1");
	assert_int_equal(strlen(json_string_value(at(finding, "fingerprint"))), 16);
	assert_null(json_object_get(report, "tree"));
	json_decref(report);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void unknown_is_null(void **state)
{
	struct rendering rendering;
	struct tale tale;
	json_t *report;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 site path=1 frame=f||0\n"
		    "+0 create context=0x30 kind=cancel parent_kind=background path=1\n");
	tale_lose(&tale, 3, "parent"); // older than the attach
	tell(&tale, "+0 create context=0x1000 parent=0x30 kind=cancel parent_kind=cancel path=1\n"
		    "+0 abandon context=0x1000\n+20s tick\n");
	render_with(&rendering, &tale, "json", NULL, true);
	report = parse(&rendering);
	has_null(report, "target.pid");
	has_null(report, "target.exe");
	has_null(report, "target.runtime_version");
	has_null(report, "target.build_id");
	has_null(report, "window.start");
	has_null(report, "window.duration_s");
	has_null(report, "window.end");
	assert_int_equal(json_array_size(at(report, "findings")), 2);
	for (size_t i = 0; i < 2; i++) {
		json_t *finding = json_array_get(at(report, "findings"), i);
		bool is_unknown = json_is_true(at(finding, "site.unknown"));

		has_null(finding, "at");
		has_null(finding, "examples.0.task");
		assert_int_equal(json_array_size(at(finding, "site.frames")), is_unknown ? 0 : 1);
		if (is_unknown)
			has_string(finding, "site.group.kind", "cancel");
		else
			has_null(finding, "site.group");
		if (!is_unknown) {
			has_null(finding, "site.frames.0.file");
			has_null(finding, "site.frames.0.line");
		}
	}
	has_null(report, "sites.0.lifetime_s.p50");
	has_null(report, "sites.0.lifetime_s.max");
	has_null(report, "tree.0.task");
	has_null(report, "tree.0.deadline_in_s");
	json_decref(report);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void a_parent_of_several_or_none_is_null(void **state)
{
	struct rendering rendering;
	struct tale tale;
	json_t *report;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale,
	     "+0 target pid=1 runtime=c\n+0 create context=0x10 kind=deadline deadline=+1h parent_kind=background\n"
	     "+0 abandon context=0x10\n+20s tick\n");
	render(&rendering, &tale, "json");
	report = parse(&rendering);
	has_string(report, "findings.0.site.group.kind", "deadline");
	has_null(report, "findings.0.site.group.parent");
	json_decref(report);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void hostile_names_are_strings(void **state)
{
	struct rendering rendering;
	struct tale tale;
	json_t *report;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale,
	     "+0 target pid=1 runtime=c exe=/x/a\\x1b[2J\"\\x5c version=\\xc2\\x9bv build_id=\\xff\\xfe\n"
	     "+0 provider name=p\\x1b\\xff\n"
	     "+0 site path=1 frame=f\\x1b]0;x\\x07\"|/a/</script>\\x0a.c|7\n"
	     "+0 create context=0x10 kind=cancel parent_kind=background path=1\n"
	     "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=1\n"
	     "+0 abandon context=0x20\n+0 create context=0x30 parent=0x10 kind=cancel parent_kind=cancel path=1\n"
	     "+1s cancel context=0x30 reason=explicit path=1\n+20s tick\n");
	render_with(&rendering, &tale, "json", NULL, true);
	rendering.text.data[--rendering.text.length] = '\0'; // but for the last newline
	expect_showable(&rendering.text, SIZE_MAX);
	report = parse(&rendering);
	has_string(report, "target.exe", "/x/a\x1b[2J\"\\"); // nothing is lost
	has_string(report, "target.runtime_version", "\xc2\x9bv");
	has_string(report, "target.build_id", "\xef\xbf\xbd\xef\xbf\xbd"); // but what is no text at all
	has_string(report, "providers.0.name", "p\x1b\xef\xbf\xbd");
	has_string(report, "findings.0.site.frames.0.function", "f\x1b]0;x\x07\"");
	has_string(report, "sites.0.frames.0.file", "/a/</script>\n.c");
	has_string(report, "cancels.0.by.frames.0.function", "f\x1b]0;x\x07\"");
	json_decref(report);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void who_cancelled_is_told(void **state)
{
	struct rendering rendering;
	struct tale tale;
	json_t *report;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 site path=1 frame=root|a.c|1\n+0 site path=2 frame=child|a.c|2\n"
		    "+0 create context=0x10 kind=deadline parent_kind=background path=1\n"
		    "+0 create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=2\n"
		    "+1s cancel context=0x10 reason=deadline\n+0 cancel context=0x20 reason=parent\n"
		    "+0 cancel_call context=0x20\n");
	render(&rendering, &tale, "json");
	report = parse(&rendering);
	assert_int_equal(json_array_size(at(report, "cancels")), 2);
	has_null(report, "cancels.0.origin");
	has_string(report, "cancels.1.reason", "parent");
	has_string(report, "cancels.1.origin.site.frames.0.function", "root");
	has_string(report, "cancels.1.origin.reason", "deadline");
	has_number(report, "cancels.1.late", 1);
	has_number(report, "contexts.cancel_called", 1);
	has_number(report, "contexts.ended.deadline", 1);
	has_number(report, "sites.0.lifetime_s.max", 1);
	json_decref(report);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void lost_events_are_told_by_cause(void **state)
{
	struct rendering rendering;
	struct tale tale;
	json_t *report;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+1s counters ring_full=5 read_stack=7\n+0 gap from=-1ms to=+0 lost=5\n");
	render(&rendering, &tale, "json");
	report = parse(&rendering);
	has_string(report, "quality.verdict", "incomplete");
	has_number(report, "quality.dropped.ring_full", 5);
	has_number(report, "quality.failed.read_stack", 7);
	assert_int_equal(json_object_size(at(report, "quality.dropped")), 1);
	has_number(report, "quality.gaps", 1);
	has_number(report, "quality.lost_events", 5);
	json_decref(report);
	rendering_done(&rendering);
	tale_end(&tale);
}

/* Far deeper than any parser goes along: written without recursion, and every bracket is closed. */
static void deep_trees_are_written(void **state)
{
	const unsigned int depth = 20000;
	struct rendering rendering;
	struct tale tale;
	long open = 0, deepest = 0;
	bool is_string = false;

	(void)state;
	tale_begin(&tale, NULL);
	tale.is_unchecked = true;
	for (unsigned int i = 1; i <= depth; i++)
		tellf(&tale, "+0 create context=0x%x parent=0x%x kind=cancel parent_kind=%s", 16 * i, 16 * (i - 1),
		      i > 1 ? "cancel" : "background");
	render_with(&rendering, &tale, "json", NULL, true);
	for (const char *c = rendering.text.data; *c; c++) {
		is_string ^= *c == '"'; // no name here has one inside
		if (is_string)
			continue;
		open += *c == '{' || *c == '[';
		open -= *c == '}' || *c == ']';
		deepest = open > deepest ? open : deepest;
		assert_true(open >= 0);
	}
	assert_int_equal(open, 0);
	assert_true(deepest > 2 * depth);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void the_writer_puts_commas_where_they_belong(void **state)
{
	struct ct_text text = {0};
	struct ct_json json = {.text = &text};

	(void)state;
	ct_json_open(&json, NULL, '{');
	ct_json_number(&json, "n", UINT64_MAX);
	ct_json_open(&json, "empty", '[');
	ct_json_close(&json, ']');
	ct_json_open(&json, "list", '[');
	ct_json_seconds(&json, NULL, 1500000000);
	ct_json_seconds(&json, NULL, 1);
	ct_json_id(&json, NULL, UINT64_MAX);
	ct_json_id(&json, NULL, 0);
	ct_json_string(&json, NULL, NULL);
	ct_json_bool(&json, NULL, false);
	ct_json_close(&json, ']');
	ct_json_null(&json, "a\"b");
	ct_json_close(&json, '}');
	assert_string_equal(text.data, "{\"n\":18446744073709551615,\"empty\":[],\"list\":[1.500000000,0.000000001,"
				       "\"0xffffffffffffffff\",null,null,false],\"a\\\"b\":null}");
	ct_text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leak_has_every_field_of_the_schema),
		cmocka_unit_test(unknown_is_null),
		cmocka_unit_test(a_parent_of_several_or_none_is_null),
		cmocka_unit_test(hostile_names_are_strings),
		cmocka_unit_test(who_cancelled_is_told),
		cmocka_unit_test(lost_events_are_told_by_cause),
		cmocka_unit_test(deep_trees_are_written),
		cmocka_unit_test(the_writer_puts_commas_where_they_belong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
