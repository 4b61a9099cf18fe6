// SPDX-License-Identifier: Apache-2.0
/*
 * What a census makes of a runtime that is laid out differently from what its version says: the tables are changed, one
 * number at a time, and the same live program is read with each.
 *
 *	shift_tool PID
 *
 * One line each: the number, by how much it was changed, then "refused", "incomplete" or "judged", contexts found, lost,
 * and why. The first line is the unchanged layout.
 */
#include "memory/scan.h"
#include "provider/target.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct copies {
	struct ct_heap_layout heap;
	struct ct_context_layout context;
	struct ct_goroutine_layout goroutine;
};

#define NUMBER(room, field) \
	{ #room "." #field, offsetof(struct copies, room.field), sizeof(((struct copies *)0)->room.field) }

static const struct {
	const char *name;
	size_t at, bytes;
} numbers[] = {
	NUMBER(heap, free_index),   NUMBER(heap, elements),	 NUMBER(heap, alloc_bits),
	NUMBER(heap, sweepgen),	    NUMBER(heap, state),	 NUMBER(heap, element_bytes),
	NUMBER(heap, heap_sweepgen), NUMBER(heap, heap_arenas),	 NUMBER(heap, arena_spans),
	NUMBER(context, cancel_class), NUMBER(context, timer_class), NUMBER(context, timer),
	NUMBER(context, deadline),  NUMBER(goroutine, status),	 NUMBER(goroutine, goid),
	NUMBER(goroutine, start_pc), NUMBER(goroutine, sched_bp), NUMBER(goroutine, defer_link),
};

static void use(struct ct_census *census, const struct copies *copies)
{
	census->layout = (struct ct_go_layout){ &copies->heap, &copies->context, &copies->goroutine,
						 census->layout.module };
	census->heap.layout = &copies->heap;
}

#define TRIES_MAX 5 /* what a busy program makes incomplete may be refused the next time */

static void read_with(struct ct_census *census, const char *name, int delta)
{
	struct ct_census_result result = { 0 };
	int rc = ct_census_scan(census, NULL, NULL, &result, NULL);

	for (int tries = 1; tries < TRIES_MAX && !rc && !result.is_complete && !result.is_refused; tries++) {
		ct_census_result_done(&result);
		result = (struct ct_census_result){ 0 };
		rc = ct_census_scan(census, NULL, NULL, &result, NULL);
	}
	if (rc)
		printf("%s %+d failed 0 0 error %d\n", name, delta, -rc);
	else
		printf("%s %+d %s %zu %u %s\n", name, delta,
		       result.is_refused ? "refused" : result.is_complete ? "judged" : "incomplete", result.count,
		       result.lost, result.reason);
	fflush(stdout);
	ct_census_result_done(&result);
}

static void read_with_all(struct ct_census *census)
{
	static const int deltas[] = { -16, -8, -4, 4, 8, 16 };
	const struct copies right = { *census->layout.heap, *census->layout.context, *census->layout.goroutine };
	struct copies wrong;

	read_with(census, "right", 0);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		for (size_t k = 0; k < sizeof(deltas) / sizeof(deltas[0]); k++) {
			uint64_t number = ct_load((const uint8_t *)&right + numbers[i].at, numbers[i].bytes);

			if (deltas[k] < 0 && number < (uint64_t)-deltas[k])
				continue;
			number += (uint64_t)(int64_t)deltas[k];
			wrong = right;
			__builtin_memcpy((uint8_t *)&wrong + numbers[i].at, &number, numbers[i].bytes);
			use(census, &wrong);
			read_with(census, numbers[i].name, deltas[k]);
		}
	}
}

int main(int argc, char **argv)
{
	struct ct_error error = CT_ERROR_INIT;
	struct ct_target *target = NULL;
	struct ct_census *census = NULL;
	pid_t pid = argc == 2 ? (pid_t)strtol(argv[1], NULL, 10) : 0;

	if (pid <= 0 || ct_target_open(pid, &target, &error) ||
	    ct_census_new(pid, ct_target_binary(target), ct_target_load_bias(target), 0, &census, &error)) {
		fprintf(stderr, "shift_tool PID: %s\n", error.message);
		return 2;
	}
	read_with_all(census);
	ct_census_free(census);
	ct_target_free(target);
	return 0;
}
