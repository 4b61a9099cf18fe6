// SPDX-License-Identifier: Apache-2.0
/*
 * replay MUTATIONS FILE-OR-DIRECTORY...: gives a fuzz target every seed as it is, then so many mutations of them, the
 * same ones in every run. This is what a build without libFuzzer runs. A target that dies leaves its last input in a
 * file, to be kept as a seed once the fault is mended.
 */
#include "mutate.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEEDS_MAX 256

/* Called by the sanitizers, where there are any, before they end the process. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static struct mutant seeds[SEEDS_MAX];
static size_t seeds_count;
static struct mutant current;

static void save_current(void)
{
	static const char path[] = "died-on.input";
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0 || write(fd, current.bytes, current.size) != (ssize_t)current.size)
		return;
	dprintf(STDERR_FILENO, "replay: the target died on %s (%zu bytes)\n", path, current.size);
	close(fd);
}

static void on_abort(int number)
{
	save_current();
	signal(number, SIG_DFL);
	raise(number);
}

static void run_current(void)
{
	// A block of exactly this size, so that reading past the input is found.
	uint8_t *exact = malloc(current.size ? current.size : 1);

	FUZZ_CHECK(exact);
	memcpy(exact, current.bytes, current.size);
	LLVMFuzzerTestOneInput(exact, current.size);
	free(exact);
}

static void add_file(const char *path)
{
	struct mutant *seed = &seeds[seeds_count];
	FILE *file = fopen(path, "re");

	if (!file || seeds_count == SEEDS_MAX) {
		fprintf(stderr, "replay: %s: %s\n", path, file ? "too many seeds" : "cannot be read");
		exit(2);
	}
	seed->size = fread(seed->bytes, 1, sizeof(seed->bytes), file);
	fclose(file);
	seeds_count++;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* In the order of their names, so that a run is the same on every file system. */
static void add(const char *path)
{
	struct dirent **entries;
	struct stat status;
	char inner[4096];
	int count;

	if (stat(path, &status) || !S_ISDIR(status.st_mode)) {
		add_file(path);
		return;
	}
	count = scandir(path, &entries, is_visible, alphasort);
	for (int i = 0; i < count; i++) {
		snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
		add_file(inner);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

int main(int argc, char **argv)
{
	unsigned long mutations = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	struct dice dice = DICE_INIT;

	for (int i = 2; i < argc; i++)
		add(argv[i]);
	if (!seeds_count) {
		fprintf(stderr, "usage: %s MUTATIONS FILE-OR-DIRECTORY..., with at least one seed in them\n", argv[0]);
		return 2;
	}
	signal(SIGABRT, on_abort);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(save_current);
	for (size_t i = 0; i < seeds_count; i++) {
		current = seeds[i];
		run_current();
	}
	for (unsigned long i = 0; i < mutations; i++) {
		current = seeds[i % seeds_count];
		mutate(&dice, &current, &seeds[dice_below(&dice, seeds_count)]);
		run_current();
	}
	printf("%zu seeds, %lu mutations\n", seeds_count, mutations);
	return 0;
}
