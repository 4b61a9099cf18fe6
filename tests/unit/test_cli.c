// SPDX-License-Identifier: Apache-2.0
/* The command line: what each option sets, where it is allowed, and what is said about a wrong one. */
#include "base/time.h"
#include "cli.h"
#include "cli_values.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define WORDS_MAX 40

/* A command line in one string, and what came of it. */
struct line {
	char *argv[WORDS_MAX + 1];
	char words[512];
	struct ct_options options;
	struct ct_error error;
	int rc;
};

/* getopt keeps its place between calls; the program parses once, tests do not. */
static void reset_getopt(void)
{
	char *nothing[] = {"x", NULL};

	optind = 0;
	getopt(1, nothing, "+"); // as the program: it stops at the first operand
}

static struct line *parse(const char *text)
{
	static struct line line;
	int argc = 0;

	line = (struct line){.argv = {"ctxtrace"}};
	snprintf(line.words, sizeof(line.words), "%s", text);
	for (char *word = strtok(line.words, " "); word; word = strtok(NULL, " ")) {
		assert_true(argc + 1 < WORDS_MAX);
		line.argv[++argc] = word;
	}
	reset_getopt();
	line.options.pid = 4242; // untouched on failure
	line.rc = ct_cli_parse(argc + 1, line.argv, &line.options, &line.error);
	if (line.rc) {
		assert_int_equal(line.rc, -EINVAL);
		assert_int_equal(line.options.pid, 4242);
		assert_non_null(strstr(line.error.hint, "--help"));
	}
	return &line;
}

static const struct ct_options *good(const char *text)
{
	struct line *line = parse(text);

	if (line->rc)
		fail_msg("%s: %s", text, line->error.message);
	return &line->options;
}

static void bad(const char *text, const char *words)
{
	struct line *line = parse(text);

	if (!line->rc || !strstr(line->error.message, words))
		fail_msg("%s: %s", text, line->rc ? line->error.message : "is taken");
}

static void watching_has_defaults(void **state)
{
	const struct ct_options *options = good("-p 7");

	(void)state;
	assert_int_equal(options->command, CT_COMMAND_WATCH);
	assert_int_equal(options->pid, 7);
	assert_int_equal(options->duration_ns, 0);
	assert_int_equal(options->min_age_ns, 10 * CT_NSEC_PER_SEC);
	assert_int_equal(options->grace_ns, CT_NSEC_PER_SEC);
	assert_int_equal(options->outputs_count, 1);
	assert_string_equal(options->outputs[0].format, "text");
	assert_null(options->outputs[0].file);
	assert_int_equal(options->fail_on, 0);
	assert_int_equal(options->exit_code, 1);
	assert_int_equal(options->max_contexts, 4000000);
	assert_null(options->why);
	assert_false(options->with_tree || options->no_goroutines || options->is_strict || options->is_quiet);
}

static void every_option_sets_its_field(void **state)
{
	const struct ct_options *options =
		good("--pid=7 -d 30s -f json=a.json -f text -o out --record r --fail-on lost-cancel,leak --suppress s "
		     "--min-age 2m --grace 250ms --tree --why=main.* --no-goroutines --max-contexts 10 --strict -v -q "
		     "--source-root /nowhere/shop/ --strip-prefix example.com/shop");

	(void)state;
	assert_int_equal(options->duration_ns, 30 * CT_NSEC_PER_SEC);
	assert_int_equal(options->outputs_count, 2);
	assert_string_equal(options->outputs[0].format, "json");
	assert_string_equal(options->outputs[0].file, "a.json");
	assert_string_equal(options->outputs[1].file, "out");
	assert_string_equal(options->record, "r");
	assert_string_equal(options->source_root, "/nowhere/shop");
	assert_string_equal(options->strip_prefix, "example.com/shop");
	assert_int_equal(options->fail_on, 1u << CT_FINDING_LOST_CANCEL | CT_KINDS_LEAK);
	assert_string_equal(options->suppress, "s");
	assert_int_equal(options->min_age_ns, 120 * CT_NSEC_PER_SEC);
	assert_int_equal(options->grace_ns, 250 * CT_NSEC_PER_MSEC);
	assert_true(options->with_tree && options->no_goroutines && options->is_strict);
	assert_string_equal(options->why, "main.*");
	assert_int_equal(options->max_contexts, 10);
	assert_true(options->is_verbose && options->is_quiet);
	assert_string_equal(good("-p 7 --why")->why, ""); // every cancellation
}

