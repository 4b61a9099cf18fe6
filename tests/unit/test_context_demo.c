// SPDX-License-Identifier: Apache-2.0
// ctxdemo says what it does: every scenario runs, its statistics are exact, and twins differ where they should.
#include "test_context.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/** CTXDEMO is the path of the program, from the build. */
extern char **environ;

static pid_t start(const char *scenario, const char *option, const char *number, FILE **ret_out)
{
	const char *argv[] = {CTXDEMO, scenario, "--rate", "200", option, number, NULL};
	posix_spawn_file_actions_t actions;
	int fds[2];
	pid_t pid = -1;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	assert_int_equal(posix_spawn(&pid, CTXDEMO, &actions, NULL, (char *const *)(uintptr_t)argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	*ret_out = fdopen(fds[0], "r");
	assert_non_null(*ret_out);
	return pid;
}

static void expect_status(pid_t pid, int expected)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
}

static void expect_greeting(FILE *out, pid_t pid, const char *scenario)
{
	char line[256], expected[256];

	assert_non_null(fgets(line, sizeof(line), out));
	snprintf(expected, sizeof(expected), "ctxdemo: pid %d scenario %s\n", (int)pid, scenario);
	assert_string_equal(line, expected);
}

// One line of JSON, and nothing after it.
static json_t *read_stats(FILE *out)
{
	char line[4096];
	json_t *stats;

	assert_non_null(fgets(line, sizeof(line), out));
	stats = json_loads(line, 0, NULL);
	assert_non_null(stats);
	assert_null(fgets(line, sizeof(line), out));
	return stats;
}

static json_t *run(const char *scenario, const char *rounds)
{
	json_t *stats;
	FILE *out;
	pid_t pid = start(scenario, "--rounds", rounds, &out);

	expect_greeting(out, pid, scenario);
	stats = read_stats(out);
	fclose(out);
	expect_status(pid, 0);
	assert_string_equal(json_string_value(json_object_get(stats, "scenario")), scenario);
	assert_true(json_is_true(json_object_get(stats, "exact")));
	return stats;
}

static long long number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static void expect_balance(const json_t *stats)
{
	const json_t *created = json_object_get(stats, "created"), *ended = json_object_get(stats, "ended");
	long long begun = number(created, "cancel") + number(created, "deadline") + number(created, "after_func");
	long long over = number(ended, "explicit") + number(ended, "deadline") + number(ended, "parent");

	assert_int_equal(number(stats, "live"), begun - over - number(ended, "freed"));
	assert_true(number(stats, "live") >= 1);
}

static void expect_number(const char *scenario, const char *rounds, const char *name, long long expected)
{
	json_t *stats = run(scenario, rounds);

	assert_int_equal(number(stats, name), expected);
	json_decref(stats);
}

static void test_wrong_twins_leave_what_they_should(void **state)
{
	(void)state;
	expect_number("leak", "30", "abandoned", 10);
	expect_number("leak", "30", "live", 11);
	expect_number("lost-child", "30", "live", 31);
	expect_number("lost-cancel", "30", "armed", 30);
	expect_number("after-func", "30", "abandoned_after_func", 30);
	expect_number("no-timeout", "5", "requests_live", 5);
	expect_number("pipeline-hang", "5", "requests_live", 5);
	expect_number("ignored-ctx", "5", "tasks_live", 5);
	expect_number("stored-ctx", "30", "cancel_called", 29);
	expect_number("deep-chain", "30", "allocated", 61);
	expect_number("deep-chain", "30", "live", 31);
	expect_number("deep-chain", "400", "live", 301);
	expect_number("held", "30", "live", 31);
	expect_number("held", "30", "abandoned", 0);
}

static void expect_nothing_lost(const char *scenario)
{
	json_t *stats = run(scenario, "6");

	expect_balance(stats);
	assert_int_equal(number(stats, "abandoned"), 0);
	// A shutdown hook may be left; a habit of it may not.
	assert_in_range(number(stats, "abandoned_after_func"), 0, 1);
	json_decref(stats);
}

// Reads the program's own list, so that no scenario can be forgotten here.
static void test_scenarios_without_finding_lose_nothing(void **state)
{
	(void)state;
	char name[64], expect[64], rest[256];
	int scenarios = 0, correct = 0;
	FILE *out;
	pid_t pid = start("leak", "--list", NULL, &out);

	while (fscanf(out, "%63s %63s %255[^\n]", name, expect, rest) == 3) {
		scenarios++;
		if (strcmp(expect, "none") != 0)
			continue;
		correct++;
		expect_nothing_lost(name);
	}
	fclose(out);
	expect_status(pid, 0);
	assert_true(correct >= 15);
	assert_true(scenarios > correct);
}

static void test_a_signal_ends_it_cleanly(void **state)
{
	(void)state;
	for (int signal = SIGINT; signal <= SIGTERM; signal += SIGTERM - SIGINT) {
		json_t *stats;
		FILE *out;
		pid_t pid = start("service", "--hold", "600", &out);

		// Signals are blocked before this line is written: from here on none can kill.
		expect_greeting(out, pid, "service");
		assert_int_equal(kill(pid, signal), 0);
		stats = read_stats(out);
		expect_balance(stats);
		json_decref(stats);
		fclose(out);
		expect_status(pid, 0);
	}
}

static void test_wrong_usage_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[][3] = {
		{"no-such-scenario", NULL, NULL}, {"leak", "--rounds", "many"}, {"leak", "--seconds", "-1"},
		{"leak", "--unknown", NULL},	  {"leak", "leak-right", NULL},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		FILE *out;
		pid_t pid = start(wrong[i][0], wrong[i][1], wrong[i][2], &out);

		fclose(out);
		expect_status(pid, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_twins_leave_what_they_should),
		cmocka_unit_test(test_scenarios_without_finding_lose_nothing),
		cmocka_unit_test(test_a_signal_ends_it_cleanly),
		cmocka_unit_test(test_wrong_usage_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
