// SPDX-License-Identifier: Apache-2.0
/* The line of a long reading: not for short ones, not too often, never without a terminal, and wiped in the end. */
#include "agent/status_line.h"
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char said[4096];

/* What goes to standard error while `act` runs. */
static const char *hear(void (*act)(struct ct_status *status), bool is_terminal)
{
	struct ct_status status = { .is_terminal = is_terminal };
	int kept = dup(STDERR_FILENO), pipes[2];
	ssize_t got;

	assert_int_equal(pipe(pipes), 0);
	fflush(stderr);
	dup2(pipes[1], STDERR_FILENO);
	act(&status);
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(pipes[1]);
	got = read(pipes[0], said, sizeof(said) - 1);
	close(pipes[0]);
	said[got < 0 ? 0 : got] = '\0';
	return said;
}

static void read_short(struct ct_status *status)
{
	for (uint64_t ms = 1000; ms < 1500; ms += 4)
		ct_status_reading(status, 50, ms * CT_NSEC_PER_MSEC);
	ct_status_clear(status);
}

static void read_long(struct ct_status *status)
{
	for (uint64_t ms = 1000; ms <= 2000; ms += 4)
		ct_status_reading(status, (unsigned int)(ms - 1000) / 9, ms * CT_NSEC_PER_MSEC);
	ct_status_clear(status);
}

static void a_short_reading_is_silent(void **state)
{
	(void)state;
	assert_string_equal(hear(read_short, true), "");
}

static void a_long_one_tells_how_far_it_is(void **state)
{
	(void)state;
	assert_string_equal(hear(read_long, true),
			    "\r\033[Kreading memory: 55%\r\033[Kreading memory: 77%"
			    "\r\033[Kreading memory: 99%\r\033[K");
}

static void without_a_terminal_there_is_no_line(void **state)
{
	(void)state;
	assert_string_equal(hear(read_long, false), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_reading_is_silent),
		cmocka_unit_test(a_long_one_tells_how_far_it_is),
		cmocka_unit_test(without_a_terminal_there_is_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
