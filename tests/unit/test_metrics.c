// SPDX-License-Identifier: Apache-2.0
/* The catalogue of metrics, what is served of it, and that it stays bounded and valid whatever names come from a target. */
#include "report/metrics.h"
#include "report/metrics_leaks.h"
#include "report_story.h"

#include <ctype.h>
#include <stdlib.h>

static const struct ct_agent_figures agent = {.cpu_ns = 1500 * CT_NSEC_PER_MSEC, .resident_bytes = 8 << 20};

/* The tale judged at its end and written as metrics. */
static void scrape(struct rendering *rendering, const struct tale *tale, enum ct_dialect dialect)
{
	render(rendering, tale, "json");
	ct_text_clear(&rendering->text);
	ct_metrics_write(&rendering->snapshot, &agent, dialect, &rendering->text);
	assert_false(rendering->text.failed);
	expect_showable(&rendering->text, 1000);
}

static bool ends_with(const char *text, size_t length, const char *end)
{
	return length >= strlen(end) && !strncmp(text + length - strlen(end), end, strlen(end));
}

static void names_follow_the_rules(void **state)
{
	(void)state;
	for (enum ct_metric_id id = 0; id < CT_METRIC_END; id++) {
		const struct ct_metric *metric = &ct_metrics[id];
		size_t length = strlen(metric->name);
		bool is_counter = metric->type == CT_METRIC_COUNTER;

		for (size_t i = 0; i < length; i++)
			assert_true(islower(metric->name[i]) || metric->name[i] == '_');
		assert_int_equal(ends_with(metric->name, length, "_total"), is_counter);
		assert_int_equal(ends_with(metric->name, length, "_info"), metric->type == CT_METRIC_INFO);
		if (is_counter)
			length -= strlen("_total");
		assert_true(ends_with(metric->name, length, metric->unit));
		for (const char *unit = "seconds\0bytes\0ratio\0"; *unit; unit += strlen(unit) + 1)
			assert_int_equal(ends_with(metric->name, length, unit), !strcmp(metric->unit, unit));
		assert_true(strlen(metric->help) > 10 && metric->help[strlen(metric->help) - 1] == '.');
		assert_null(strpbrk(metric->help, "\\\n|"));
		assert_null(strstr(metric->labels, "pid"));
		assert_null(strstr(metric->labels, "address"));
		assert_null(strstr(metric->labels, "job")); // Prometheus's own
		assert_null(strstr(metric->labels, "instance"));
		for (enum ct_metric_id other = 0; other < id; other++)
			assert_string_not_equal(ct_metrics[other].name, metric->name);
	}
}

static void write_table(struct ct_text *text)
{
	ct_text_add(text, "<!-- catalogue -->\n| metric | type | unit | labels | help |\n| --- | --- | --- | --- | --- |\n");
	for (enum ct_metric_id id = 0; id < CT_METRIC_END; id++)
		ct_text_addf(text, "| `ctxtrace_%s` | %s | %s | %s | %s |\n", ct_metrics[id].name,
			     ct_metric_type_name(ct_metrics[id].type), ct_metrics[id].unit, ct_metrics[id].labels,
			     ct_metrics[id].help);
	ct_text_add(text, "<!-- end of catalogue -->\n");
}

static void the_page_about_metrics_has_the_catalogue(void **state)
{
	struct ct_text table = {0};
	FILE *page = fopen(METRICS_PAGE, "r");
	static char content[65536];

	(void)state;
	assert_non_null(page);
	assert_true(fread(content, 1, sizeof(content) - 1, page) > 0);
	fclose(page);
	write_table(&table);
	if (!strstr(content, table.data))
		fail_msg("docs/metrics.md differs from the catalogue, which `test_metrics --table` prints");
	ct_text_done(&table);
}