static void run_takes_a_command(void **state)
{
	const struct ct_options *options = good("run --exit-code 9 -- ./server -p 80 --help");

	(void)state;
	assert_int_equal(options->command, CT_COMMAND_RUN);
	assert_string_equal(options->command_argv[0], "./server");
	assert_string_equal(options->command_argv[3], "--help"); // its own
	assert_null(options->command_argv[4]);
	assert_int_equal(options->exit_code, 9);
	assert_int_equal(options->min_age_ns, CT_NSEC_PER_SEC);
	assert_int_equal(options->fail_on, CT_KINDS_LEAK);
	assert_string_equal(good("run ls -d 5s")->command_argv[1], "-d"); // without `--` too
	assert_int_equal(good("run --fail-on none -- ls")->fail_on, 0);
	bad("run", "`run` needs a command");
	bad("run --", "`run` needs a command");
	bad("run -p 7 -- ls", "--pid has no meaning for `ctxtrace run`");
}

static void replay_takes_a_file_and_options_on_both_sides(void **state)
{
	const struct ct_options *options = good("replay -f json rec --tree --min-age 5");

	(void)state;
	assert_int_equal(options->command, CT_COMMAND_REPLAY);
	assert_string_equal(options->input, "rec");
	assert_true(options->with_tree);
	assert_int_equal(options->min_age_ns, 5 * CT_NSEC_PER_SEC);
	bad("replay", "which recording?");
	bad("replay a b", "\"b\" was not understood");
	bad("replay a --duration 5s", "--duration has no meaning for `ctxtrace replay`");
	bad("replay a --record b", "--record has no meaning");
	bad("replay a --no-goroutines", "has no meaning");
}

static void diff_takes_two_files(void **state)
{
	const struct ct_options *options = good("diff a -f json b --fail-on lost-cancel");

	(void)state;
	assert_int_equal(options->command, CT_COMMAND_DIFF);
	assert_string_equal(options->input, "a");
	assert_string_equal(options->other_input, "b");
	assert_int_equal(options->fail_on, 1u << CT_FINDING_LOST_CANCEL);
	assert_int_equal(good("diff a b")->fail_on, 0);
	assert_int_equal(good("diff a b --min-age 2s --strict")->min_age_ns, 2 * CT_NSEC_PER_SEC);
	bad("diff", "which two reports or recordings?");
	bad("diff a", "which two reports or recordings?");
	bad("diff a b c", "\"c\" was not understood");
	bad("diff a b --baseline c", "--baseline has no meaning for `ctxtrace diff`");
	bad("diff a b -p 7", "--pid has no meaning");
}

static void a_baseline_has_a_place_of_its_own(void **state)
{
	const struct ct_options *options = good("run --baseline k --write-baseline k -- ls");

	(void)state;
	assert_string_equal(options->baseline, "k");
	assert_string_equal(options->write_baseline, "k");
	assert_string_equal(good("replay rec --baseline k")->baseline, "k");
	assert_string_equal(good("census -p 7 --write-baseline k")->write_baseline, "k");
	bad("-p 7 --write-baseline k -o k", "k cannot be both report and baseline");
	bad("-p 7 --write-baseline k --record k", "k cannot be both recording and baseline");
	bad("-p 7 --baseline", "--baseline needs a value");
}

static void check_may_have_a_process(void **state)
{
	(void)state;
	assert_int_equal(good("check")->command, CT_COMMAND_CHECK);
	assert_int_equal(good("check -p 7")->pid, 7);
	bad("check -f json", "--format has no meaning for `ctxtrace check`");
}

