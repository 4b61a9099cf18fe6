// SPDX-License-Identifier: Apache-2.0
/* What all detectors share: names, grouping, figures, order, fingerprints, suppression, and running out of memory. */
#include "detect_story.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Contexts at first, first + 16, ... below the root, made by task 7. */
static void make_many(struct story *story, uint64_t first, uint32_t count, uint32_t path, uint8_t kind)
{
	for (uint32_t i = 0; i < count; i++)
		story_create(story, first + 16 * i, STORY_ROOT, 7, path, kind);
}

static void begin_with_root(struct story *story, uint8_t runtime)
{
	story_begin(story, runtime);
	story_site(story, 1, "main.main", 10, 0);
	story_create(story, STORY_ROOT, 0, 1, 1, CT_KIND_CANCEL);
}

static void names_are_the_contract(void **state)
{
	enum ct_finding_kind kind = CT_FINDING_END;

	(void)state;
	for (int i = 0; i < CT_FINDING_END; i++) {
		assert_true(ct_finding_kind_from_name(ct_finding_name((enum ct_finding_kind)i), &kind));
		assert_int_equal(kind, i);
	}
	assert_string_equal(ct_finding_name(CT_FINDING_LOST_CANCEL), "lost-cancel");
	assert_string_equal(ct_finding_name(CT_FINDING_END), "unknown");
	kind = CT_FINDING_TODO_ROOT;
	assert_false(ct_finding_kind_from_name("lost", &kind));
	assert_int_equal(kind, CT_FINDING_TODO_ROOT);
	assert_string_equal(ct_severity_name(CT_SEVERITY_LEAK), "leak");
	assert_string_equal(ct_severity_name(CT_SEVERITY_HINT), "hint");
	assert_string_equal(ct_confidence_name(CT_CONFIDENCE_SUSPECTED), "suspected");
}

static void empty_tree_has_no_findings(void **state)
{
	struct story story;
	struct ct_findings findings;

	(void)state;
	story_begin(&story, CT_RUNTIME_GO);
	findings = story_detect(&story);
	assert_int_equal(findings.count, 0);
	assert_int_equal(findings.undecided_count, 0);
	story_end(&story, &findings);
}

static void figures_of_a_finding(void **state)
{
	const struct ct_finding *finding;
	struct story story;
	struct ct_findings findings;

	(void)state;
	begin_with_root(&story, CT_RUNTIME_GO);
	story_site(&story, 2, "main.leak", 20, 0);
	story_wait(&story, 1);
	make_many(&story, 0x10000, 30, 2, CT_KIND_CANCEL);
	story_lose(&story, 0x10000, 30, CT_RETAINED_PARENT);
	story_wait(&story, 15);
	findings = story_detect(&story);
	assert_int_equal(findings.count, 1);
	finding = &findings.list[0];
	assert_int_equal(finding->kind, CT_FINDING_LOST_CANCEL);
	assert_int_equal(finding->severity, CT_SEVERITY_LEAK);
	assert_int_equal(finding->confidence, CT_CONFIDENCE_CONFIRMED);
	assert_int_equal(finding->count, 30);
	assert_int_equal(finding->live, 30);
	assert_int_equal(finding->oldest_ns, 19 * CT_NSEC_PER_SEC);
	assert_int_equal(finding->retained_by, CT_RETAINED_PARENT);
	assert_int_equal(finding->retained_bytes, 30 * 115);
	// 20 s watched, of which the last 10 s are too young to be counted: 30 in 10 s
	assert_int_equal(finding->rate_per_min_milli, 180 * 1000);
	assert_int_equal(finding->parent_id, ct_tree_find(story.tree, STORY_ROOT)->id);
	assert_int_equal(finding->examples_count, CT_EXAMPLES_MAX);
	assert_int_equal(ct_tree_context(story.tree, finding->examples[0])->address, 0x10000);
	assert_int_equal(ct_tree_context(story.tree, finding->examples[2])->address, 0x10020);
	assert_non_null(strstr(finding->evidence, "none of 30 was ever cancelled"));
	assert_non_null(strstr(finding->advice, "main.leak at a.go:20"));
	story_end(&story, &findings);
}

