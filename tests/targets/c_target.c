// SPDX-License-Identifier: Apache-2.0
/*
 * A C program on libctxtrace-context that does what it is told on standard input, answers "ok LINE" when it is done, and
 * tells at its end what really happened since it said "ready", in the library's own numbers:
 *
 *	pairs N    make, cancel and release N contexts
 *	lose N     make N contexts below one that lives on, and drop them without cancel
 *	hold N     make N contexts and keep them
 *	causes N   end N contexts with each kind of cause
 *	caused N   as pairs, with a cause
 *	fork       start /bin/true and wait for it
 *	exec       become /bin/sleep
 *	wait N     do nothing for N milliseconds
 *	exit N     leave at once with this status
 *	raise N    die of this signal
 *	end        as SIGTERM and the end of the input
 *
 * With the argument "busy" it makes pairs between commands all the time.
 */
#include "ctxtrace/context.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUSY_PAIRS 2
#define BUSY_MILLISECONDS 2

static volatile sig_atomic_t is_ended;
static uint64_t doubtful; /* rounds of causes whose deadline was made again */

static void end(int number)
{
	(void)number;
	is_ended = 1;
}

static cctx_t *check(cctx_t *ctx)
{
	if (!ctx)
		abort();
	return ctx;
}

__attribute__((noinline)) static void make_pairs(cctx_t *app, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		cctx_t *ctx = check(cctx_with_cancel(app));

		cctx_cancel(ctx, NULL);
		cctx_unref(ctx);
	}
}

__attribute__((noinline)) static void lose(cctx_t *app, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		cctx_unref(check(cctx_with_cancel(app)));
}

__attribute__((noinline)) static void hold(cctx_t *app, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		check(cctx_with_cancel(app)); // the parent's list of children keeps the pointer for us
}

/* The cause of a context is that of what is below. */
__attribute__((noinline)) static void stop(cctx_t *app, const char *cause)
{
	cctx_t *ctx = check(cctx_with_cancel(app)), *child = check(cctx_with_cancel(ctx));

	cctx_cancel(ctx, cause);
	cctx_unref(child);
	cctx_unref(ctx);
}

/*
 * A deadline with a cause, and one asked for below it that comes later. @return was that one there before the first had
 * passed? Who lost the processor between them cannot tell which was first.
 */
__attribute__((noinline)) static bool expire(cctx_t *app)
{
	cctx_t *ctx = check(cctx_with_timeout_cause(app, 20 * CCTX_MILLISECOND, "the budget of 20 ms is used"));
	cctx_t *child = check(cctx_with_timeout(ctx, 3600 * CCTX_SECOND));
	bool is_certain = !cctx_err(ctx);

	cctx_wait(child, -1);
	cctx_cancel(child, NULL);
	cctx_unref(child);
	cctx_cancel(ctx, NULL);
	cctx_unref(ctx);
	return is_certain;
}

static void causes(cctx_t *app, uint64_t count)
{
	char text[201] = "";

	memset(text, 'x', sizeof(text) - 1);
	for (uint64_t i = 0; i < count; i++) {
		stop(app, "stopped by the operator");
		stop(app, NULL);
		stop(app, text);
		stop(app, "\x1b[2J\x1b]0;owned\x07\nFAKE no leaks \xff");
		while (!expire(app))
			doubtful++;
	}
}

__attribute__((noinline)) static void make_caused(cctx_t *app, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		cctx_t *ctx = check(cctx_with_cancel(app));

		cctx_cancel(ctx, "stopped by the operator");
		cctx_unref(ctx);
	}
}

static void wait_milliseconds(cctx_t *app, uint64_t count)
{
	cctx_wait(app, (int64_t)count * CCTX_MILLISECOND);
}

static void leave(cctx_t *app, uint64_t status)
{
	(void)app;
	_exit((int)status);
}

static void die(cctx_t *app, uint64_t number)
{
	(void)app;
	signal((int)number, SIG_DFL);
	raise((int)number);
}

