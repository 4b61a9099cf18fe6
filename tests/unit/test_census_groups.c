// SPDX-License-Identifier: Apache-2.0
/* The census by parent, kind and depth: counted right, bounded, and how it grows. */
#include "ctxtrace/census_groups.h"
#include "tree_story.h"

#define HELD "kind=cancel parent_kind=cancel state=held retained=parent"

static void census_begin(struct tale *tale, const struct ct_tree_options *options)
{
	tale_begin(tale, options);
	tell(tale, "+0 target pid=1 runtime=go exe=/srv/a version=go1.26.8 build_id=b\n"
		   "+0 provider name=memory attach_points=0\n"
		   "+1s begin wall_clock_ns=1\n");
}

static void reading_begin(struct tale *tale, unsigned int scan)
{
	tellf(tale, "+1s scan_begin scan=%u began=-1ms collections=4 flags=complete", scan);
}

static void reading_end(struct tale *tale, unsigned int scan)
{
	tellf(tale, "+0 scan_end scan=%u began=-1ms collections=4 read_bytes=100 flags=complete", scan);
}

static void see(struct tale *tale, unsigned int scan, unsigned int address, unsigned int parent, const char *rest)
{
	tellf(tale, "+0 observed context=0x%x parent=0x%x scan=%u %s", address, parent, scan, rest);
}

static void see_root(struct tale *tale, unsigned int scan, unsigned int address)
{
	tellf(tale, "+0 observed context=0x%x scan=%u kind=cancel parent_kind=background state=held", address, scan);
}

/* The only group of this kind and depth. */
static const struct ct_census_group *group_of(const struct tale *tale, uint8_t kind, uint8_t depth)
{
	const struct ct_census_groups *groups = ct_tree_census(tale->tree);
	const struct ct_census_group *found = NULL;

	assert_non_null(groups);
	for (size_t i = 0; i < groups->count; i++) {
		if (groups->list[i].kind != kind || groups->list[i].depth != depth)
			continue;
		assert_null(found);
		found = &groups->list[i];
	}
	assert_non_null(found);
	return found;
}

/* Whatever the groups are, nobody is counted twice and nobody is left out. */
static void adds_up(const struct tale *tale)
{
	const struct ct_census_groups *groups = ct_tree_census(tale->tree);
	uint64_t sum = groups->ungrouped, states = 0;

	for (size_t i = 0; i < groups->count; i++)
		for (unsigned int state = 0; state < CT_CENSUS_STATE_END; state++)
			sum += groups->list[i].parts[state].count;
	for (unsigned int state = 0; state < CT_CENSUS_STATE_END; state++)
		states += groups->totals[state];
	assert_int_equal(sum, tale->totals->live);
	assert_int_equal(states, tale->totals->live);
}

static void every_state_is_counted(void **state)
{
	const struct ct_census_group *below;
	struct tale tale;

	(void)state;
	census_begin(&tale, NULL);
	assert_null(ct_tree_census(tale.tree));
	for (unsigned int scan = 1; scan <= 2; scan++) {
		reading_begin(&tale, scan);
		if (scan == 1) {
			see_root(&tale, 1, 0x10);
			see(&tale, 1, 0x20, 0x10, HELD);
			see(&tale, 1, 0x30, 0x10, "kind=cancel parent_kind=cancel state=unretained");
			see(&tale, 1, 0x40, 0x10, HELD " task=3 flags=deferred");
			see(&tale, 1, 0x50, 0x99, "kind=cancel parent_kind=foreign state=held retained=goroutine");
		}
		see(&tale, scan, 0x60, 0x10, "kind=cancel parent_kind=cancel state=undecided flags=in-flux");
		see(&tale, scan, 0x70, 0x10, "kind=cancel parent_kind=cancel state=lost retained=parent");
		reading_end(&tale, scan);
	}
	below = group_of(&tale, CT_KIND_CANCEL, 1);
	assert_int_equal(below->parts[CT_CENSUS_HELD].count, 1);
	assert_int_equal(below->parts[CT_CENSUS_UNRETAINED].count, 1);
	assert_int_equal(below->parts[CT_CENSUS_DEFERRED].count, 1);
	assert_int_equal(below->parts[CT_CENSUS_UNDECIDED].count, 1);
	assert_int_equal(below->parts[CT_CENSUS_LOST].count, 1);
	assert_int_equal(below->count, 4);
	assert_int_equal(below->parent_id, tale_find(&tale, 0x10)->id);
	assert_int_equal(below->parts[CT_CENSUS_LOST].retained_by, CT_RETAINED_PARENT);
	assert_int_equal(ct_tree_census(tale.tree)->totals[CT_CENSUS_UNKNOWN], 1); // the foreign parent
	adds_up(&tale);
	tale_end(&tale);
}