static void order_is_by_cost(void **state)
{
	struct story story;
	struct ct_findings findings;

	(void)state;
	begin_with_root(&story, CT_RUNTIME_GO);
	story_site(&story, 2, "main.few", 20, 0);
	story_site(&story, 3, "main.many", 30, 0);
	story_site(&story, 4, "main.once", 40, 0);
	make_many(&story, 0x10000, 2, 2, CT_KIND_CANCEL);
	make_many(&story, 0x10020, 5, 3, CT_KIND_CANCEL);
	make_many(&story, 0x10070, 1, 4, CT_KIND_CANCEL);
	story_lose(&story, 0x10000, 8, CT_RETAINED_PARENT);
	story_wait(&story, 15);
	findings = story_detect(&story);
	assert_int_equal(findings.count, 3);
	assert_int_equal(findings.list[0].count, 5);
	assert_int_equal(findings.list[1].count, 2);
	assert_int_equal(findings.list[2].severity, CT_SEVERITY_WARNING); // its site made only one
	assert_int_equal(findings.list[2].confidence, CT_CONFIDENCE_CONFIRMED);
	story_end(&story, &findings);
}

static uint64_t fingerprint_with(const char *function, uint32_t line, uint64_t first)
{
	struct story story;
	struct ct_findings findings;
	uint64_t fingerprint;

	begin_with_root(&story, CT_RUNTIME_GO);
	story_site(&story, 2, function, line, 0);
	make_many(&story, first, 2, 2, CT_KIND_CANCEL);
	story_lose(&story, first, 2, CT_RETAINED_PARENT);
	story_wait(&story, 15);
	findings = story_detect(&story);
	assert_int_equal(findings.count, 1);
	fingerprint = findings.list[0].fingerprint;
	story_end(&story, &findings);
	return fingerprint;
}

static void fingerprint_survives_a_rebuild(void **state)
{
	uint64_t known = fingerprint_with("main.leak", 20, 0x10000);

	(void)state;
	assert_int_equal(fingerprint_with("main.leak", 99, 0x50000), known);
	assert_int_not_equal(fingerprint_with("main.leak2", 20, 0x10000), known);
	assert_int_equal(fingerprint_with("0x401000", 0, 0x10000), fingerprint_with("0x402000", 0, 0x10000));
}

static void advise_about(const char *function, char advice[CT_SENTENCE_BYTES])
{
	struct story story;
	struct ct_findings findings;

	begin_with_root(&story, CT_RUNTIME_GO);
	story_site(&story, 2, function, 20, 0);
	make_many(&story, 0x10000, 2, 2, CT_KIND_CANCEL);
	story_lose(&story, 0x10000, 2, CT_RETAINED_PARENT);
	story_wait(&story, 15);
	findings = story_detect(&story);
	assert_int_equal(findings.count, 1);
	memcpy(advice, findings.list[0].advice, CT_SENTENCE_BYTES);
	story_end(&story, &findings);
}

static void hostile_name_stays_text(void **state)
{
	char advice[CT_SENTENCE_BYTES];

	(void)state;
	advise_about("main.\x1b[2J\x1b]0;x\a\xff\n", advice);
	assert_null(strpbrk(advice, "\x1b\a\xff\n"));
	assert_non_null(strstr(advice, "main.\\x1b[2J\\x1b]0;x\\x07\\xff\\x0a at a.go:20"));
}

static void long_sentence_is_cut_between_characters(void **state)
{
	char function[128] = "a";
	char advice[CT_SENTENCE_BYTES];
	size_t length;

	(void)state;
	memset(function + 1, 1, 64); // four bytes each once escaped
	for (int i = 0; i < 10; i++)
		memcpy(function + 65 + 3 * i, "\xe2\x82\xac", 3);
	advise_about(function, advice);
	length = strlen(advice);
	assert_true(length < CT_SENTENCE_BYTES);
	assert_string_equal(advice + length - 6, "\xe2\x82\xac...");
}

static bool suppress_all(void *opaque, const struct ct_tree *tree, const struct ct_finding *finding)
{
	(void)tree;
	assert_int_not_equal(finding->fingerprint, 0);
	++*(int *)opaque;
	return true;
}

