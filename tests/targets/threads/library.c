// SPDX-License-Identifier: Apache-2.0
#include "library.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS 4

struct job {
	void (*run)(void *opaque);
	void *opaque;
	struct job *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static struct job *jobs;
static int threads;

static struct job *take(void)
{
	struct job *job;

	pthread_mutex_lock(&lock);
	while (!jobs)
		pthread_cond_wait(&wake, &lock);
	job = jobs;
	jobs = job->next;
	pthread_mutex_unlock(&lock);
	return job;
}

static void *serve(void *opaque)
{
	(void)opaque;
	for (;;) {
		struct job *job = take();

		job->run(job->opaque);
		free(job);
	}
	return NULL;
}

void library_run(void (*run)(void *opaque), void *opaque)
{
	struct job *job = malloc(sizeof(*job));
	pthread_t thread;

	if (!job)
		abort();
	*job = (struct job){.run = run, .opaque = opaque};
	pthread_mutex_lock(&lock);
	job->next = jobs;
	jobs = job;
	if (threads < THREADS && !pthread_create(&thread, NULL, serve, NULL)) {
		threads++;
		pthread_detach(thread);
	}
	pthread_cond_signal(&wake);
	pthread_mutex_unlock(&lock);
}
