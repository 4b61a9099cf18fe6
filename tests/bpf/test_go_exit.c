// SPDX-License-Identifier: Apache-2.0
/* The last moment of a Go program: stopped once, and only if user space may let it go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "go_world.h"

#define USER	1000
#define SIG_STOP 19

extern uint32_t ct_exits;
static struct go_world world;

static int set_up(void **state)
{
	(void)state;
	go_world_init(&world);
	world.config.exit_uid = USER;
	go_world_configure(&world);
	shim.user = USER;
	ct_exits = 0;
	return 0;
}

static void leave(void)
{
	hit(go_end, &world.regs, CT_COOKIE(CT_ROLE_GO_EXIT, 0));
}

static void test_stopped_once(void **state)
{
	(void)state;
	leave();
	assert_int_equal(shim.signals, 1);
	assert_int_equal(shim.signal, SIG_STOP);
	assert_true(ct_exits);
	leave(); // dieFromSignal goes on to exit when the signal was blocked; another thread may leave as well
	assert_int_equal(shim.signals, 1);
	assert_int_equal(drops(), 0);
	assert_int_equal(shim_events(), 0);
}

static void test_another_user_is_not_stopped(void **state)
{
	(void)state;
	shim.user = USER + 1; // it gave up its user since: nobody could let it go
	leave();
	assert_int_equal(shim.signals, 0);
	assert_int_equal(ct_exits, 0);
}

static void test_not_stopped_is_not_held(void **state)
{
	(void)state;
	shim.fail_signal = true;
	leave();
	assert_int_equal(ct_exits, 0);
	shim.fail_signal = false;
	leave();
	assert_int_equal(shim.signals, 1);
}

static void test_unknown_process(void **state)
{
	(void)state;
	shim.process++; // after exec: its settings are gone
	leave();
	assert_int_equal(shim.signals, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_stopped_once, set_up),
		cmocka_unit_test_setup(test_another_user_is_not_stopped, set_up),
		cmocka_unit_test_setup(test_not_stopped_is_not_held, set_up),
		cmocka_unit_test_setup(test_unknown_process, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
