// SPDX-License-Identifier: Apache-2.0
#include "cli.h"

#include "base/time.h"
#include "cli_values.h"
#include "ctxtrace/report.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_BIT(command) (1u << (command))
#define LIVE (COMMAND_BIT(CT_COMMAND_WATCH) | COMMAND_BIT(CT_COMMAND_RUN))
#define JUDGING (LIVE | COMMAND_BIT(CT_COMMAND_REPLAY))
#define EVERYWHERE (JUDGING | COMMAND_BIT(CT_COMMAND_CHECK))

/* One option: how it is spelled, where it is allowed, what it does, what --help says. */
struct option_row {
	int key; /* its letter, or a number above 255 */
	const char *name;
	const char *argument; /* NULL: takes none; "[=X]": optional */
	uint32_t commands;
	int (*set)(struct ct_options *options, const char *value, struct ct_error *reterr);
	const char *help;
};

static int set_pid(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	if (options->pid)
		return ct_error_set(reterr, -EINVAL, "-p was given twice; one process at a time can be watched");
	return ct_cli_pid(value, &options->pid, reterr);
}

static int set_duration(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	int rc = ct_cli_duration("--duration", value, &options->duration_ns, reterr);

	if (!rc && !options->duration_ns)
		return ct_error_set(reterr, -EINVAL, "--duration must be longer than 0");
	return rc;
}

static int set_min_age(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	return ct_cli_duration("--min-age", value, &options->min_age_ns, reterr);
}

static int set_grace(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	return ct_cli_duration("--grace", value, &options->grace_ns, reterr);
}

static int set_format(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	if (options->outputs_count == CT_OUTPUTS_MAX)
		return ct_error_set(reterr, -EINVAL, "--format was given more than %d times", CT_OUTPUTS_MAX);
	return ct_cli_format(value, &options->outputs[options->outputs_count++], reterr);
}

static int set_output(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	(void)reterr;
	options->output = value;
	return 0;
}

static int set_record(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	(void)reterr;
	options->record = value;
	return 0;
}

static int set_suppress(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	(void)reterr;
	options->suppress = value;
	return 0;
}

static int set_fail_on(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	return ct_cli_fail_on(value, &options->fail_on, reterr);
}

static int set_exit_code(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	uint32_t number;
	int rc = ct_cli_number("--exit-code", value, 0, 255, &number, reterr);

	if (!rc)
		options->exit_code = (int)number;
	return rc;
}

static int set_max_contexts(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	return ct_cli_number("--max-contexts", value, 1, 1000000000, &options->max_contexts, reterr);
}

static int set_why(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	(void)reterr;
	options->why = value ? value : "";
	return 0;
}

#define FLAG_SETTER(field)                                                                               \
	static int set_##field(struct ct_options *options, const char *value, struct ct_error *reterr) \
	{                                                                                                \
		(void)value;                                                                             \
		(void)reterr;                                                                            \
		options->field = true;                                                                   \
		return 0;                                                                                \
	}
FLAG_SETTER(with_tree)
FLAG_SETTER(no_goroutines)
FLAG_SETTER(is_strict)
FLAG_SETTER(is_verbose)
FLAG_SETTER(is_quiet)
#undef FLAG_SETTER

static int set_help(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	(void)value;
	(void)reterr;
	options->command = CT_COMMAND_HELP;
	return 0;
}

static int set_version(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	(void)value;
	(void)reterr;
	options->command = CT_COMMAND_VERSION;
	return 0;
}

