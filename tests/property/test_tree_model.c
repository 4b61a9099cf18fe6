// SPDX-License-Identifier: Apache-2.0
/* The tree against the naive model, event by event, on random streams; and that a failure would be shrunk and saved. */
#include "model.h"
#include "stream.h"
#include "tree_check.h"

#include "base/cleanup.h"
#include "event/text_codec.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* Few addresses make reuse, many make depth. */
static void make(struct stream *stream, uint64_t seed)
{
	uint64_t state = seed ^ UINT64_C(0x5eed);
	struct recipe recipe = {
		.events = 40 + stream_below(&state, 360),
		.addresses = 3 + (uint32_t)stream_below(&state, 50),
		.tasks = 1 + (uint32_t)stream_below(&state, 6),
		.paths = 1 + (uint32_t)stream_below(&state, 20),
		.step_ns = 1000,
		.weights =
			{
				[CT_EVENT_CREATE] = 100,
				[CT_EVENT_CANCEL] = 50,
				[CT_EVENT_CANCEL_CALL] = 12,
				[CT_EVENT_FREE] = 12,
				[CT_EVENT_ABANDON] = 8,
				[CT_EVENT_REQUEST] = 16,
				[CT_EVENT_TICK] = 4,
				[CT_EVENT_TASK_START] = 12,
				[CT_EVENT_TASK_END] = 12,
				[CT_EVENT_TASK_SEEN] = 6,
				[CT_EVENT_TASK_IDLE] = 6,
				[CT_EVENT_GAP] = 2,
				[CT_EVENT_EXEC] = seed % 8 == 0,
				[CT_EVENT_EXIT] = seed % 16 == 0,
			},
	};

	if (seed % 3 == 0) // a program nobody tells about tasks of
		recipe.weights[CT_EVENT_TASK_START] = recipe.weights[CT_EVENT_TASK_END] = 0;
	stream_make(stream, &recipe, seed);
}

static const char *tree_is_the_model(const struct stream *stream)
{
	static struct model model;
	struct ct_tree *tree = ct_tree_new(&ct_allocator_libc, NULL);
	const char *wrong = tree ? NULL : "no memory";

	memset(&model, 0, sizeof(model));
	for (size_t i = 0; i < stream->count && !wrong; i++) {
		struct ct_event event = stream_event(&stream->ops[i]);
		int expected = model_apply(&model, &event);

		if (ct_tree_apply(tree, &event, NULL) != expected)
			wrong = "the tree refuses what it should take, or the other way round";
		if (!wrong)
			wrong = model_compare(&model, tree);
	}
	if (!wrong)
		wrong = tree_check(tree);
	ct_tree_free(tree);
	return wrong;
}

static void the_tree_is_the_model(void **state)
{
	(void)state;
	property_check("tree_model", make, tree_is_the_model, 1200);
}

/* A property that does not hold: no context that was abandoned is ever freed. */
static const char *abandoned_is_for_ever(const struct stream *stream)
{
	uint64_t abandoned = 0;

	for (size_t i = 0; i < stream->count; i++) {
		struct ct_event event = stream_event(&stream->ops[i]);

		if (event.header->type == CT_EVENT_ABANDON)
			abandoned = event.context->context;
		if (event.header->type == CT_EVENT_FREE && event.context->context == abandoned)
			return "an abandoned context was freed";
	}
	return NULL;
}

static int count_event(void *opaque, const struct ct_event *event)
{
	static const uint8_t expected[] = {CT_EVENT_ABANDON, CT_EVENT_FREE};
	size_t *count = opaque;

	assert_true(*count < 2);
	assert_int_equal(event->header->type, expected[(*count)++]);
	return 0;
}

static void a_broken_property_ends_in_a_short_story(void **state)
{
	struct ct_error error = CT_ERROR_INIT;
	struct stream stream;
	char text[1024] = "";
	const char *path, *wrong;
	size_t events = 0;
	uint64_t seed = 1;

	(void)state;
	for (make(&stream, seed); !abandoned_is_for_ever(&stream); make(&stream, ++seed))
		stream_done(&stream);
	wrong = stream_shrink(&stream, abandoned_is_for_ever);
	assert_string_equal(wrong, "an abandoned context was freed");
	assert_int_equal(stream.count, 2);
	path = stream_save(&stream, "tree_model.selftest", wrong);
	{
		_ct_fclose_ FILE *file = fopen(path, "re");

		assert_non_null(file);
		assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	}
	assert_int_equal(strncmp(text, "# Property tree_model.selftest, seed ", 37), 0);
	assert_int_equal(ct_event_text_parse(text, count_event, &events, &error), 0);
	assert_int_equal(events, 2);
	unlink(path);
	stream_done(&stream);
}

/* The comparison sees a difference of one event, whichever is left out (but for those that say nothing). */
static void the_model_tells_streams_apart(void **state)
{
	static struct model model;
	struct stream stream;
	size_t seen = 0;

	(void)state;
	make(&stream, 7);
	for (size_t left_out = 0; left_out < stream.count; left_out++) {
		struct ct_tree *tree = ct_tree_new(&ct_allocator_libc, NULL);

		assert_non_null(tree);
		memset(&model, 0, sizeof(model));
		for (size_t i = 0; i < stream.count; i++) {
			struct ct_event event = stream_event(&stream.ops[i]);

			model_apply(&model, &event);
			if (i != left_out)
				ct_tree_apply(tree, &event, NULL);
		}
		seen += model_compare(&model, tree) != NULL;
		ct_tree_free(tree);
	}
	assert_true(seen * 10 > stream.count * 9);
	stream_done(&stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broken_property_ends_in_a_short_story),
		cmocka_unit_test(the_model_tells_streams_apart),
		cmocka_unit_test(the_tree_is_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
