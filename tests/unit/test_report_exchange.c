// SPDX-License-Identifier: Apache-2.0
/* Reports for other programs: folded stacks, SARIF, JUnit. Names are hostile, places are a repository's. */
#include "report/places.h"
#include "report/xml_writer.h"
#include "report_story.h"

#include <jansson.h>

/* Two lost contexts in C, below one parent, made at a site of the given frames. */
static void tale_of_a_site(struct tale *tale, const char *frames)
{
	char line[1024];

	tale_begin(tale, NULL);
	tale->is_unchecked = true;
	tell(tale, "+0 target pid=7 runtime=c exe=/srv/shop\n+0 provider name=c attach_points=9\n");
	snprintf(line, sizeof(line), "+0 site path=1 %s\n", frames);
	tell(tale, line);
	tell(tale, "+0 begin wall_clock_ns=1700000000000000000\n"
		   "+0 create context=0x10 kind=cancel parent_kind=background path=1 task=5\n"
		   "+1s create context=0x20 parent=0x10 kind=cancel parent_kind=cancel path=1 task=5\n+0 abandon context=0x20\n"
		   "+1s create context=0x30 parent=0x10 kind=cancel parent_kind=cancel path=1 task=5\n+0 abandon context=0x30\n"
		   "+20s end reason=duration\n");
}

static void again(struct rendering *rendering, const char *format)
{
	ct_text_clear(&rendering->text);
	assert_int_equal(reporter(format)->write(&rendering->snapshot, &rendering->text), 0);
	assert_false(rendering->text.failed);
}

static void folded_names_do_not_split(void **state)
{
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_of_a_site(&tale, "frame=a\\x20b;c|/a.c|1 frame=\\x1b\\xff||0 frame=||0 frame=main|/m.c|2");
	render(&rendering, &tale, "folded");
	assert_string_equal(rendering.text.data, "main;[unknown];\\x1b\\xff;a\\x20b\\x3bc 2\n");
	rendering_done(&rendering);
	tale_end(&tale);
}

/* As ct_text_add_uri() and ct_place_of() have it. */
static void expect_place(const char *root, const char *prefix, const char *file, uint8_t flags, const char *path)
{
	const struct ct_snapshot snapshot = {.source_root = root, .strip_prefix = prefix};
	const struct ct_frame frame = {.function = "f", .file = file, .flags = flags};
	struct ct_place place = ct_place_of(&snapshot, &frame);

	assert_int_equal(place.is_in_repository, path != NULL);
	assert_string_equal(place.path, path ? path : file);
}

static void places_are_the_repositorys_or_not(void **state)
{
	(void)state;
	expect_place("/src/shop", NULL, "/src/shop/pay/client.go", 0, "pay/client.go");
	expect_place("/src/shop", NULL, "/src/shopping/list.go", 0, NULL);
	expect_place("/src/shop", NULL, "/src/shop", 0, NULL);
	expect_place("/src/shop", NULL, "/src/shop/", 0, NULL);
	expect_place("/src/shop", NULL, "/src/shop/../etc/passwd", 0, NULL);
	expect_place("/src/shop", NULL, "/src/shop//etc/passwd", 0, NULL);
	expect_place("/src/shop", NULL, "/src/shop/a/..", 0, NULL);
	expect_place("/src/shop", NULL, "/src/shop/a..b/c", 0, "a..b/c");
	expect_place(NULL, "example.com/shop", "example.com/shop/main.go", 0, "main.go");
	expect_place(NULL, "example.com/shop/", "example.com/shop/main.go", 0, "main.go");
	expect_place(NULL, "example.com/shop", "example.com/shop@v1.4.0/main.go", 0, "main.go");
	expect_place(NULL, "example.com/shop", "example.com/shop@v1.4.0", 0, NULL);
	expect_place(NULL, "example.com/shop", "example.com/shopping/list.go", 0, NULL);
	expect_place(NULL, "example.com/shop", "net/http/server.go", CT_FRAME_STDLIB, NULL);
	expect_place("/src", "example.com/shop", "/src/a.go", 0, "a.go");
	expect_place("/src", "example.com/shop", "example.com/shop/a.go", 0, "a.go");
	expect_place(NULL, NULL, "src/main.c", 0, "src/main.c"); // as the compiler was told
	expect_place(NULL, NULL, "../main.c", 0, NULL);
	expect_place(NULL, NULL, "/src/main.c", 0, NULL);
	expect_place(NULL, NULL, "net/http/server.go", CT_FRAME_STDLIB, NULL);
	expect_place(NULL, NULL, "golang.org/x/sync@v0.9.0/errgroup/errgroup.go", 0, NULL);
	expect_place(NULL, NULL, "", 0, NULL);
}

static json_t *first_result(const struct rendering *rendering, json_t **ret_log)
{
	json_error_t error;

	*ret_log = json_loadb(rendering->text.data, rendering->text.length, JSON_REJECT_DUPLICATES, &error);
	if (!*ret_log)
		fail_msg("position %d: %s", error.position, error.text);
	return json_array_get(json_object_get(json_array_get(json_object_get(*ret_log, "runs"), 0), "results"), 0);
}

static void expect_location(json_t *location, const char *uri, const char *base, json_int_t line)
{
	json_t *physical = json_object_get(location, "physicalLocation");
	json_t *artifact = json_object_get(physical, "artifactLocation");
	const char *has = json_string_value(json_object_get(artifact, "uriBaseId"));

	assert_string_equal(json_string_value(json_object_get(artifact, "uri")), uri);
	assert_true(base ? has && !strcmp(has, base) : !has);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(physical, "region"), "startLine")), line);
}

