// SPDX-License-Identifier: Apache-2.0
// Waiting, threads, and the end of a program that cannot go on.
#include "lesson.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_NS (30 * CCTX_SECOND)

void *must(void *pointer)
{
	if (pointer)
		return pointer;
	perror("lesson: out of memory or threads");
	abort();
}

void must_be_0(int err)
{
	if (!err)
		return;
	fprintf(stderr, "lesson: %s\n", strerror(err < 0 ? -err : err));
	abort();
}

void wait_milliseconds(int milliseconds)
{
	const struct timespec duration = {
		.tv_sec = milliseconds / 1000,
		.tv_nsec = milliseconds % 1000 * CCTX_MILLISECOND,
	};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, NULL);
}

void wait_count(const atomic_int *counter, int wanted)
{
	int64_t end = cctx_now() + WAIT_NS;

	while (atomic_load(counter) < wanted) {
		if (cctx_now() > end) {
			fprintf(stderr, "lesson: waited too long: %d of %d\n", atomic_load(counter), wanted);
			abort();
		}
		wait_milliseconds(1);
	}
}

void wait_longer(void)
{
	wait_milliseconds(1500);
}

void start_thread(void *(*fn)(void *opaque), void *opaque)
{
	pthread_t thread;

	must_be_0(pthread_create(&thread, NULL, fn, opaque));
	must_be_0(pthread_detach(thread));
}