static void a_leak_is_told(void **state)
{
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_of_a_leak(&tale, 1204);
	scrape(&rendering, &tale, CT_DIALECT_TEXT);
	expect_in(&rendering, "\nctxtrace_contexts_created_total{kind=\"cancel\"} 1205\n");
	expect_in(&rendering, "\nctxtrace_contexts_created_total{kind=\"after_func\"} 0\n");
	expect_in(&rendering, "\nctxtrace_contexts_ended_total{reason=\"explicit\"} 0\n");
	expect_in(&rendering, "\nctxtrace_contexts_live{kind=\"cancel\"} 1205\n");
	expect_in(&rendering, "\nctxtrace_contexts_max 4000000\n");
	expect_in(&rendering, "\nctxtrace_contexts_refused_total 0\n");
	expect_in(&rendering, "\nctxtrace_findings{kind=\"lost-cancel\",severity=\"leak\"} 1\n");
	expect_in(&rendering, "\nctxtrace_findings{kind=\"deep-chain\",severity=\"hint\"} 0\n");
	expect_in(&rendering, "\nctxtrace_findings_suspected{kind=\"lost-cancel\",severity=\"leak\"} 0\n");
	expect_in(&rendering, "\nctxtrace_leaked_contexts{function=\"lib.(*executor).Run\"} 1204\n"
			      "ctxtrace_leaked_contexts{function=\"other\"} 0\n");
	expect_in(&rendering, "\nctxtrace_agent_cpu_seconds_total 1.500000000\n");
	expect_in(&rendering, "\nctxtrace_agent_resident_bytes 8388608\n");
	expect_in(&rendering, "\nctxtrace_target_info{exe=\"/srv/checkout\",runtime=\"go\",runtime_version=\"go1.26.8\"} 1\n");
	expect_in(&rendering, "\n# TYPE ctxtrace_target_info gauge\n");
	expect_not_in(&rendering, " # {");
	expect_not_in(&rendering, "# UNIT");
	expect_not_in(&rendering, "# EOF");
	rendering_done(&rendering);
	tale_end(&tale);
}

/* Three lifetimes and a deadline, each in its bucket. */
static void distributions_are_cumulative(void **state)
{
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 site path=1 frame=main.main|/src/main.go|27\n"
		    "+0 begin wall_clock_ns=1700000000000000000\n"
		    "+0 create context=0x10 kind=cancel parent_kind=background path=1 task=1\n"
		    "+0 create context=0x20 kind=cancel parent_kind=background path=1 task=1\n"
		    "+0 create context=0x30 kind=deadline parent_kind=background path=1 task=1 deadline=+2s\n"
		    "+1ms cancel context=0x10 reason=explicit\n"
		    "+1ns cancel context=0x20 reason=explicit\n"
		    "+2s cancel context=0x30 reason=deadline\n");
	scrape(&rendering, &tale, CT_DIALECT_OPENMETRICS);
	expect_in(&rendering, "\nctxtrace_context_lifetime_seconds_bucket{reason=\"explicit\",le=\"0.0001\"} 0\n");
	expect_in(&rendering, "\nctxtrace_context_lifetime_seconds_bucket{reason=\"explicit\",le=\"0.001\"} 1 "
			      "# {function=\"main.main\"} 0.001000000 1700000000.001\n");
	expect_in(&rendering, "\nctxtrace_context_lifetime_seconds_bucket{reason=\"explicit\",le=\"0.005\"} 2 "
			      "# {function=\"main.main\"} 0.001000001 1700000000.001\n");
	expect_in(&rendering, "\nctxtrace_context_lifetime_seconds_bucket{reason=\"explicit\",le=\"+Inf\"} 2\n"
			      "ctxtrace_context_lifetime_seconds_count{reason=\"explicit\"} 2\n"
			      "ctxtrace_context_lifetime_seconds_sum{reason=\"explicit\"} 0.002000001\n");
	expect_in(&rendering, "\nctxtrace_context_lifetime_seconds_bucket{reason=\"deadline\",le=\"2.5\"} 1 # {");
	expect_in(&rendering, "\nctxtrace_deadline_used_ratio_bucket{le=\"0.99\"} 0\n"
			      "ctxtrace_deadline_used_ratio_bucket{le=\"1.0\"} 1 # {function=\"main.main\"} 1.000000000 ");
	expect_in(&rendering, "\n# TYPE ctxtrace_contexts_created counter\n");
	expect_in(&rendering, "\n# UNIT ctxtrace_agent_cpu_seconds seconds\n");
	expect_in(&rendering, "\n# TYPE ctxtrace_target info\n");
	expect_not_in(&rendering, "reason=\"freed\",le=");
	assert_string_equal(rendering.text.data + rendering.text.length - 6, "# EOF\n");
	rendering_done(&rendering);
	tale_end(&tale);
}

/* A task goes on for 30 ms after the context it was started with has ended; another ends before. */
static void late_tasks_are_measured(void **state)
{
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 site path=1 frame=main.main|/src/main.go|27\n"
		    "+0 begin wall_clock_ns=1700000000000000000\n"
		    "+0 create context=0x10 kind=cancel parent_kind=background path=1 task=1\n"
		    "+1ms task_start task=7 creator=1 context=0x10 path=1\n"
		    "+1ms task_start task=8 creator=1 context=0x10 path=1\n"
		    "+1ms task_start task=9 creator=1 context=0x10 path=1\n"
		    "+1ms task_end task=8\n"
		    "+1ms cancel context=0x10 reason=explicit\n"
		    "+30ms task_end task=7\n");
	scrape(&rendering, &tale, CT_DIALECT_OPENMETRICS);
	expect_in(&rendering, "\nctxtrace_cancel_latency_seconds_bucket{le=\"0.025\"} 0\n"
			      "ctxtrace_cancel_latency_seconds_bucket{le=\"0.05\"} 1 "
			      "# {function=\"main.main\"} 0.030000000 1700000000.035\n");
	expect_in(&rendering, "\nctxtrace_cancel_latency_seconds_count 1\nctxtrace_cancel_latency_seconds_sum 0.030000000\n");
	expect_in(&rendering, "\nctxtrace_tasks_live 1\n");
	rendering_done(&rendering);
	tale_end(&tale);
}