static void a_sarif_place_is_the_first_of_the_repository(void **state)
{
	struct rendering rendering;
	struct tale tale;
	json_t *log, *result;

	(void)state;
	tale_of_a_site(&tale, "frame=lib|/lib/a\\x20%\\x0a.c|1 frame=own|/src/own.c|20 frame=main|/src/main.c|0");
	render(&rendering, &tale, "sarif");
	result = first_result(&rendering, &log);
	expect_location(json_array_get(json_object_get(result, "locations"), 0), "file:///lib/a%20%25%0A.c", NULL, 1);
	json_decref(log);
	rendering.snapshot.source_root = "/src";
	again(&rendering, "sarif");
	result = first_result(&rendering, &log);
	assert_int_equal(json_array_size(json_object_get(result, "locations")), 1);
	expect_location(json_array_get(json_object_get(result, "locations"), 0), "own.c", "%SRCROOT%", 20);
	assert_non_null(strstr(rendering.text.data, "\"uri\":\"file:///src/\"")); // where the root is
	json_decref(log);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void sarif_without_a_place_has_none(void **state)
{
	struct rendering rendering;
	struct tale tale;
	json_t *log, *result;

	(void)state;
	tale_of_a_site(&tale, "frame=f||0");
	render(&rendering, &tale, "sarif");
	result = first_result(&rendering, &log);
	result = json_array_get(json_object_get(result, "locations"), 0);
	assert_null(json_object_get(result, "physicalLocation"));
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(result, "logicalLocations"), 0),
							      "fullyQualifiedName")),
			    "f");
	json_decref(log);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void a_name_is_no_link(void **state)
{
	struct rendering rendering;
	struct tale tale;
	json_t *log, *result;
	const char *message;

	(void)state;
	tale_of_a_site(&tale, "frame=[click](http://x)\\x1b|/a.c|1 frame=m|/m.c|2");
	render(&rendering, &tale, "sarif");
	result = first_result(&rendering, &log);
	message = json_string_value(json_object_get(json_object_get(result, "message"), "text"));
	assert_null(strstr(message, "]("));
	assert_non_null(strstr(message, "[click] (http://x)\\x1b"));
	json_decref(log);
	rendering_done(&rendering);
	tale_end(&tale);
}

static void junit_fails_by_what_was_named(void **state)
{
	static const struct {
		uint32_t kinds;
		const char *has;
	} cases[] = {
		{CT_KINDS_LEAK, " failures=\"1\""},
		{CT_KINDS_ANY, " failures=\"1\""},
		{1u << CT_FINDING_LOST_CANCEL, "<failure type=\"leak\""},
		{1u << CT_FINDING_TODO_ROOT, " failures=\"0\""},
		{0, "   <system-out>leak lost-cancel, confirmed: "},
	};
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_of_a_site(&tale, "frame=f|/a.c|1");
	render(&rendering, &tale, "junit");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rendering.snapshot.fail_on = cases[i].kinds;
		again(&rendering, "junit");
		expect_in(&rendering, cases[i].has);
	}
	rendering_done(&rendering);
	tale_end(&tale);
}

static void junit_skips_what_is_in_doubt(void **state)
{
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_of_a_site(&tale, "frame=f|/a.c|1");
	render(&rendering, &tale, "junit");
	rendering.findings.list[0].confidence = CT_CONFIDENCE_SUSPECTED;
	rendering.snapshot.fail_on = CT_KINDS_LEAK;
	again(&rendering, "junit");
	expect_in(&rendering, " failures=\"0\" errors=\"0\" skipped=\"1\"");
	expect_in(&rendering, "<skipped message=\"suspected only");
	rendering.snapshot.fail_on = 1u << CT_FINDING_TODO_ROOT; // nobody asked: no doubt that matters
	again(&rendering, "junit");
	expect_in(&rendering, " skipped=\"0\"");
	rendering_done(&rendering);
	tale_end(&tale);
}

static void nothing_found_is_twelve_passes(void **state)
{
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	render(&rendering, &tale, "junit");
	expect_in(&rendering, "tests=\"12\" failures=\"0\" errors=\"0\" skipped=\"0\" time=\"0.000\"");
	expect_not_in(&rendering, "timestamp");
	again(&rendering, "sarif");
	expect_in(&rendering, "\"results\":[]");
	again(&rendering, "folded");
	assert_int_equal(rendering.text.length, 0);
	again(&rendering, "trace");
	expect_in(&rendering, "\"traceEvents\":[");
	rendering_done(&rendering);
	tale_end(&tale);
}

static void xml_takes_anything(void **state)
{
	struct ct_text text = {0};

	(void)state;
	ct_xml_add(&text, "a<b>&\"]]>\n\t\x1b\x7f\xc2\x9b\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd\xff\xc3\xa9");
	assert_string_equal(text.data, "a&lt;b&gt;&amp;&quot;]]&gt;\n\\x09\\x1b\\x7f\\xc2\\x9b\\xef\\xbf\\xbe\\xef\\xbf\\xbf"
				       "\xef\xbf\xbd\\xff\xc3\xa9");
	ct_text_clear(&text);
	ct_xml_attribute(&text, "n", "a\n\"b\"");
	assert_string_equal(text.data, " n=\"a\\x0a&quot;b&quot;\"");
	ct_text_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folded_names_do_not_split),
		cmocka_unit_test(places_are_the_repositorys_or_not),
		cmocka_unit_test(a_sarif_place_is_the_first_of_the_repository),
		cmocka_unit_test(sarif_without_a_place_has_none),
		cmocka_unit_test(a_name_is_no_link),
		cmocka_unit_test(junit_fails_by_what_was_named),
		cmocka_unit_test(junit_skips_what_is_in_doubt),
		cmocka_unit_test(nothing_found_is_twelve_passes),
		cmocka_unit_test(xml_takes_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