static void start_other(cctx_t *app, uint64_t count)
{
	pid_t pid = fork();

	(void)app;
	(void)count;
	if (!pid) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static void become_other(cctx_t *app, uint64_t count)
{
	(void)app;
	(void)count;
	execl("/bin/sleep", "sleep", "60", (char *)NULL);
}

static const struct {
	const char *name;
	void (*run)(cctx_t *app, uint64_t count);
} commands[] = {
	{"pairs", make_pairs},
	{"lose", lose},
	{"hold", hold},
	{"causes", causes},
	{"caused", make_caused},
	{"wait", wait_milliseconds},
	{"exit", leave},
	{"raise", die},
	{"fork", start_other},
	{"exec", become_other},
};

static void obey(cctx_t *app, const char *line)
{
	size_t length = strcspn(line, " "), i = 0;

	while (i < sizeof(commands) / sizeof(commands[0]) &&
	       (strncmp(line, commands[i].name, length) || commands[i].name[length]))
		i++;
	if (i < sizeof(commands) / sizeof(commands[0]))
		commands[i].run(app, strtoull(line + length, NULL, 10));
	else
		is_ended = 1;
	printf("ok %s\n", line);
	fflush(stdout);
}

/* Is there input within the time? SIGTERM is blocked unless we sleep: one that came just before would not wake us. */
static bool wait_input(int milliseconds)
{
	const struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * CCTX_MILLISECOND};
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	sigset_t ending, usual;
	bool has_input;

	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigprocmask(SIG_BLOCK, &ending, &usual);
	has_input = !is_ended && ppoll(&input, 1, milliseconds < 0 ? NULL : &time, &usual) > 0;
	sigprocmask(SIG_SETMASK, &usual, NULL);
	return has_input;
}

/* One line of standard input if there is one within the time, by hand: stdio's buffer would hide lines from poll(). */
static bool read_line(char *line, size_t size, int milliseconds)
{
	size_t length = 0;

	if (!wait_input(milliseconds))
		return false;
	while (length + 1 < size && read(STDIN_FILENO, line + length, 1) == 1 && line[length] != '\n')
		length++;
	line[length] = '\0';
	return true;
}

static void tell(const struct cctx_stats *before)
{
	struct cctx_stats now;
	uint64_t created, freed;

	cctx_stats(&now);
	created = now.created[CCTX_KIND_CANCEL] - before->created[CCTX_KIND_CANCEL] +
		  now.created[CCTX_KIND_DEADLINE] - before->created[CCTX_KIND_DEADLINE];
	freed = created - (now.allocated - before->allocated);
	printf("{\"created\":%" PRIu64 ",\"explicit\":%" PRIu64 ",\"deadline\":%" PRIu64 ",\"parent\":%" PRIu64
	       ",\"cancel_called\":%" PRIu64 ",\"abandoned\":%" PRIu64 ",\"freed\":%" PRIu64 ",\"live\":%" PRIu64
	       ",\"doubtful\":%" PRIu64 "}\n",
	       created, now.ended_explicit - before->ended_explicit, now.ended_deadline - before->ended_deadline,
	       now.ended_parent - before->ended_parent, now.cancel_called - before->cancel_called,
	       now.abandoned - before->abandoned, freed, now.live - before->live, doubtful);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	bool is_busy = argc > 1 && !strcmp(argv[1], "busy");
	struct sigaction action = {.sa_handler = end};
	// Static: what lives at the end is held by the program, which is no leak to LeakSanitizer.
	static cctx_t *app;
	struct cctx_stats before;
	char line[128];

	app = check(cctx_with_cancel(cctx_background()));
	sigaction(SIGTERM, &action, NULL);
	cctx_stats(&before);
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (!is_ended) {
		if (read_line(line, sizeof(line), is_busy ? BUSY_MILLISECONDS : -1))
			obey(app, line);
		if (is_busy)
			make_pairs(app, BUSY_PAIRS);
	}
	tell(&before);
	return 0;
}