static void a_census_may_go_on(void **state)
{
	const struct ct_options *options = good("census -p 7 --watch 10s -d 5m");

	(void)state;
	assert_int_equal(options->command, CT_COMMAND_CENSUS);
	assert_int_equal(options->watch_ns, 10 * CT_NSEC_PER_SEC);
	assert_int_equal(options->duration_ns, 300 * CT_NSEC_PER_SEC);
	assert_int_equal(good("census -p 7")->watch_ns, 0);
	assert_int_equal(good("census -p 7 --watch 1s")->watch_ns, CT_NSEC_PER_SEC);
	bad("census -p 7 --watch 999ms", "--watch");
	bad("census -p 7 --watch 0", "--watch");
	bad("census -p 7 -d 5m", "--watch");
	bad("-p 7 --watch 10s", "--watch");
	bad("run --watch 10s -- true", "--watch");
}

static void help_and_version_need_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(good("")->command, CT_COMMAND_HELP);
	assert_int_equal(good("--help")->command, CT_COMMAND_HELP);
	assert_int_equal(good("run -h")->command, CT_COMMAND_HELP);
	assert_int_equal(good("replay --version")->command, CT_COMMAND_VERSION);
	assert_int_equal(good("-p 7 --version")->command, CT_COMMAND_VERSION);
}

static void wrong_usage_is_named(void **state)
{
	(void)state;
	bad("-q", "which process?");
	bad("7", "\"7\" was not understood");
	bad("-p 7 8", "\"8\" was not understood");
	bad("-p 7 -p 8", "-p was given twice");
	bad("-p", "-p needs a value");
	bad("--pid", "--pid needs a value");
	bad("-p 7 -z", "unknown option -z");
	bad("-p 7 -qzv", "unknown option -z");
	bad("-p 7 --bogus", "unknown option --bogus");
	bad("-p 7 --bogus=5", "unknown option --bogus=5");
	bad("-p 7 --tree=5", "--tree takes no value: --tree=5");
	bad("-p 7 --quiet=5", "--quiet takes no value: --quiet=5");
	bad("-p 7 -d 0", "--duration must be longer than 0");
	bad("-p 7 --exit-code 5", "--exit-code has no meaning for `ctxtrace -p PID`");
	bad("-p 7 -f text -f json", "two formats for standard output");
	bad("-p 7 -o x -f json=x", "no report is left for -o x: -f json=x has a file of its own");
	bad("diff a b -f text=y -f json=z -o x", "no report is left for -o x");
	bad("-p 7 -o x -f text -f json", "two formats for x");
	bad("-p 7 -f xml", "no format; there are text, json, pprof, folded, sarif, junit and trace");
	bad("-p 7 --source-root no/such", "--source-root: no/such: No such file");
	bad("check --strip-prefix a", "--strip-prefix has no meaning for `ctxtrace check`");
	bad("-p 7 -f json -f text=a -f text", "two formats for standard output");
	bad("-p 7 -f text -f text -f text -f text -f text -f text -f text -f text -f text", "more than 8 times");
	bad("runs", "was not understood");
}

/* A name that is empty is a variable of the shell that is not set. */
static void nothing_is_no_name(void **state)
{
	static const char *const options[] = {"--output", "--record", "--suppress", "--baseline", "--write-baseline"};
	char line[80];

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		snprintf(line, sizeof(line), "-p 7 %s=", options[i]);
		bad(line, "no name of a file");
		bad(line, options[i]);
	}
	bad("-p 7 --request-site=", "--request-site: no name of a function");
	bad("-p 7 --source-root=", "--source-root: no name of a directory");
	bad("-p 7 --strip-prefix=", "--strip-prefix");
	assert_string_equal(good("-p 7 --why=")->why, ""); // as without a pattern
}

static void abbreviated_options_work_as_anywhere(void **state)
{
	(void)state;
	assert_int_equal(good("-p 7 --dur 5s")->duration_ns, 5 * CT_NSEC_PER_SEC);
	bad("-p 7 --s", "--s"); // suppress or strict
}

