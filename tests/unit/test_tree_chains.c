// SPDX-License-Identifier: Apache-2.0
/* Chains to the root: how long, and since when longer. */
#include "tree_story.h"

#define ADDRESS(i) (0x1000u + 16u * (unsigned int)(i))

static void derive(struct tale *tale, unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++)
		tellf(tale, "+1ms create context=0x%x parent=0x%x kind=cancel parent_kind=%s path=2 task=1", ADDRESS(i),
		      i ? ADDRESS(i - 1) : 0, i ? "cancel" : "background");
}

static void each_context_of_a_chain_is_longer(void **state)
{
	const struct ct_chain *chain;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tale.is_unchecked = true;
	derive(&tale, 0, CT_CHAIN_DEEP);
	chain = &tale_site(&tale, 2)->chain;
	assert_int_equal(chain->longest, 0);
	assert_false(ct_tree_is_deep(tale.tree, tale_find(&tale, ADDRESS(CT_CHAIN_DEEP - 1))));
	derive(&tale, CT_CHAIN_DEEP, 5000); // far beyond what one creation walks
	assert_int_equal(chain->longest, 5000);
	assert_int_equal(chain->first, CT_CHAIN_DEEP + 1);
	assert_int_equal(chain->rises, 5000 - CT_CHAIN_DEEP);
	assert_int_equal(chain->looks, chain->rises);
	assert_int_equal(chain->last_ns, tale.now_ns);
	assert_true(ct_tree_is_deep(tale.tree, tale_find(&tale, ADDRESS(CT_CHAIN_DEEP))));
	tale_end(&tale);
}

/* Links count as contexts do; the same depth again and again is looked at and does not rise. */
static void links_count(void **state)
{
	const struct ct_chain *chain;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 create context=0x10 kind=cancel parent_kind=background path=1 task=1");
	for (unsigned int i = 0; i < 20; i++)
		tellf(&tale, "+1s create context=0x%x parent=0x10 kind=cancel parent_kind=cancel hops=80 path=2 task=1",
		      ADDRESS(i));
	chain = &tale_site(&tale, 2)->chain;
	assert_int_equal(chain->longest, 82);
	assert_int_equal(chain->rises, 1);
	assert_int_equal(chain->looks, 20);
	tale_end(&tale);
}

/* A reading lists by address, children before parents or after: the length is the same. */
static void a_reading_is_measured_at_its_end(void **state)
{
	struct tale tale;

	(void)state;
	for (int is_backward = 0; is_backward < 2; is_backward++) {
		tale_begin(&tale, NULL);
		tale.is_unchecked = true;
		tell(&tale, "+1s scan_begin scan=1 began=-1ms flags=complete");
		for (unsigned int n = 0; n < 100; n++) {
			unsigned int i = is_backward ? 99 - n : n;

			tellf(&tale, "+0 observed context=0x%x parent=0x%x scan=1 kind=cancel parent_kind=%s state=held hops=2",
			      ADDRESS(i), i ? ADDRESS(i - 1) : 0, i ? "cancel" : "background");
		}
		assert_int_equal(ct_tree_site(tale.tree, CT_SITE_UNKNOWN)->chain.longest, 0);
		tell(&tale, "+0 scan_end scan=1 began=-1ms flags=complete");
		assert_int_equal(ct_tree_site(tale.tree, CT_SITE_UNKNOWN)->chain.longest, 300);
		assert_int_equal(ct_tree_site(tale.tree, CT_SITE_UNKNOWN)->chain.rises, 1);
		tale_end(&tale);
	}
}

/* A probe follows 32 links; memory knows the parent behind a hundred, and says so once. */
static void memory_finds_the_parent_behind_many_links(void **state)
{
	const struct ct_context *context;
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+1s create context=0x10 kind=cancel parent_kind=background path=1 task=1\n"
		    "+0 create context=0x20 kind=cancel hops=33 path=2 task=1 flags=parent_unread\n"
		    "+1s scan_begin scan=1 began=-1ms flags=complete\n"
		    "+0 observed context=0x20 parent=0x10 scan=1 kind=cancel parent_kind=cancel state=held retained=parent "
		    "hops=100\n"
		    "+0 scan_end scan=1 began=-1ms flags=complete");
	context = tale_find(&tale, 0x20);
	assert_ptr_equal(ct_tree_parent(tale.tree, context), tale_find(&tale, 0x10));
	assert_int_equal(context->hops, 100);
	assert_int_equal(tale_site(&tale, 2)->chain.longest, 102);
	tale_end(&tale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_context_of_a_chain_is_longer),
		cmocka_unit_test(links_count),
		cmocka_unit_test(a_reading_is_measured_at_its_end),
		cmocka_unit_test(memory_finds_the_parent_behind_many_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