static const struct option_row rows[] = {
	{ 'p', "pid", "PID", COMMAND_BIT(CT_COMMAND_WATCH) | COMMAND_BIT(CT_COMMAND_CHECK), set_pid,
	  "the process to watch" },
	{ 'd', "duration", "T", LIVE, set_duration,
	  "stop after T (\"30s\", \"5m\"); default: until Ctrl-C or the target's exit" },
	{ 'f', "format", "F", JUDGING, set_format, "text (default) or json; repeatable, F=FILE writes to FILE" },
	{ 'o', "output", "FILE", JUDGING, set_output, "where the report goes; default standard output" },
	{ 256, "record", "FILE", LIVE, set_record, "keep the event stream; `replay FILE` gives the same report" },
	{ 257, "fail-on", "KINDS", JUDGING, set_fail_on,
	  "exit 1 when a finding of these kinds (or leak, any) is confirmed" },
	{ 258, "suppress", "FILE", JUDGING, set_suppress,
	  "findings to leave out, one per line: KIND PATTERN-on-function" },
	{ 259, "min-age", "T", JUDGING, set_min_age,
	  "no finding about a live context younger than T (10s; `run`: 1s)" },
	{ 260, "grace", "T", JUDGING, set_grace, "how long work may go on after its request ended (1s)" },
	{ 261, "tree", NULL, JUDGING, set_with_tree, "add the live tree to the report" },
	{ 262, "why", "[=PATTERN]", JUDGING, set_why,
	  "print each cancellation: what, by whom, along which chain" },
	{ 263, "no-goroutines", NULL, LIVE, set_no_goroutines, "do not look at goroutines or threads" },
	{ 264, "max-contexts", "N", JUDGING, set_max_contexts, "cap on contexts kept (4,000,000)" },
	{ 265, "strict", NULL, JUDGING, set_is_strict, "exit 4 when events were lost" },
	{ 266, "exit-code", "N", COMMAND_BIT(CT_COMMAND_RUN), set_exit_code,
	  "status for findings under `run` (1)" },
	{ 'v', "verbose", NULL, EVERYWHERE, set_is_verbose, "say more on standard error" },
	{ 'q', "quiet", NULL, EVERYWHERE, set_is_quiet, "say nothing on standard error but errors" },
	{ 267, "version", NULL, EVERYWHERE, set_version, "print the version" },
	{ 'h', "help", NULL, EVERYWHERE, set_help, "print this text" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct {
	const char *name;
	enum ct_command command;
} commands[] = {
	{ "run", CT_COMMAND_RUN },
	{ "replay", CT_COMMAND_REPLAY },
	{ "check", CT_COMMAND_CHECK },
};

void ct_cli_help(void)
{
	fputs("ctxtrace finds leaked cancellation contexts in a running program, from outside.\n\n"
	      "  ctxtrace -p PID [options]             watch a process; report at --duration, Ctrl-C or its exit\n"
	      "  ctxtrace run [options] -- CMD ARG...  start CMD traced from its first instruction\n"
	      "  ctxtrace replay FILE [options]        the same report from a recording, without privilege\n"
	      "  ctxtrace check [-p PID]               what would be attached and why not (dry run)\n\n",
	      stdout);
	for (size_t i = 0; i < ROWS; i++) {
		char spelled[40];
		const char *argument = rows[i].argument ? rows[i].argument : "";
		const char *gap = *argument && *argument != '[' ? " " : "";

		if (rows[i].key < 256)
			snprintf(spelled, sizeof(spelled), "-%c, --%s%s%s", rows[i].key, rows[i].name, gap, argument);
		else
			snprintf(spelled, sizeof(spelled), "    --%s%s%s", rows[i].name, gap, argument);
		printf("  %-26s %s\n", spelled, rows[i].help);
	}
	fputs("\nExit status: 0 done; 1 a finding named by --fail-on; 2 wrong usage, unreadable input or\n"
	      "unwritable output; 3 cannot attach; 4 events lost under --strict; `run`: CMD's own failure first.\n\n"
	      "  ctxtrace -p $(pidof server) -d 30s        watch for half a minute\n"
	      "  ctxtrace -p 4121 -d 5m --record leak.ctx  keep what was seen\n"
	      "  ctxtrace run --fail-on leak -- ./server.test\n",
	      stdout);
}

/* getopt's view of the table. */
static void fill_getopt(struct option *longs, char *shorts)
{
	size_t used = 0;

	shorts[used++] = '+'; // stop at the first operand: what follows `--` belongs to CMD
	shorts[used++] = ':';
	for (size_t i = 0; i < ROWS; i++) {
		const char *argument = rows[i].argument;
		int has = !argument ? no_argument : *argument == '[' ? optional_argument : required_argument;

		longs[i] = (struct option){ rows[i].name, has, NULL, rows[i].key };
		if (rows[i].key >= 256)
			continue;
		shorts[used++] = (char)rows[i].key;
		if (has == required_argument)
			shorts[used++] = ':';
	}
	longs[ROWS] = (struct option){ 0 };
	shorts[used] = '\0';
}

static const char *command_name(enum ct_command command)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].command == command)
			return commands[i].name;
	return "-p PID";
}

static const struct option_row *find_row(int key)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].key == key)
			return &rows[i];
	return NULL;
}

static int apply(struct ct_options *options, enum ct_command command, int key, const char *value,
		 struct ct_error *reterr)
{
	const struct option_row *row = find_row(key);

	if (!row)
		return ct_error_set(reterr, -EINVAL, "option %d is in no table", key);
	if (!(row->commands & COMMAND_BIT(command)))
		return ct_error_set(reterr, -EINVAL, "--%s has no meaning for `ctxtrace %s`", row->name,
				    command_name(command));
	return row->set(options, value, reterr);
}

