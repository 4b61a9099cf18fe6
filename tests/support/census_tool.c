// SPDX-License-Identifier: Apache-2.0
/*
 * One reading of a Go process's memory as JSON, for tests and for looking: no probes, no agent.
 *
 *	census_tool [-l] [-n SCANS] [-j HELPERS] [-k ADDRESS]... PID
 *
 * -l lists each context, -n reads several times (the last one is printed, the time is the shortest), -j reads ahead with threads, -k names an
 * address as one a create event told about, and asks for its state.
 */
#include "base/time.h"
#include "memory/census.h"
#include "provider/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define KNOWN_MAX 64

struct tool {
	bool is_listing;
	int scans;
	unsigned int helpers;
	int pid;
	uint64_t known[KNOWN_MAX];
	size_t known_count;
	uint64_t best_ns;
};

static const char *const states[] = { "held", "lost", "cancelled", "freed", "unretained", "undecided" };
static const char *const kinds[] = { "unknown", "background", "todo",	  "cancel", "deadline",
				     "after_func", "value",   "detached", "foreign" };

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CT_NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static bool is_known(void *opaque, uint64_t address)
{
	const struct tool *tool = opaque;

	for (size_t i = 0; i < tool->known_count; i++)
		if (tool->known[i] == address)
			return true;
	return false;
}

/* Groups are few: state, kind, parent kind, what retains them, on a defer list or not. */
static unsigned int group_of(const struct ct_census_context *seen)
{
	return (unsigned int)seen->state << 12 | (unsigned int)seen->kind << 8 |
	       (unsigned int)(seen->parent_kind & 15) << 4 | (unsigned int)seen->retained_by << 1 | (seen->task != 0);
}

static void print_group(unsigned int group, size_t count, bool is_first)
{
	printf("%s\n  {\"count\": %zu, \"state\": \"%s\", \"kind\": \"%s\", \"parent\": \"%s\", \"retained_by\": %u, "
	       "\"deferred\": %s}",
	       is_first ? "" : ",", count, states[group >> 12], kinds[group >> 8 & 15], kinds[group >> 4 & 15],
	       group >> 1 & 7, group & 1 ? "true" : "false");
}

static void print_groups(const struct ct_census_result *result)
{
	size_t *counts = calloc(1 << 15, sizeof(*counts));
	bool is_first = true;

	if (!counts)
		return;
	for (size_t i = 0; i < result->count; i++)
		counts[group_of(&result->contexts[i])]++;
	printf("\"groups\": [");
	for (unsigned int group = 0; group < 1 << 15; group++) {
		if (!counts[group])
			continue;
		print_group(group, counts[group], is_first);
		is_first = false;
	}
	printf("]");
	free(counts);
}

static void print_contexts(const struct ct_census_result *result)
{
	printf(",\n\"contexts\": [");
	for (size_t i = 0; i < result->count; i++) {
		const struct ct_census_context *seen = &result->contexts[i];

		printf("%s\n  {\"address\": \"0x%" PRIx64 "\", \"parent\": \"0x%" PRIx64 "\", \"state\": \"%s\", "
		       "\"kind\": \"%s\", \"retained_by\": %u, \"task\": %" PRIu64 ", \"deadline_ns\": %" PRIu64 "}",
		       i ? "," : "", seen->address, seen->parent, states[seen->state], kinds[seen->kind],
		       seen->retained_by, seen->task, seen->deadline_ns);
	}
	printf("]");
}

static void print_known(const struct tool *tool, struct ct_census *census, const struct ct_census_result *result)
{
	printf(",\n\"known\": [");
	for (size_t i = 0; i < tool->known_count; i++)
		printf("%s{\"address\": \"0x%" PRIx64 "\", \"state\": \"%s\"}", i ? ", " : "", tool->known[i],
		       states[ct_census_state_of(census, result, tool->known[i])]);
	printf("]");
}

static void print(const struct tool *tool, struct ct_census *census, const struct ct_census_result *result)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	printf("{\"live\": %zu, \"lost\": %u, \"collections\": %u, \"complete\": %s, \"reason\": \"%s\",\n"
	       " \"read_bytes\": %" PRIu64 ", \"ms\": %.1f, \"max_rss_kb\": %ld,\n",
	       result->count, result->lost, result->collections, result->is_complete ? "true" : "false",
	       result->reason, result->read_bytes, (double)tool->best_ns / 1e6, usage.ru_maxrss);
	print_groups(result);
	if (tool->is_listing)
		print_contexts(result);
	if (tool->known_count)
		print_known(tool, census, result);
	printf("}\n");
}

static int parse(struct tool *tool, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "ln:j:k:")) >= 0) {
		if (option == 'l')
			tool->is_listing = true;
		else if (option == 'n')
			tool->scans = atoi(optarg);
		else if (option == 'j')
			tool->helpers = (unsigned int)atoi(optarg);
		else if (option == 'k' && tool->known_count < KNOWN_MAX)
			tool->known[tool->known_count++] = strtoull(optarg, NULL, 0);
		else
			return -1;
	}
	if (optind + 1 != argc)
		return -1;
	tool->pid = atoi(argv[optind]);
	return 0;
}

static int read_memory(struct tool *tool, struct ct_census *census, struct ct_error *error)
{
	struct ct_census_result result = { 0 };
	int rc = 0;

	for (int i = 0; i < tool->scans && !rc; i++) {
		uint64_t began_ns = now_ns(), took_ns;

		ct_census_result_done(&result);
		rc = ct_census_scan(census, is_known, tool, &result, error);
		took_ns = now_ns() - began_ns;
		if (!tool->best_ns || took_ns < tool->best_ns)
			tool->best_ns = took_ns;
	}
	if (!rc)
		print(tool, census, &result);
	ct_census_result_done(&result);
	return rc;
}

int main(int argc, char **argv)
{
	struct tool tool = { .scans = 1 };
	struct ct_target *target = NULL;
	struct ct_census *census = NULL;
	struct ct_error error = CT_ERROR_INIT;
	int rc;

	if (parse(&tool, argc, argv)) {
		fprintf(stderr, "usage: census_tool [-l] [-n SCANS] [-j HELPERS] [-k ADDRESS]... PID\n");
		return 2;
	}
	rc = ct_target_open(tool.pid, &target, &error);
	if (!rc)
		rc = ct_census_new(tool.pid, ct_target_binary(target), ct_target_load_bias(target), 0, &census, &error);
	if (!rc)
		ct_census_limit(census, tool.helpers, 0);
	if (!rc)
		rc = read_memory(&tool, census, &error);
	if (rc)
		fprintf(stderr, "census_tool: %s\n", error.message);
	ct_census_free(census);
	ct_target_free(target);
	return rc ? 1 : 0;
}
