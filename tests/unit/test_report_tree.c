// SPDX-License-Identifier: Apache-2.0
/* The page of the live tree: of a large one the oldest contexts, of a deep one the upper levels, and it says so. */
#include "report/json_tree.h"
#include "report/summary.h"
#include "report_story.h"

#include <jansson.h>
#include <stdlib.h>

static json_t *page(const struct tale *tale)
{
	struct ct_findings none = {0};
	struct ct_snapshot snapshot = {.tree = tale->tree, .findings = &none, .now_ns = tale->now_ns};
	struct ct_text text = {0};
	json_error_t error;
	json_t *document;

	assert_int_equal(ct_json_tree_page(&snapshot, &text), 0);
	document = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &error);
	if (!document)
		fail_msg("%s", error.text);
	assert_string_equal(json_string_value(json_object_get(document, "schema")), "ctxtrace-tree/1");
	ct_text_done(&text);
	return document;
}

static void says(json_t *document, json_int_t live, json_int_t shown, bool is_truncated)
{
	assert_int_equal(json_integer_value(json_object_get(document, "live")), live);
	assert_int_equal(json_integer_value(json_object_get(document, "shown")), shown);
	assert_int_equal(json_is_true(json_object_get(document, "truncated")), is_truncated);
}

static void begin(struct tale *tale)
{
	tale_begin(tale, NULL);
	tale->is_unchecked = true;
	tell(tale, "+0 site path=1 frame=main.main|/src/main.go|27\n+0 begin wall_clock_ns=1700000000000000000\n");
}

static void create(struct tale *tale, unsigned int address, unsigned int parent)
{
	tellf(tale, "+1us create context=0x%x parent=0x%x kind=cancel parent_kind=%s path=1 task=1", address, parent,
	      parent ? "cancel" : "background");
}

static void a_small_tree_is_whole(void **state)
{
	struct tale tale;
	json_t *document, *roots;

	(void)state;
	begin(&tale);
	document = page(&tale);
	says(document, 0, 0, false);
	json_decref(document);
	create(&tale, 0x10, 0);
	create(&tale, 0x20, 0x10);
	create(&tale, 0x30, 0x10);
	create(&tale, 0x40, 0x20);
	document = page(&tale);
	says(document, 4, 4, false);
	roots = json_object_get(document, "tree");
	assert_int_equal(json_array_size(roots), 1);
	assert_int_equal(json_array_size(json_object_get(json_array_get(roots, 0), "children")), 2);
	json_decref(document);
	tale_end(&tale);
}

/* A thousand old ones end, and their places in memory go to the youngest: the oldest left are shown all the same. */
static void of_a_large_tree_the_oldest_are_shown(void **state)
{
	const unsigned int count = CT_TREE_PAGE_MAX + 500, ended = 1000;
	struct tale tale;
	json_t *document, *children;
	json_int_t before = 0;

	(void)state;
	begin(&tale);
	create(&tale, 0x10, 0);
	for (unsigned int i = 1; i < count; i++)
		create(&tale, 0x1000 + 16 * i, 0x10);
	for (unsigned int i = 1; i <= ended; i++)
		tellf(&tale, "+1us cancel context=0x%x reason=explicit", 0x1000 + 16 * i * 7);
	for (unsigned int i = 0; i < 2 * ended; i++)
		create(&tale, 0x1000000 + 16 * i, 0x10);
	document = page(&tale);
	says(document, count + ended, CT_TREE_PAGE_MAX, true);
	children = json_object_get(json_array_get(json_object_get(document, "tree"), 0), "children");
	assert_int_equal(json_array_size(children), CT_TREE_PAGE_MAX - 1);
	for (size_t i = 0; i < json_array_size(children); i++) {
		const char *text = json_string_value(json_object_get(json_array_get(children, i), "id"));
		json_int_t id = strtoll(text, NULL, 16);

		assert_true(id > before && id <= count + ended / 2); // 500 of the young ones fill up what 1,000 left
		before = id;
	}
	json_decref(document);
	tale_end(&tale);
}

static void of_a_deep_tree_the_upper_levels_are_shown(void **state)
{
	struct tale tale;
	json_t *document;

	(void)state;
	begin(&tale);
	create(&tale, 0x1000, 0);
	for (unsigned int i = 1; i < 3 * CT_TREE_PAGE_DEPTH; i++)
		create(&tale, 0x1000 + 16 * i, 0x1000 + 16 * (i - 1));
	document = page(&tale);
	says(document, 3 * CT_TREE_PAGE_DEPTH, CT_TREE_PAGE_DEPTH, true);
	json_decref(document);
	tale_end(&tale);
}

/* Siblings below a cut chain are not lost with it, and an excerpt of any size is closed: who is in it has its parent in it. */
static void an_excerpt_has_parents_before_children(void **state)
{
	struct tale tale;

	(void)state;
	begin(&tale);
	srand(3);
	create(&tale, 0x1000, 0);
	for (unsigned int i = 1; i < 400; i++)
		create(&tale, 0x1000 + 16 * i, 0x1000 + 16 * ((unsigned int)rand() % i));
	for (size_t most = 1; most < 450; most += 13) {
		struct ct_snapshot snapshot = {.tree = tale.tree, .now_ns = tale.now_ns};
		struct ct_tree_entry *order;
		int count = ct_tree_excerpt(&snapshot, most, SIZE_MAX, &order);

		assert_int_equal(count, most < 400 ? most : 400);
		for (int i = 0; i < count; i++) {
			assert_true(ct_tree_id(tale.tree, order[i].index) <= (uint64_t)count);
			assert_true(order[i].depth <= (i ? order[i - 1].depth + 1 : 0));
		}
		free(order);
	}
	tale_end(&tale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_tree_is_whole),
		cmocka_unit_test(of_a_large_tree_the_oldest_are_shown),
		cmocka_unit_test(of_a_deep_tree_the_upper_levels_are_shown),
		cmocka_unit_test(an_excerpt_has_parents_before_children),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
