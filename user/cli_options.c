// SPDX-License-Identifier: Apache-2.0
#include "cli_options.h"

#include "base/time.h"
#include "cli_values.h"

#include <errno.h>

#define LIVE (CT_COMMAND_BIT(CT_COMMAND_WATCH) | CT_COMMAND_BIT(CT_COMMAND_RUN))
#define CENSUS CT_COMMAND_BIT(CT_COMMAND_CENSUS)
#define JUDGING (LIVE | CENSUS | CT_COMMAND_BIT(CT_COMMAND_REPLAY))
#define DIFF CT_COMMAND_BIT(CT_COMMAND_DIFF)
#define EVERYWHERE (JUDGING | DIFF | CT_COMMAND_BIT(CT_COMMAND_CHECK))

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

static int set_budget(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	return ct_cli_duration("--budget", value, &options->budget_ns, reterr);
}

static int set_watch(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	int rc = ct_cli_duration("--watch", value, &options->watch_ns, reterr);

	if (!rc && options->watch_ns < CT_NSEC_PER_SEC)
		return ct_error_set(reterr, -EINVAL, "--watch %s: a second is the least: closer readings prove nothing", value);
	return rc;
}

static int set_min_age(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	options->has_min_age = true;
	return ct_cli_duration("--min-age", value, &options->min_age_ns, reterr);
}

static int set_grace(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	options->has_grace = true;
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
	return ct_cli_name("--output", "file", value, &options->output, reterr);
}

static int set_source_root(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	return ct_cli_directory("--source-root", value, options->source_root, reterr);
}

static int set_strip_prefix(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	if (!*value)
		return ct_error_set(reterr, -EINVAL, "--strip-prefix: every name begins with nothing");
	options->strip_prefix = value;
	return 0;
}

static int set_record(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	return ct_cli_name("--record", "file", value, &options->record, reterr);
}

static int set_suppress(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	return ct_cli_name("--suppress", "file", value, &options->suppress, reterr);
}

static int set_metrics(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	(void)reterr;
	options->metrics = value;
	return 0;
}

static int set_baseline(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	return ct_cli_name("--baseline", "file", value, &options->baseline, reterr);
}

static int set_write_baseline(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	return ct_cli_name("--write-baseline", "file", value, &options->write_baseline, reterr);
}

static int set_request_site(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	if (options->request_sites_count == CT_REQUEST_SITES_MAX)
		return ct_error_set(reterr, -EINVAL, "--request-site: at most %d", CT_REQUEST_SITES_MAX);
	return ct_cli_name("--request-site", "function", value,
			   &options->request_sites[options->request_sites_count++], reterr);
}

