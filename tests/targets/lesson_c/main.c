// SPDX-License-Identifier: Apache-2.0
// Options, commands, and the truth.
#include "lesson.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/** A listing. */
struct listing {
	const char *name;
	void (*right)(struct program *program);
	int (*wrong)(struct program *program);
};

static const struct listing listings[] = {
	{"get-user", get_user_right, get_user_wrong},
	{"process-items", process_items_right, process_items_wrong},
	{"missing-cancel", missing_cancel_right, missing_cancel_wrong},
	{"run-pipeline", run_pipeline_right, run_pipeline_wrong},
	{"assemble-response", assemble_response_right, NULL},
	{"todo-in-request", todo_in_request_right, todo_in_request_wrong},
	{"background-in-request", background_in_request_right, background_in_request_wrong},
	{"stored-context", stored_context_right, stored_context_wrong},
	{"outlives", outlives_right, outlives_wrong},
	{"outlives-detached", outlives_detached_right, NULL},
};

static const struct listing *find_listing(const char *name)
{
	for (size_t i = 0; i < sizeof(listings) / sizeof(listings[0]); i++)
		if (!strcmp(listings[i].name, name))
			return &listings[i];
	return NULL;
}

static const struct listing *parse_options(int argc, char **argv, bool *ret_is_wrong)
{
	const struct listing *listing = NULL;

	*ret_is_wrong = false;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-wrong"))
			*ret_is_wrong = true;
		else if (!strcmp(argv[i], "-listing") && i + 1 < argc)
			listing = find_listing(argv[++i]);
		else
			return NULL;
	}
	return listing && *ret_is_wrong && !listing->wrong ? NULL : listing;
}

static int usage(void)
{
	fputs("lesson: use -listing NAME [-wrong]; there are:", stderr);
	for (size_t i = 0; i < sizeof(listings) / sizeof(listings[0]); i++)
		fprintf(stderr, " %s", listings[i].name);
	fputs("\n", stderr);
	return 2;
}

// All threads inherit the mask, so the signals come here and nowhere else.
static int open_signals(void)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ending, NULL);
	return signalfd(-1, &ending, SFD_CLOEXEC);
}

/* One line, or false at a signal, at the end of the input and at "end". By hand: stdio would hide lines from poll(). */
static bool read_command(int signals, char *line, size_t size)
{
	struct pollfd input[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	size_t length = 0;
	ssize_t got;

	if (poll(input, 2, -1) < 0 || input[1].revents)
		return false;
	while ((got = read(STDIN_FILENO, line + length, 1)) == 1 && length + 1 < size && line[length] != '\n')
		length++;
	line[length] = '\0';
	return got == 1 && strcmp(line, "end") != 0;
}

static void tell(const struct program *program, const struct listing *listing, bool is_wrong, int expected)
{
	const char *separator = "";

	printf("{\"listing\":\"%s\",\"wrong\":%s,\"requests\":%d,\"answers\":{", listing->name,
	       is_wrong ? "true" : "false", atomic_load(&program->asked));
	for (int status = 0; status < STATUS_END; status++) {
		int count = atomic_load(&program->answers[status]);

		if (count && status)
			printf("%s\"%d\":%d", separator, status, count);
		else if (count)
			printf("\"none\":%d", count);
		if (count)
			separator = ",";
	}
	printf("},\"serving\":%d,\"expected\":%d}\n", atomic_load(&program->serving), expected);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	// Static: its threads run as long as the process.
	static struct program program;
	const struct listing *listing;
	int signals, expected = 0;
	bool is_wrong;
	char line[64];

	listing = parse_options(argc, argv, &is_wrong);
	if (!listing)
		return usage();
	signals = open_signals();
	program.life = must(cctx_with_cancel(cctx_background()));
	program_serve(&program);
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (read_command(signals, line, sizeof(line))) {
		if (!strcmp(line, "run") && is_wrong)
			expected = listing->wrong(&program);
		else if (!strcmp(line, "run"))
			listing->right(&program);
		printf("ok %s\n", line);
		fflush(stdout);
	}
	tell(&program, listing, is_wrong, expected);
	_exit(0); // threads that hang by design are not waited for
}