/* A server that ends contexts of an hour for years: the sum of nanoseconds alone would have begun anew. */
static void sums_do_not_wrap(void **state)
{
	struct ct_sample hour = {.time_ns = 1, .value = 3600 * CT_NSEC_PER_SEC};
	struct ct_measure measure = {.sum_s = UINT64_C(18446744073), .sum_ns = 999999999};

	(void)state;
	hour.value += 1;
	ct_measure_add(&measure, &ct_duration_bounds, &hour);
	assert_true(measure.sum_s == UINT64_C(18446744073) + 3601 && !measure.sum_ns);
	assert_int_equal(measure.buckets[ct_duration_bounds.count].count, 1);
	for (unsigned int i = 1; i < ct_duration_bounds.count; i++)
		assert_true(ct_duration_bounds.upper[i] > ct_duration_bounds.upper[i - 1]);
	assert_true(ct_duration_bounds.count < CT_MEASURE_BUCKETS && ct_share_bounds.count < CT_MEASURE_BUCKETS);
}

static void labels_are_clean(void **state)
{
	static const struct {
		const char *name, *clean;
	} cases[] = {
		{"main.f", "main.f"},
		{"", ""},
		{"a\"b\\c", "a\"b\\c"},
		{"line\nline\x1b[31m\x7f", "line\\x0aline\\x1b[31m\\x7f"},
		{"\xff\xc3(\xc3\xa9", "\\xff\\xc3(\xc3\xa9"},
		{"\xc2\x9b", "\\xc2\\x9b"},
	};
	char clean[CT_LABEL_ROOM], again[CT_LABEL_ROOM], name[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ct_label_clean(clean, cases[i].name);
		assert_string_equal(clean, cases[i].clean);
	}
	srand(7);
	for (int round = 0; round < 20000; round++) {
		size_t length = (size_t)rand() % (round % 10 ? 200 : sizeof(name));

		for (size_t i = 0; i < length; i++)
			name[i] = (char)(rand() % (round % 3 ? 255 : 100) + 1);
		name[length] = '\0';
		ct_label_clean(clean, name);
		assert_true(strlen(clean) < CT_LABEL_ROOM);
		for (const char *at = clean; *at; at += ct_utf8_printable(at, strlen(at)))
			assert_true(ct_utf8_printable(at, strlen(at)));
		ct_label_clean(again, clean);
		assert_string_equal(again, clean);
	}
}

/* One leak of two at `path`; the site's first function is `function`. */
static void lose_two(struct tale *tale, unsigned int path, const char *function)
{
	tellf(tale, "+0 site path=%u frame=%s|/src/f.go|%u", path, function, path);
	for (unsigned int i = 0; i < 2; i++)
		tellf(tale, "+1ms create context=0x%x parent=0x10 kind=cancel parent_kind=cancel path=%u task=7",
		      0x1000 + 32 * path + 16 * i, path);
}

static void confirm_all(struct tale *tale, unsigned int first, unsigned int end)
{
	for (unsigned int scan = 1; scan <= 2; scan++) {
		tellf(tale, "+2s scan_begin scan=%u began=-1ms collections=2 flags=complete", scan);
		for (unsigned int i = 2 * first; i < 2 * end; i++)
			tellf(tale,
			      "+0 observed context=0x%x parent=0x10 scan=%u kind=cancel parent_kind=cancel state=lost "
			      "retained=parent",
			      0x1000 + 16 * i, scan);
		tellf(tale, "+0 scan_end scan=%u began=-1ms collections=2 flags=complete", scan);
	}
	tell(tale, "+26s tick\n");
}

static unsigned int count_in(const struct ct_text *text, const char *words)
{
	unsigned int count = 0;

	for (const char *at = text->data; (at = strstr(at, words)); at++)
		count++;
	return count;
}

static void begin_leaks(struct tale *tale)
{
	tale_begin(tale, NULL);
	tale->is_unchecked = true;
	tell(tale, "+0 target pid=1 runtime=go exe=/x version=go1.26.8 build_id=ab flags=stripped\n"
		   "+0 begin wall_clock_ns=1700000000000000000\n"
		   "+0 create context=0x10 kind=cancel parent_kind=background path=1 task=1\n");
}