/* What getopt refused. It has not moved on inside "-qz"; a known option is refused for a value it does not take. */
static int explain_refusal(char **argv, struct ct_error *reterr)
{
	if (find_row(optopt))
		return ct_error_set(reterr, -EINVAL, "%s: this option takes no value", argv[optind - 1]);
	if (optopt)
		return ct_error_set(reterr, -EINVAL, "unknown option -%c", optopt);
	return ct_error_set(reterr, -EINVAL, "unknown option %s", argv[optind - 1]);
}

static int parse_options(int argc, char **argv, struct ct_options *options, struct ct_error *reterr)
{
	enum ct_command command = options->command;
	struct option longs[ROWS + 1];
	char shorts[2 * ROWS + 3];
	int key, rc = 0;

	fill_getopt(longs, shorts);
	opterr = 0;
	while (!rc && (key = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (key == ':')
			rc = ct_error_set(reterr, -EINVAL, "%s needs a value", argv[optind - 1]);
		else if (key == '?')
			rc = explain_refusal(argv, reterr);
		else
			rc = apply(options, command, key, optarg, reterr);
	}
	return rc;
}

/* What is left after the options of one pass. */
static int take_operands(int argc, char **argv, struct ct_options *options, struct ct_error *reterr)
{
	if (options->command == CT_COMMAND_RUN) {
		options->command_argv = argv + optind;
		if (optind == argc)
			return ct_error_set(reterr, -EINVAL, "`run` needs a command: ctxtrace run [options] -- CMD ARG...");
		return 0;
	}
	if (options->command == CT_COMMAND_REPLAY && optind < argc && !options->input) {
		options->input = argv[optind++];
		return parse_options(argc, argv, options, reterr) ?: take_operands(argc, argv, options, reterr);
	}
	if (optind < argc)
		return ct_error_set(reterr, -EINVAL, "\"%s\" was not understood", argv[optind]);
	return 0;
}

static int check_complete(struct ct_options *options, struct ct_error *reterr)
{
	if (options->command == CT_COMMAND_WATCH && !options->pid)
		return ct_error_set(reterr, -EINVAL, "which process? ctxtrace -p PID");
	if (options->command == CT_COMMAND_REPLAY && !options->input)
		return ct_error_set(reterr, -EINVAL, "which recording? ctxtrace replay FILE");
	if (!options->outputs_count)
		options->outputs[options->outputs_count++].format = "text";
	for (unsigned int i = 0, to_stdout = 0; i < options->outputs_count; i++) {
		if (!options->outputs[i].file)
			options->outputs[i].file = options->output;
		if (!options->outputs[i].file && to_stdout++)
			return ct_error_set(reterr, -EINVAL,
					    "two formats for standard output; give all but one a file: -f F=FILE");
	}
	return 0;
}

static void set_defaults(struct ct_options *options, enum ct_command command)
{
	const char *ring = getenv("CTXTRACE_RING_BYTES");

	*options = (struct ct_options){
		.command = command,
		.min_age_ns = (command == CT_COMMAND_RUN ? 1 : 10) * CT_NSEC_PER_SEC,
		.grace_ns = CT_NSEC_PER_SEC,
		.max_contexts = 4000000,
		.exit_code = 1,
		.fail_on = command == CT_COMMAND_RUN ? CT_FAIL_ON_LEAK : 0,
		.force_perf = getenv("CTXTRACE_FORCE_PERF") != NULL,
		.ring_bytes = ring ? (uint32_t)strtoul(ring, NULL, 10) : 0,
	};
}

int ct_cli_parse(int argc, char **argv, struct ct_options *ret_options, struct ct_error *reterr)
{
	enum ct_command command = CT_COMMAND_WATCH;
	struct ct_options options;
	bool has_command = false;
	int rc;

	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		command = commands[i].command;
		has_command = true;
	}
	set_defaults(&options, command);
	if (argc < 2)
		options.command = CT_COMMAND_HELP;
	optind = 1 + has_command;
	rc = parse_options(argc, argv, &options, reterr);
	if (rc || options.command == CT_COMMAND_HELP || options.command == CT_COMMAND_VERSION)
		goto out;
	rc = take_operands(argc, argv, &options, reterr) ?: check_complete(&options, reterr);
out:
	if (rc)
		ct_error_hint(reterr, "ctxtrace --help lists commands and options");
	else
		*ret_options = options;
	return rc;
}