static void durations_have_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{"0", 0},
		{"30", 30 * CT_NSEC_PER_SEC},
		{"1.5m", 90 * CT_NSEC_PER_SEC},
		{"250ms", 250 * CT_NSEC_PER_MSEC},
		{"7us", 7 * CT_NSEC_PER_USEC},
		{"2h", 7200 * CT_NSEC_PER_SEC},
		{"2500000h", 9000000000 * CT_NSEC_PER_SEC},
		{"1m30s", 90 * CT_NSEC_PER_SEC},
		{"1h5m", 3900 * CT_NSEC_PER_SEC},
		{"1h0m0.5s", 3600500 * CT_NSEC_PER_MSEC},
		{"2s250ms", 2250 * CT_NSEC_PER_MSEC},
		{"1h1m1s1ms1us", 3661001001 * CT_NSEC_PER_USEC},
		{"2499999h60m", 9000000000 * CT_NSEC_PER_SEC},
		{".5s", 500 * CT_NSEC_PER_MSEC},
	};
	static const char *const wrong[] = {"",	    "s",      "5x",  "5 s", "-1s",  "nan",
					    "infs", "1e300s", "5mm", "5s5", "1,5s", "2600000h",
					    // from the largest unit to the smallest, each once, with its unit
					    "5s1m", "5s5s", "1m30", "30 1m", "1m 30s", "1m-30s", "1m+30s", "1mm",
					    "1m30x", "m30s", "2499999h61m", "2500000h1us", "1h2500000h",
					    "99999999999999999999h5m", "0x10s", "1e3s", "1..5s", ".", ".s", " 5s",
					    "+5s", "1m.s", "1minf"};
	struct ct_error error;
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ct_cli_duration("--x", cases[i].text, &ns, NULL), 0);
		assert_int_equal(ns, cases[i].ns);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ns = 77;
		if (ct_cli_duration("--x", wrong[i], &ns, &error) != -EINVAL)
			fail_msg("%s is taken", wrong[i]);
		assert_int_equal(ns, 77);
		assert_non_null(strstr(error.message, "--x: "));
	}
}

