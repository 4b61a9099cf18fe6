// SPDX-License-Identifier: Apache-2.0
/*
 * A C program whose threads outlive requests, or look as if they did: `target_threads SCENARIO`. On "run" it does it, and
 * answers "ok run" when every thread is where it stays. At its end it tells how many of them are to be found.
 */
#include "threads.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const struct {
	const char *name;
	int (*run)(struct program *program);
} scenarios[] = {
	{"argument", outlive_argument}, {"used", outlive_used},	   {"parentage", outlive_parentage},
	{"go", outlive_go},		{"ignored", ignore_cancel},
	{"pool-at-start", pool_at_start}, {"pool-lazy", pool_lazy}, {"pool-growing", pool_growing},
	{"pool-of-library", pool_of_library}, {"detached", detached_job}, {"by-design", by_design},
	{"unseen-ends", unseen_ends},
};

atomic_int threads_started;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;

cctx_t *must(cctx_t *ctx)
{
	if (!ctx)
		abort();
	return ctx;
}

void started(int error)
{
	if (error)
		abort();
	atomic_fetch_add(&threads_started, 1);
}

void stay(struct program *program)
{
	pthread_mutex_lock(&lock);
	atomic_fetch_add(&program->at_work, 1);
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&lock);
	for (;;)
		pause();
}

void wait_at_work(struct program *program, int count)
{
	pthread_mutex_lock(&lock);
	while (atomic_load(&program->at_work) < count)
		pthread_cond_wait(&moved, &lock);
	pthread_mutex_unlock(&lock);
}

/* One request. */
struct call {
	struct program *program;
	handler_fn handle;
};

static void *answer(void *opaque)
{
	const struct call *call = opaque;
	cctx_t *request = must(cctx_with_timeout(call->program->life, 600 * CCTX_SECOND));

	cctx_request_begin(request, "GET /");
	call->handle(call->program, request);
	cctx_request_end(request, 200);
	cctx_cancel(request, NULL);
	cctx_unref(request);
	return NULL;
}

void serve(struct program *program, int count, handler_fn handle)
{
	struct call call = {.program = program, .handle = handle};

	for (int i = 0; i < count; i++) {
		pthread_t thread;

		started(pthread_create(&thread, NULL, answer, &call));
		pthread_join(thread, NULL);
	}
}

static int (*find(const char *name))(struct program *program)
{
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (!strcmp(scenarios[i].name, name))
			return scenarios[i].run;
	return NULL;
}

/* The next line of standard input; false at its end, and when SIGTERM came. */
static bool next_line(int signals, char *line, size_t size)
{
	struct pollfd inputs[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	ssize_t bytes;

	if (poll(inputs, 2, -1) < 0 || inputs[1].revents)
		return false;
	bytes = read(STDIN_FILENO, line, size - 1);
	line[bytes > 0 ? bytes : 0] = '\0';
	return bytes > 0;
}

int main(int argc, char **argv)
{
	static struct program program; // static: what lives at the end is held by the program
	int signals, expected = 0;
	char line[16];
	sigset_t term;

	if (argc != 2 || !find(argv[1])) {
		fprintf(stderr, "usage: target_threads SCENARIO\n");
		return 2;
	}
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, NULL);
	signals = signalfd(-1, &term, SFD_CLOEXEC);
	program.life = must(cctx_with_cancel(cctx_background()));
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (next_line(signals, line, sizeof(line))) {
		expected = find(argv[1])(&program);
		printf("ok run\n");
		fflush(stdout);
	}
	printf("{\"expected\":%d,\"threads\":%d}\n", expected, atomic_load(&threads_started));
	fflush(stdout);
	_exit(0); // threads are at work
}