/* Beside probes nothing is grouped, and what nothing retains is not taken in. */
static void a_watched_window_is_no_census(void **state)
{
	struct tale tale;

	(void)state;
	tale_begin(&tale, NULL);
	tell(&tale, "+0 provider name=go attach_points=3\n+1s begin wall_clock_ns=1\n");
	reading_begin(&tale, 1);
	see(&tale, 1, 0x30, 0x10, "kind=cancel parent_kind=cancel state=unretained");
	see_root(&tale, 1, 0x50);
	reading_end(&tale, 1);
	assert_null(ct_tree_census(tale.tree));
	assert_int_equal(tale.totals->live, 1);
	assert_int_equal(ct_tree_census_state(tale.tree, tale_find(&tale, 0x50)), CT_CENSUS_UNKNOWN);
	tale_end(&tale);
}

static void deadlines_are_the_earliest_and_the_latest(void **state)
{
	const struct ct_census_part *part;
	struct tale tale;

	(void)state;
	census_begin(&tale, NULL);
	reading_begin(&tale, 1);
	see_root(&tale, 1, 0x10);
	for (unsigned int i = 0; i < 3; i++)
		tellf(&tale, "+0 observed context=0x%x parent=0x10 scan=1 kind=deadline parent_kind=cancel state=held "
			     "retained=parent|timer deadline=+%us",
		      0x100 + 16 * i, 30 + 10 * (i + 1) % 30);
	reading_end(&tale, 1);
	part = &group_of(&tale, CT_KIND_DEADLINE, 1)->parts[CT_CENSUS_HELD];
	assert_int_equal(part->deadline_min_ns, tale.now_ns + 30 * CT_NSEC_PER_SEC);
	assert_int_equal(part->deadline_max_ns, tale.now_ns + 50 * CT_NSEC_PER_SEC);
	assert_int_equal(part->bytes, 3 * 272);
	tale_end(&tale);
}

/* A thousand connections with a context each are one line; the server they hang below keeps its own. */
static void many_parents_share_a_group(void **state)
{
	const struct ct_census_group *shared;
	struct tale tale;

	(void)state;
	census_begin(&tale, NULL);
	tale.is_unchecked = true;
	reading_begin(&tale, 1);
	see_root(&tale, 1, 0x10);
	for (unsigned int i = 0; i < 1000; i++) {
		see(&tale, 1, 0x10000 + 64 * i, 0x10, HELD);
		see(&tale, 1, 0x10000 + 64 * i + 16, 0x10000 + 64 * i, HELD);
		see(&tale, 1, 0x10000 + 64 * i + 32, 0x10000 + 64 * i, HELD);
	}
	reading_end(&tale, 1);
	assert_int_equal(group_of(&tale, CT_KIND_CANCEL, 1)->parent_id, tale_find(&tale, 0x10)->id);
	shared = group_of(&tale, CT_KIND_CANCEL, 2);
	assert_int_equal(shared->parent_id, 0);
	assert_int_equal(shared->parents, 1000);
	assert_int_equal(shared->count, 2000);
	adds_up(&tale);
	tale_end(&tale);
}

/* Fifty thousand links of one chain: quick, and the depths add up. */
static void a_deep_chain_is_counted_in_one_pass(void **state)
{
	const struct ct_census_groups *groups;
	struct tale tale;

	(void)state;
	census_begin(&tale, NULL);
	tale.is_unchecked = true;
	reading_begin(&tale, 1);
	see_root(&tale, 1, 0x10);
	for (unsigned int i = 1; i < 50000; i++)
		see(&tale, 1, 0x10 + 16 * i, 0x10 + 16 * (i - 1), HELD);
	reading_end(&tale, 1);
	groups = ct_tree_census(tale.tree);
	assert_int_equal(group_of(&tale, CT_KIND_CANCEL, CT_CENSUS_DEPTH_MAX)->count, 50000 - CT_CENSUS_DEPTH_MAX);
	assert_int_equal(group_of(&tale, CT_KIND_CANCEL, 40)->count, 1);
	assert_true(groups->count <= CT_CENSUS_DEPTH_MAX + 1);
	adds_up(&tale);
	tale_end(&tale);
}

static void growth_is_told_from_the_second_reading_on(void **state)
{
	struct ct_census_growth growth;
	const struct ct_census_groups *groups;
	struct tale tale;

	(void)state;
	census_begin(&tale, NULL);
	for (unsigned int scan = 1; scan <= 4; scan++) {
		reading_begin(&tale, scan);
		if (scan == 1)
			see_root(&tale, 1, 0x10);
		for (unsigned int i = 0; i < 30; i++)
			see(&tale, scan, 0x1000 * scan + 16 * i, 0x10, HELD);
		reading_end(&tale, scan);
		groups = ct_tree_census(tale.tree);
		assert_int_equal(ct_census_growth_of(groups, group_of(&tale, CT_KIND_CANCEL, 1), &growth), scan > 1);
		if (scan == 1)
			continue;
		assert_int_equal(growth.count, 30 * (scan - 1));
		assert_int_equal(growth.per_min_milli, 1800 * 1000);
		assert_int_equal(growth.is_steady, scan > 2);
		assert_int_equal(growth.per_hour, scan > 2 ? 30 * 3600 : 0);
		assert_int_equal(growth.bytes_per_day, scan > 2 ? 30ul * 115 * 3600 * 24 : 0);
	}
	tale_end(&tale);
}