static void numbers_have_bounds(void **state)
{
	static const char *const wrong[] = {"", "x", "5x", "-1", " -1", "101", "1", "5.5", "99999999999999999999"};
	uint32_t number;
	pid_t pid;

	(void)state;
	assert_int_equal(ct_cli_number("--x", "2", 2, 100, &number, NULL), 0);
	assert_int_equal(number, 2);
	assert_int_equal(ct_cli_number("--x", "100", 2, 100, &number, NULL), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (ct_cli_number("--x", wrong[i], 2, 100, &number, NULL) != -EINVAL)
			fail_msg("\"%s\" is taken", wrong[i]);
	assert_int_equal(ct_cli_pid("4194304", &pid, NULL), 0);
	assert_int_equal(ct_cli_pid("4194305", &pid, NULL), -EINVAL);
	assert_int_equal(ct_cli_pid("0", &pid, NULL), -EINVAL);
	assert_int_equal(ct_cli_pid("-7", &pid, NULL), -EINVAL);
}

static void formats_may_have_files(void **state)
{
	struct ct_output_request request = {0};

	(void)state;
	assert_int_equal(ct_cli_format("json=a=b", &request, NULL), 0);
	assert_string_equal(request.format, "json");
	assert_string_equal(request.file, "a=b");
	assert_int_equal(ct_cli_format("text", &request, NULL), 0);
	assert_null(request.file);
	assert_int_equal(ct_cli_format("trace=t.json", &request, NULL), 0);
	assert_string_equal(request.file, "t.json");
	assert_int_equal(ct_cli_format("json=", &request, NULL), -EINVAL);
	assert_int_equal(ct_cli_format("js", &request, NULL), -EINVAL);
	assert_int_equal(ct_cli_format("jsonx", &request, NULL), -EINVAL);
	assert_int_equal(ct_cli_format("", &request, NULL), -EINVAL);
	assert_int_equal(ct_cli_format("=a", &request, NULL), -EINVAL);
}

static void a_directory_is_made_absolute(void **state)
{
	char path[PATH_MAX], here[PATH_MAX], *long_name = calloc(1, PATH_MAX + 1);

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_non_null(long_name);
	memset(long_name, '/', PATH_MAX);
	assert_int_equal(ct_cli_directory("--source-root", ".", path, NULL), 0);
	assert_string_equal(path, here);
	assert_int_equal(ct_cli_directory("--source-root", "/nowhere/src//", path, NULL), 0); // of another machine
	assert_string_equal(path, "/nowhere/src");
	assert_int_equal(ct_cli_directory("--source-root", "no/such", path, NULL), -EINVAL);
	assert_int_equal(ct_cli_directory("--source-root", "", path, NULL), -EINVAL);
	assert_int_equal(ct_cli_directory("--source-root", "/", path, NULL), -EINVAL);
	assert_int_equal(ct_cli_directory("--source-root", long_name, path, NULL), -EINVAL);
	free(long_name);
}

static void fail_on_takes_kinds(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	uint32_t bits = 77;

	(void)state;
	for (int kind = 0; kind < CT_FINDING_END; kind++) {
		assert_int_equal(ct_cli_fail_on(ct_finding_name((enum ct_finding_kind)kind), &bits, NULL), 0);
		assert_int_equal(bits, 1u << kind);
	}
	assert_int_equal(ct_cli_fail_on("any,leak,none", &bits, NULL), 0);
	assert_int_equal(bits, CT_KINDS_ANY | CT_KINDS_LEAK);
	assert_int_equal(ct_cli_fail_on("leak,", &bits, NULL), -EINVAL);
	assert_int_equal(ct_cli_fail_on("", &bits, NULL), -EINVAL);
	assert_int_equal(ct_cli_fail_on(",leak", &bits, NULL), -EINVAL);
	assert_int_equal(ct_cli_fail_on("leaks", &bits, NULL), -EINVAL);
	assert_int_equal(ct_cli_fail_on("leak,sorrow,any", &bits, &error), -EINVAL);
	assert_non_null(strstr(error.message, "\"sorrow\" is no kind of finding; there are leak, any, none, lost-cancel, "));
	assert_non_null(strstr(error.message, ", deep-chain"));
	assert_int_equal(ct_cli_fail_on("lost-cancel lost-cancel lost-cancel lost-cancel", &bits, NULL), -EINVAL);
	assert_int_equal(bits, CT_KINDS_ANY | CT_KINDS_LEAK); // untouched
}

/* Every option is in the help text, once, and no line of it wraps. */
static void help_is_the_table(void **state)
{
	static const char *const names[] = {"--pid PID",	"--duration T",	   "--format F",      "--output FILE", "--watch T",
					    "--record FILE",	"--fail-on KINDS", "--suppress FILE", "--baseline FILE", "--write-baseline FILE", "--min-age T",
					    "--grace T",	"--tree",	   "--why[=PATTERN]", "--no-goroutines",
					    "--max-contexts N", "--strict",	   "--exit-code N",   "--verbose",
					    "--quiet",		"--version",	   "--help"};
	char text[8192] = "";
	int saved = dup(STDOUT_FILENO), pipe_fds[2];
	ssize_t length;

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	fflush(stdout);
	dup2(pipe_fds[1], STDOUT_FILENO);
	ct_cli_help();
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(pipe_fds[1]);
	length = read(pipe_fds[0], text, sizeof(text) - 1);
	close(pipe_fds[0]);
	assert_true(length > 1000 && length < (ssize_t)sizeof(text) - 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strstr(text, names[i]))
			fail_msg("%s is not in the help text", names[i]);
	assert_non_null(strstr(text, "a second after --duration"));
	assert_non_null(strstr(text, "leak, any; none"));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(watching_has_defaults),
		cmocka_unit_test(every_option_sets_its_field),
		cmocka_unit_test(run_takes_a_command),
		cmocka_unit_test(replay_takes_a_file_and_options_on_both_sides),
		cmocka_unit_test(diff_takes_two_files),
		cmocka_unit_test(a_baseline_has_a_place_of_its_own),
		cmocka_unit_test(check_may_have_a_process),
		cmocka_unit_test(a_census_may_go_on),
		cmocka_unit_test(help_and_version_need_nothing_else),
		cmocka_unit_test(wrong_usage_is_named),
		cmocka_unit_test(nothing_is_no_name),
		cmocka_unit_test(abbreviated_options_work_as_anywhere),
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(numbers_have_bounds),
		cmocka_unit_test(formats_may_have_files),
		cmocka_unit_test(a_directory_is_made_absolute),
		cmocka_unit_test(fail_on_takes_kinds),
		cmocka_unit_test(help_is_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