static void suppressed_findings_are_counted(void **state)
{
	int asked = 0;
	struct ct_detect_options options = { .is_suppressed = suppress_all, .opaque = &asked };
	struct story story;
	struct ct_findings findings;

	(void)state;
	begin_with_root(&story, CT_RUNTIME_GO);
	make_many(&story, 0x10000, 2, 2, CT_KIND_CANCEL);
	story_lose(&story, 0x10000, 2, CT_RETAINED_PARENT);
	assert_int_equal(ct_detect_run(story.tree, story.now_ns, &options, &ct_allocator_libc, &findings), 0);
	assert_int_equal(findings.count, 0);
	assert_int_equal(findings.suppressed, 1);
	assert_int_equal(asked, 1);
	story_end(&story, &findings);
}

/* An allocator whose Nth call fails, and which knows what is still out. */
struct meter {
	int left;
	int blocks;
};

static void *meter_resize(void *opaque, void *pointer, size_t bytes)
{
	struct meter *meter = opaque;
	void *block;

	if (!bytes) {
		meter->blocks -= pointer != NULL;
		free(pointer);
		return NULL;
	}
	if (meter->left-- == 0)
		return NULL;
	block = realloc(pointer, bytes);
	meter->blocks += !pointer && block;
	return block;
}

/* Findings and undecided of many sites, so that every list grows. */
static void tell_much(struct story *story)
{
	char name[32];

	begin_with_root(story, CT_RUNTIME_GO);
	for (uint32_t i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "main.f%u", i);
		story_site(story, i + 2, name, i, 0);
		story_task(story, 100 + i, false);
		story_create(story, 0x10000 + 16 * i, STORY_ROOT, 7, i + 2, CT_KIND_CANCEL);
		story_create(story, 0x20000 + 16 * i, STORY_ROOT, 100 + i, i + 2, CT_KIND_CANCEL);
		story_task(story, 100 + i, true);
	}
	story_lose(story, 0x10000, 100, CT_RETAINED_PARENT);
	story_wait(story, 15);
}

static void out_of_memory_at_each_allocation(void **state)
{
	struct ct_detect_options options = { .min_age_ns = 10 * CT_NSEC_PER_SEC };
	struct story story;
	int failures = 0;

	(void)state;
	tell_much(&story);
	for (;; failures++) {
		struct meter meter = { .left = failures };
		struct ct_allocator allocator = { .resize = meter_resize, .opaque = &meter };
		struct ct_findings findings = { .count = 77 };
		int rc = ct_detect_run(story.tree, story.now_ns, &options, &allocator, &findings);

		if (rc == 0) {
			assert_int_equal(findings.count, 100);
			assert_int_equal(findings.undecided_count, 100);
			ct_findings_done(&findings);
			assert_int_equal(meter.blocks, 0);
			break;
		}
		assert_int_equal(rc, -ENOMEM);
		assert_int_equal(findings.count, 77); // untouched
		assert_int_equal(meter.blocks, 0);
	}
	assert_true(failures > 10);
	ct_tree_free(story.tree);
}

static void unknown_sites_stop_being_told_apart(void **state)
{
	struct story story;
	struct ct_findings findings;

	(void)state;
	story_begin(&story, CT_RUNTIME_C);
	for (uint64_t i = 0; i < 400; i++) {
		story_create(&story, 0x100000 + 16 * i, 0, 7, 0, CT_KIND_CANCEL);
		story_create(&story, 0x200000 + 16 * i, 0x100000 + 16 * i, 7, 0, CT_KIND_CANCEL);
		story_abandon(&story, 0x200000 + 16 * i);
	}
	story_wait(&story, 15);
	findings = story_detect(&story);
	assert_int_equal(findings.count, 257);
	assert_int_equal(findings.list[0].count, 144);
	assert_int_equal(findings.list[0].severity, CT_SEVERITY_LEAK);
	assert_int_equal(findings.list[0].parent_id, 0);
	assert_int_equal(findings.list[1].count, 1);
	story_end(&story, &findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_the_contract),
		cmocka_unit_test(empty_tree_has_no_findings),
		cmocka_unit_test(figures_of_a_finding),
		cmocka_unit_test(order_is_by_cost),
		cmocka_unit_test(fingerprint_survives_a_rebuild),
		cmocka_unit_test(hostile_name_stays_text),
		cmocka_unit_test(long_sentence_is_cut_between_characters),
		cmocka_unit_test(suppressed_findings_are_counted),
		cmocka_unit_test(out_of_memory_at_each_allocation),
		cmocka_unit_test(unknown_sites_stop_being_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
