// SPDX-License-Identifier: Apache-2.0
#include "cli.h"

#include "base/time.h"
#include "cli_options.h"
#include "cli_values.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum ct_command command;
} commands[] = {
	{ "run", CT_COMMAND_RUN },
	{ "replay", CT_COMMAND_REPLAY },
	{ "census", CT_COMMAND_CENSUS },
	{ "diff", CT_COMMAND_DIFF },
	{ "check", CT_COMMAND_CHECK },
};

/* getopt's view of the table. */
static void fill_getopt(struct option *longs, char *shorts)
{
	size_t used = 0;

	shorts[used++] = '+'; // stop at the first operand: what follows `--` belongs to CMD
	shorts[used++] = ':';
	for (size_t i = 0; i < ct_option_rows_count; i++) {
		const char *argument = ct_option_rows[i].argument;
		int has = !argument ? no_argument : *argument == '[' ? optional_argument : required_argument;

		longs[i] = (struct option){ ct_option_rows[i].name, has, NULL, ct_option_rows[i].key };
		if (ct_option_rows[i].key >= 256)
			continue;
		shorts[used++] = (char)ct_option_rows[i].key;
		if (has == required_argument)
			shorts[used++] = ':';
	}
	longs[ct_option_rows_count] = (struct option){ 0 };
	shorts[used] = '\0';
}

static const char *command_name(enum ct_command command)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].command == command)
			return commands[i].name;
	return "-p PID";
}

static int apply(struct ct_options *options, enum ct_command command, int key, const char *value,
		 struct ct_error *reterr)
{
	for (size_t i = 0; i < ct_option_rows_count; i++) {
		if (ct_option_rows[i].key != key)
			continue;
		if (!(ct_option_rows[i].commands & CT_COMMAND_BIT(command)))
			return ct_error_set(reterr, -EINVAL, "--%s has no meaning for `ctxtrace %s`", ct_option_rows[i].name,
					    command_name(command));
		return ct_option_rows[i].set(options, value, reterr);
	}
	return ct_error_set(reterr, -EINVAL, "option %d is in no table", key);
}

/* What getopt did not take: `letter` is its optopt, the key of an option it knows or a letter it does not. */
static int not_taken(const char *word, int letter, struct ct_error *reterr)
{
	for (size_t i = 0; letter && i < ct_option_rows_count; i++)
		if (ct_option_rows[i].key == letter)
			return ct_error_set(reterr, -EINVAL, "--%s takes no value: %s", ct_option_rows[i].name, word);
	if (letter)
		return ct_error_set(reterr, -EINVAL, "unknown option -%c", letter);
	return ct_error_set(reterr, -EINVAL, "unknown option %s", word);
}