static int set_fail_on(struct ct_options *options, const char *value, struct ct_error *reterr)
{
	options->has_fail_on = true;
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
FLAG_SETTER(with_stop)
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

const struct ct_option_row ct_option_rows[] = {
	{ CT_OPTION_WHAT, 'p', "pid", "PID", CT_COMMAND_BIT(CT_COMMAND_WATCH) | CENSUS | CT_COMMAND_BIT(CT_COMMAND_CHECK), set_pid,
	  "the process to watch" },
	{ CT_OPTION_WHAT, 'd', "duration", "T", LIVE | CENSUS, set_duration,
	  "stop after T (\"30s\", \"5m\"); default: until Ctrl-C or the target's exit" },
	{ CT_OPTION_WHAT, 274, "budget", "T", CENSUS, set_budget,
	  "`census`: stop reading after T (5m) and tell what is known by then" },
	{ CT_OPTION_WHAT, 269, "stop", NULL, CENSUS, set_with_stop,
	  "`census`: stop the process for one exact reading" },
	{ CT_OPTION_WHAT, 270, "watch", "T", CENSUS, set_watch,
	  "`census`: read again every T (\"10s\") and show what grows" },
	{ CT_OPTION_WHAT, 263, "no-goroutines", NULL, LIVE, set_no_goroutines, "do not look at goroutines or threads" },
	{ CT_OPTION_WHAT, 264, "max-contexts", "N", JUDGING, set_max_contexts, "cap on contexts kept (4,000,000)" },
	{ CT_OPTION_REPORT, 'f', "format", "F", JUDGING | DIFF, set_format,
	  "text, json, pprof, folded, sarif, junit, trace; repeatable, F=FILE" },
	{ CT_OPTION_REPORT, 'o', "output", "FILE", JUDGING | DIFF, set_output,
	  "where the report goes that has no F=FILE; default standard output" },
	{ CT_OPTION_REPORT, 276, "source-root", "DIR", JUDGING, set_source_root,
	  "sarif, junit: files below DIR are the repository's, named from there" },
	{ CT_OPTION_REPORT, 277, "strip-prefix", "P", JUDGING, set_strip_prefix,
	  "sarif, junit: so are those that begin with P (-trimpath: the module)" },
	{ CT_OPTION_REPORT, 256, "record", "FILE", LIVE | CENSUS, set_record,
	  "keep the event stream, census: memory too; `replay FILE` tells it again" },
	{ CT_OPTION_REPORT, 261, "tree", NULL, JUDGING, set_with_tree, "add the live tree to the report" },
	{ CT_OPTION_REPORT, 262, "why", "[=PATTERN]", JUDGING & ~CENSUS, set_why,
	  "print each cancellation: what, by whom, along which chain" },
	{ CT_OPTION_REPORT, 278, "metrics", "ADDR", LIVE, set_metrics,
	  "serve Prometheus metrics over HTTP; \"9435\" means 127.0.0.1:9435" },
	{ CT_OPTION_RULES, 259, "min-age", "T", (JUDGING & ~CENSUS) | DIFF, set_min_age,
	  "no finding about a live context younger than T (10s; `run`: 1s)" },
	{ CT_OPTION_RULES, 260, "grace", "T", (JUDGING & ~CENSUS) | DIFF, set_grace,
	  "how long work may go on after its request ended (1s)" },
	{ CT_OPTION_RULES, 275, "request-site", "FUNC", LIVE, set_request_site,
	  "contexts made by FUNC are those of requests; repeatable" },
	{ CT_OPTION_RULES, 258, "suppress", "FILE", JUDGING, set_suppress,
	  "findings to leave out, one per line: KIND PATTERN-on-function" },
	{ CT_OPTION_STATUS, 257, "fail-on", "KINDS", JUDGING | DIFF, set_fail_on,
	  "exit 1 when a finding of these kinds (or leak, any; none) is confirmed" },
	{ CT_OPTION_STATUS, 290, "baseline", "FILE", JUDGING, set_baseline,
	  "findings in FILE are known: told as such, and no failure" },
	{ CT_OPTION_STATUS, 291, "write-baseline", "FILE", JUDGING, set_write_baseline,
	  "write what is found to FILE as known; with --baseline: add it" },
	{ CT_OPTION_STATUS, 266, "exit-code", "N", CT_COMMAND_BIT(CT_COMMAND_RUN), set_exit_code,
	  "status for findings under `run` (1)" },
	{ CT_OPTION_STATUS, 265, "strict", NULL, JUDGING | DIFF, set_is_strict, "exit 4 when events were lost" },
	{ CT_OPTION_TALK, 'v', "verbose", NULL, EVERYWHERE, set_is_verbose, "say more on standard error" },
	{ CT_OPTION_TALK, 'q', "quiet", NULL, EVERYWHERE, set_is_quiet, "say nothing on standard error but errors" },
	{ CT_OPTION_TALK, 267, "version", NULL, EVERYWHERE, set_version, "print the version" },
	{ CT_OPTION_TALK, 'h', "help", NULL, EVERYWHERE, set_help, "print this text" },
};
const unsigned int ct_option_rows_count = sizeof(ct_option_rows) / sizeof(ct_option_rows[0]);
_Static_assert(sizeof(ct_option_rows) / sizeof(ct_option_rows[0]) < CT_OPTION_ROWS_MAX, "room for getopt");
