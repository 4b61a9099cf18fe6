// SPDX-License-Identifier: Apache-2.0
/* The ends noted while memory is read: each is known again, in whatever order and number they came. */
#include "agent/ended_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void end(struct ct_ended_list *list, uint8_t type, __u64 address)
{
	struct ct_event_cancel cancel = { .header.type = type, .context = address };

	ct_ended_list_note(list, &(struct ct_event){ .cancel = &cancel, .bytes = sizeof(cancel) });
}

static void every_end_is_known_again(void **state)
{
	struct ct_ended_list list = { 0 };

	(void)state;
	assert_false(ct_ended_list_has(&list, 0xc000000000));
	for (__u64 i = 0; i < 100000; i++)
		end(&list, i % 3 ? CT_EVENT_CANCEL : CT_EVENT_FREE, 0xc000000000 + (i * 7919 % 100000) * 96);
	for (__u64 i = 0; i < 100000; i++)
		assert_true(ct_ended_list_has(&list, 0xc000000000 + i * 96));
	assert_false(ct_ended_list_has(&list, 0xc000000000 + 48));
	end(&list, CT_EVENT_CANCEL, 0xc000000000 + 48);
	assert_true(ct_ended_list_has(&list, 0xc000000000 + 48));
	ct_ended_list_done(&list);
}

static void only_ends_count(void **state)
{
	struct ct_ended_list list = { 0 };
	struct ct_event_create create = { .header.type = CT_EVENT_CREATE, .context = 0xc000000000 };

	(void)state;
	ct_ended_list_note(&list, &(struct ct_event){ .create = &create, .bytes = sizeof(create) });
	end(&list, CT_EVENT_CANCEL_CALL, 0xc000000060);
	assert_int_equal(list.count, 0);
	ct_ended_list_done(&list);
}

static void tasks_have_a_list_of_their_own(void **state)
{
	const struct ct_event_task_end task_end = { .header = { .type = CT_EVENT_TASK_END }, .task = 7 };
	struct ct_ended_list contexts = { 0 }, tasks = { 0 };

	(void)state;
	ct_ended_list_note(&contexts, &(struct ct_event){ .task_end = &task_end, .bytes = sizeof(task_end) });
	ct_ended_list_note_task(&tasks, &(struct ct_event){ .task_end = &task_end, .bytes = sizeof(task_end) });
	assert_int_equal(contexts.count, 0);
	assert_true(ct_ended_list_has(&tasks, 7));
	assert_false(ct_ended_list_has(&tasks, 8));
	ct_ended_list_done(&tasks);
}

static void without_room_it_may_have_been_any(void **state)
{
	struct ct_ended_list list = { 0 };

	(void)state;
	for (size_t i = 0; i <= CT_ENDED_LIST_MAX; i++)
		end(&list, CT_EVENT_CANCEL, 16 * (i + 1));
	assert_true(list.is_cut);
	assert_true(ct_ended_list_has(&list, 8));
	ct_ended_list_done(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_end_is_known_again),
		cmocka_unit_test(only_ends_count),
		cmocka_unit_test(tasks_have_a_list_of_their_own),
		cmocka_unit_test(without_room_it_may_have_been_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