static int parse_options(int argc, char **argv, struct ct_options *options, struct ct_error *reterr)
{
	enum ct_command command = options->command;
	struct option longs[CT_OPTION_ROWS_MAX];
	char shorts[2 * CT_OPTION_ROWS_MAX + 3];
	int key, rc = 0;

	fill_getopt(longs, shorts);
	opterr = 0;
	while (!rc && (key = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (key == ':')
			rc = ct_error_set(reterr, -EINVAL, "%s needs a value", argv[optind - 1]);
		else if (key == '?')
			rc = not_taken(argv[optind - 1], optopt, reterr);
		else
			rc = apply(options, command, key, optarg, reterr);
	}
	return rc;
}

/* @return where the next file to be read goes, or NULL when there is none to be given. */
static const char **next_input(struct ct_options *options)
{
	bool is_diff = options->command == CT_COMMAND_DIFF;

	if (!options->input && (is_diff || options->command == CT_COMMAND_REPLAY))
		return &options->input;
	return is_diff && !options->other_input ? &options->other_input : NULL;
}

/* What is left after the options of one pass. */
static int take_operands(int argc, char **argv, struct ct_options *options, struct ct_error *reterr)
{
	const char **next;
	int rc;

	if (options->command == CT_COMMAND_RUN) {
		options->command_argv = argv + optind;
		if (optind == argc)
			return ct_error_set(reterr, -EINVAL, "`run` needs a command: ctxtrace run [options] -- CMD ARG...");
		return 0;
	}
	if (optind < argc && (next = next_input(options))) {
		rc = ct_cli_name(command_name(options->command), "file", argv[optind++], next, reterr);
		return rc ?: parse_options(argc, argv, options, reterr) ?: take_operands(argc, argv, options, reterr);
	}
	if (optind < argc)
		return ct_error_set(reterr, -EINVAL, "\"%s\" was not understood", argv[optind]);
	return 0;
}

static bool is_same_place(const char *one, const char *other)
{
	return one && other ? !strcmp(one, other) : one == other;
}

/* -o is for the report that has no file of its own. */
static int place_output(struct ct_options *options, struct ct_error *reterr)
{
	bool is_taken = !options->output;

	for (unsigned int i = 0; i < options->outputs_count; i++) {
		if (options->outputs[i].file)
			continue;
		options->outputs[i].file = options->output;
		is_taken = true;
	}
	if (is_taken)
		return 0;
	return ct_error_set(reterr, -EINVAL, "no report is left for -o %s: -f %s=%s has a file of its own",
			    options->output, options->outputs[0].format, options->outputs[0].file);
}

/* Each report has a place of its own: two in one would overwrite or mix. */
static int check_places(const struct ct_options *options, struct ct_error *reterr)
{
	for (unsigned int i = 0; i < options->outputs_count; i++) {
		const struct ct_output_request *request = &options->outputs[i];

		for (unsigned int j = 0; j < i; j++)
			if (is_same_place(request->file, options->outputs[j].file))
				return ct_error_set(reterr, -EINVAL,
						    "two formats for %s; give all but one a file of its own: -f F=FILE",
						    request->file ? request->file : "standard output");
		if (options->record && is_same_place(request->file, options->record))
			return ct_error_set(reterr, -EINVAL, "%s cannot be both report and recording", options->record);
		if (options->write_baseline && is_same_place(request->file, options->write_baseline))
			return ct_error_set(reterr, -EINVAL, "%s cannot be both report and baseline", options->write_baseline);
	}
	if (options->record && is_same_place(options->record, options->write_baseline))
		return ct_error_set(reterr, -EINVAL, "%s cannot be both recording and baseline", options->record);
	return 0;
}

static int check_complete(struct ct_options *options, struct ct_error *reterr)
{
	if (options->command == CT_COMMAND_WATCH && !options->pid)
		return ct_error_set(reterr, -EINVAL, "which process? ctxtrace -p PID");
	if (options->command == CT_COMMAND_CENSUS && !options->pid)
		return ct_error_set(reterr, -EINVAL, "which process? ctxtrace census -p PID");
	if (options->command == CT_COMMAND_CENSUS && options->duration_ns && !options->watch_ns)
		return ct_error_set(reterr, -EINVAL, "one census takes as long as it takes; --duration goes with --watch T");
	if (options->with_stop && options->watch_ns)
		return ct_error_set(reterr, -EINVAL, "--stop reads once, --watch again and again: one of them");
	if (options->command == CT_COMMAND_REPLAY && !options->input)
		return ct_error_set(reterr, -EINVAL, "which recording? ctxtrace replay FILE");
	if (options->command == CT_COMMAND_DIFF && !options->other_input)
		return ct_error_set(reterr, -EINVAL, "which two reports or recordings? ctxtrace diff A B");
	for (unsigned int i = 0; options->command == CT_COMMAND_DIFF && i < options->outputs_count; i++)
		if (strcmp(options->outputs[i].format, "text") && strcmp(options->outputs[i].format, "json"))
			return ct_error_set(reterr, -EINVAL, "`diff` is told as text or json, not as %s",
					    options->outputs[i].format);
	if (!options->outputs_count)
		options->outputs[options->outputs_count++].format = "text";
	return place_output(options, reterr) ?: check_places(options, reterr);
}

/* For tests of full rings. The kernel wants a power of two of whole pages. */
static int take_ring_bytes(struct ct_options *options, struct ct_error *reterr)
{
	const char *value = getenv("CTXTRACE_RING_BYTES");
	uint32_t bytes = 0;
	int rc = value ? ct_cli_number("CTXTRACE_RING_BYTES", value, 4096, 1U << 30, &bytes, reterr) : 0;

	if (!rc && bytes & (bytes - 1))
		return ct_error_set(reterr, -EINVAL, "CTXTRACE_RING_BYTES: %u is no power of two", bytes);
	options->ring_bytes = bytes;
	return rc;
}

static void set_defaults(struct ct_options *options, enum ct_command command)
{
	*options = (struct ct_options){
		.command = command,
		.min_age_ns = (command == CT_COMMAND_RUN || command == CT_COMMAND_CENSUS ? 1 : 10) * CT_NSEC_PER_SEC,
		.grace_ns = CT_NSEC_PER_SEC,
		.budget_ns = 300 * CT_NSEC_PER_SEC,
		.max_contexts = 4000000,
		.exit_code = 1,
		.fail_on = command == CT_COMMAND_RUN ? CT_KINDS_LEAK : 0,
		.force_perf = getenv("CTXTRACE_FORCE_PERF") != NULL,
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
	rc = take_operands(argc, argv, &options, reterr) ?: check_complete(&options, reterr) ?:
	     take_ring_bytes(&options, reterr);
out:
	if (rc)
		ct_error_hint(reterr, "ctxtrace --help lists commands and options");
	else
		*ret_options = options;
	return rc;
}