/* The steps found 30, 30 and 200: nothing is promised of tomorrow. Nor of what shrinks. */
static void unsteady_growth_is_not_projected(void **state)
{
	static const unsigned int steps[] = {30, 30, 200};
	struct ct_census_growth growth;
	struct tale tale;

	(void)state;
	census_begin(&tale, NULL);
	for (unsigned int scan = 1; scan <= 3; scan++) {
		reading_begin(&tale, scan);
		if (scan == 1)
			see_root(&tale, 1, 0x10);
		for (unsigned int i = 0; i < steps[scan - 1]; i++)
			see(&tale, scan, 0x10000 * scan + 16 * i, 0x10, HELD);
		reading_end(&tale, scan);
	}
	assert_true(ct_census_growth_of(ct_tree_census(tale.tree), group_of(&tale, CT_KIND_CANCEL, 1), &growth));
	assert_false(growth.is_steady);
	reading_begin(&tale, 4);
	for (unsigned int i = 0; i < 200; i++)
		see(&tale, 4, 0x30000 + 16 * i, 0, "state=freed kind=cancel");
	reading_end(&tale, 4);
	assert_true(ct_census_growth_of(ct_tree_census(tale.tree), group_of(&tale, CT_KIND_CANCEL, 1), &growth));
	assert_int_equal(growth.count, 30);
	assert_false(growth.is_steady);
	tale_end(&tale);
}

/* A group that comes back, and one below a parent that nobody had seen at the first reading, began with nothing. */
static void what_comes_later_began_with_nothing(void **state)
{
	struct ct_census_growth growth;
	struct tale tale;

	(void)state;
	census_begin(&tale, NULL);
	reading_begin(&tale, 1);
	tell(&tale, "+0 observed context=0x900 scan=1 kind=cancel parent_kind=todo state=held");
	reading_end(&tale, 1);
	reading_begin(&tale, 2);
	see_root(&tale, 2, 0x10);
	for (unsigned int i = 0; i < 20; i++)
		see(&tale, 2, 0x1000 + 16 * i, 0x10, HELD);
	reading_end(&tale, 2);
	assert_true(ct_census_growth_of(ct_tree_census(tale.tree), group_of(&tale, CT_KIND_CANCEL, 1), &growth));
	assert_int_equal(growth.count, 20);
	tale_end(&tale);
}

/* Thousands of readings of a program whose contexts come and go: the memory of the agent stays what it was. */
static void thousands_of_rounds_take_no_more_memory(void **state)
{
	struct tale tale;
	size_t bytes = 0;

	(void)state;
	census_begin(&tale, NULL);
	tale.is_unchecked = true;
	for (unsigned int scan = 1; scan <= 5000; scan++) {
		reading_begin(&tale, scan);
		if (scan == 1)
			see_root(&tale, 1, 0x10);
		for (unsigned int i = 0; i < 20; i++)
			see(&tale, scan, 0x1000 * (1 + scan) + 16 * i, i % 3 ? 0x10 : 0x1000 * (1 + scan) + 16 * (i + 1),
			    i % 2 ? "kind=cancel parent_kind=cancel state=lost retained=parent" : HELD);
		for (unsigned int i = 0; scan > 1 && i < 20; i++)
			see(&tale, scan, 0x1000 * scan + 16 * i, 0, "state=freed kind=cancel");
		reading_end(&tale, scan);
		if (scan == 100)
			bytes = tale.meter.bytes;
		if (scan > 100)
			assert_true(tale.meter.bytes <= bytes + 1024); // the index is rebuilt now and then
	}
	assert_int_equal(ct_tree_census(tale.tree)->readings, 5000);
	adds_up(&tale);
	tale_end(&tale);
}

/* Another program after exec: groups and growth begin anew. */
static void exec_begins_anew(void **state)
{
	struct tale tale;

	(void)state;
	census_begin(&tale, NULL);
	reading_begin(&tale, 1);
	see_root(&tale, 1, 0x10);
	reading_end(&tale, 1);
	tell(&tale, "+1s exec");
	assert_null(ct_tree_census(tale.tree));
	tale_end(&tale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_is_counted),
		cmocka_unit_test(a_watched_window_is_no_census),
		cmocka_unit_test(deadlines_are_the_earliest_and_the_latest),
		cmocka_unit_test(many_parents_share_a_group),
		cmocka_unit_test(a_deep_chain_is_counted_in_one_pass),
		cmocka_unit_test(growth_is_told_from_the_second_reading_on),
		cmocka_unit_test(unsteady_growth_is_not_projected),
		cmocka_unit_test(what_comes_later_began_with_nothing),
		cmocka_unit_test(thousands_of_rounds_take_no_more_memory),
		cmocka_unit_test(exec_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