static void functions_are_twenty_and_others(void **state)
{
	struct rendering rendering;
	struct tale tale;
	char name[32];

	(void)state;
	begin_leaks(&tale);
	for (unsigned int path = 2; path < 102; path++) {
		snprintf(name, sizeof(name), "main.f%u", path);
		lose_two(&tale, path, name);
	}
	confirm_all(&tale, 2, 102);
	scrape(&rendering, &tale, CT_DIALECT_TEXT);
	assert_int_equal(rendering.findings.count, 100);
	expect_in(&rendering, "\nctxtrace_findings{kind=\"lost-cancel\",severity=\"leak\"} 100\n");
	assert_int_equal(count_in(&rendering.text, "\nctxtrace_leaked_contexts{"), CT_METRICS_FUNCTIONS + 1);
	expect_in(&rendering, "\nctxtrace_leaked_contexts{function=\"other\"} 160\n");
	assert_true(count_in(&rendering.text, "\n") < 250 + 2 * CT_METRIC_END);
	rendering_done(&rendering);
	tale_end(&tale);
}

/* Two sites of one function, two long names that end alike, and a function that has the others' name. */
static void no_series_comes_twice(void **state)
{
	static const char long_tail[] = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789"
					"abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz";
	struct rendering rendering;
	struct tale tale;
	char name[256];

	(void)state;
	begin_leaks(&tale);
	lose_two(&tale, 2, "main.twice");
	lose_two(&tale, 3, "main.twice");
	lose_two(&tale, 4, "other");
	snprintf(name, sizeof(name), "one/%s", long_tail);
	lose_two(&tale, 5, name);
	snprintf(name, sizeof(name), "two/%s", long_tail);
	lose_two(&tale, 6, name);
	confirm_all(&tale, 2, 7);
	scrape(&rendering, &tale, CT_DIALECT_TEXT);
	assert_int_equal(rendering.findings.count, 5);
	expect_in(&rendering, "\nctxtrace_leaked_contexts{function=\"main.twice\"} 4\n");
	expect_in(&rendering, "\nctxtrace_leaked_contexts{function=\"other\"} 2\n");
	assert_int_equal(count_in(&rendering.text, "\nctxtrace_leaked_contexts{"), 3);
	assert_int_equal(count_in(&rendering.text, "\nctxtrace_leaked_contexts{function=\"..."), 1);
	rendering_done(&rendering);
	tale_end(&tale);
}

/* Every sample belongs to the family above it, which is in the catalogue, and has the labels it names. */
static void what_is_served_is_what_the_catalogue_says(void **state)
{
	const struct ct_metric *metric = NULL;
	unsigned int families = 0;
	struct rendering rendering;
	struct tale tale;

	(void)state;
	tale_of_a_leak(&tale, 3);
	scrape(&rendering, &tale, CT_DIALECT_TEXT);
	for (char *line = strtok(rendering.text.data, "\n"); line; line = strtok(NULL, "\n")) {
		char name[80];

		if (!strncmp(line, "# HELP ", 7)) {
			metric = &ct_metrics[families++];
			assert_int_equal(sscanf(line, "# HELP ctxtrace_%79s", name), 1);
			assert_string_equal(name, metric->name);
		}
		if (*line == '#')
			continue;
		assert_int_equal(strncmp(line + strlen("ctxtrace_"), metric->name, strlen(metric->name)), 0);
		for (const char *at = line; (at = strpbrk(at, "{,")); at++) {
			size_t length = strcspn(at + 1, "=");
			char *label = strndup(at + 1, length);

			assert_true(!strcmp(label, "le") || strstr(metric->labels, label));
			free(label);
		}
	}
	assert_int_equal(families, CT_METRIC_END);
	rendering_done(&rendering);
	tale_end(&tale);
}

/* With --table: what docs/metrics.md has to say. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_follow_the_rules),
		cmocka_unit_test(the_page_about_metrics_has_the_catalogue),
		cmocka_unit_test(a_leak_is_told),
		cmocka_unit_test(distributions_are_cumulative),
		cmocka_unit_test(late_tasks_are_measured),
		cmocka_unit_test(sums_do_not_wrap),
		cmocka_unit_test(labels_are_clean),
		cmocka_unit_test(functions_are_twenty_and_others),
		cmocka_unit_test(no_series_comes_twice),
		cmocka_unit_test(what_is_served_is_what_the_catalogue_says),
	};

	if (argc == 2 && !strcmp(argv[1], "--table")) {
		struct ct_text table = {0};

		write_table(&table);
		fputs(table.data, stdout);
		ct_text_done(&table);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
