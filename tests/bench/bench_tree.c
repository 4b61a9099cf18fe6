// SPDX-License-Identifier: Apache-2.0
/*
 * The tree alone: what applying an event costs, with few and with many contexts live, as a multiple of what one
 * malloc() and free() of 64 bytes cost in the same run; and what a million live contexts cost to keep, judge and report.
 */
#include "base/text.h"
#include "base/time.h"
#include "ctxtrace/allocator.h"
#include "ctxtrace/report.h"
#include "ctxtrace/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAIRS 1000000u
#define MILLION 1000000u
#define FIRST_ADDRESS UINT64_C(0xc000000000)
#define CONTEXT_BYTES 96
#define SITES 100

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CT_NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static uint64_t resident_bytes(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file && fscanf(file, "%*s %lu", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t address_of(uint32_t number)
{
	return FIRST_ADDRESS + (uint64_t)number * CONTEXT_BYTES;
}

static void create(struct ct_tree *tree, uint32_t number, uint64_t time_ns)
{
	struct ct_event_create event = {
		.header = { .time_ns = time_ns, .type = CT_EVENT_CREATE },
		.context = address_of(number),
		.parent = number ? FIRST_ADDRESS : 0,
		.task = 1 + number % 1000,
		.path = 1 + number % SITES,
		.kind = CT_KIND_CANCEL,
		.parent_kind = number ? CT_KIND_CANCEL : CT_KIND_BACKGROUND,
	};

	if (ct_tree_apply(tree, &(struct ct_event){ .create = &event, .bytes = sizeof(event) }, NULL))
		abort();
}

static void cancel(struct ct_tree *tree, uint32_t number, uint64_t time_ns)
{
	struct ct_event_cancel event = {
		.header = { .time_ns = time_ns, .type = CT_EVENT_CANCEL },
		.context = address_of(number),
		.path = 1,
		.reason = CT_REASON_EXPLICIT,
	};

	if (ct_tree_apply(tree, &(struct ct_event){ .cancel = &event, .bytes = sizeof(event) }, NULL))
		abort();
}

static struct ct_tree *tree_with(uint32_t live)
{
	struct ct_tree_options caps = { .max_contexts = 4 * MILLION };
	struct ct_tree *tree = ct_tree_new(&ct_allocator_libc, &caps);

	if (!tree)
		abort();
	for (uint32_t i = 0; i <= live; i++)
		create(tree, i, i);
	return tree;
}

static double malloc_ns(void)
{
	uint64_t began_ns = clock_ns();

	for (uint32_t i = 0; i < PAIRS; i++) {
		void *volatile block = malloc(64);

		free(block);
	}
	return (double)(clock_ns() - began_ns) / PAIRS;
}

/* Pairs of create and cancel beside `live` others. */
static void measure_pairs(uint32_t live, double unit_ns)
{
	struct ct_tree *tree = tree_with(live);
	uint64_t began_ns = clock_ns();
	double event_ns;

	for (uint32_t i = 0; i < PAIRS; i++) {
		uint32_t number = live + 1 + i % 1000;

		create(tree, number, live + 2 * i);
		cancel(tree, number, live + 2 * i + 1);
	}
	event_ns = (double)(clock_ns() - began_ns) / (2.0 * PAIRS);
	printf("apply, %9u live    %8.1f ns/event  %6.2f M events/s  %6.1f x malloc+free\n", live, event_ns,
	       1000 / event_ns, event_ns / unit_ns);
	ct_tree_free(tree);
}

static double render(const struct ct_snapshot *snapshot, const struct ct_reporter *reporter, size_t *ret_bytes)
{
	struct ct_text text = { 0 };
	uint64_t began_ns = clock_ns();

	if (reporter->write(snapshot, &text) || text.failed)
		abort();
	*ret_bytes = text.length;
	ct_text_done(&text);
	return (double)(clock_ns() - began_ns) / (double)CT_NSEC_PER_MSEC;
}

static void measure_million(void)
{
	uint64_t before_bytes = resident_bytes(), began_ns = clock_ns();
	struct ct_tree *tree = tree_with(MILLION);
	struct ct_detect_options rules = { .min_age_ns = CT_NSEC_PER_SEC, .grace_ns = CT_NSEC_PER_SEC };
	struct ct_findings findings = { 0 };
	struct ct_snapshot snapshot = { .tree = tree, .findings = &findings, .now_ns = 60 * CT_NSEC_PER_SEC };
	double built_ms = (double)(clock_ns() - began_ns) / (double)CT_NSEC_PER_MSEC;
	uint64_t bytes = resident_bytes() - before_bytes;

	began_ns = clock_ns();
	if (ct_detect_run(tree, snapshot.now_ns, &rules, &ct_allocator_libc, &findings))
		abort();
	printf("1,000,000 live      %8.1f ms to apply  %.0f bytes each, %.0f MB  judged in %.1f ms\n", built_ms,
	       (double)bytes / MILLION, (double)bytes / 1e6,
	       (double)(clock_ns() - began_ns) / (double)CT_NSEC_PER_MSEC);
	for (int with_tree = 0; with_tree < 2; with_tree++) {
		snapshot.with_tree = with_tree;
		for (size_t i = 0; ct_reporters[i]; i++) {
			size_t length;
			double ms = render(&snapshot, ct_reporters[i], &length);

			printf("  %-5s report%-8s %8.1f ms  %zu bytes\n", ct_reporters[i]->name, with_tree ? " --tree" : "", ms,
			       length);
		}
	}
	ct_findings_done(&findings);
	ct_tree_free(tree);
}

int main(void)
{
	double unit_ns = malloc_ns();

	printf("malloc+free of 64 bytes %4.1f ns: the unit\n", unit_ns);
	measure_million(); // first: memory given back by another tree would not be counted
	measure_pairs(0, unit_ns);
	measure_pairs(1000, unit_ns);
	measure_pairs(100000, unit_ns);
	measure_pairs(MILLION, unit_ns);
	return 0;
}
