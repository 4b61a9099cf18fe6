// SPDX-License-Identifier: Apache-2.0
/*
 * The command line: argv to one const struct. One table of options makes both the parser and --help.
 */
#pragma once

#include "ctxtrace/detect.h"
#include "ctxtrace/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** What ctxtrace was asked to do. */
enum ct_command {
	CT_COMMAND_WATCH, /**< -p PID */
	CT_COMMAND_RUN,
	CT_COMMAND_REPLAY,
	CT_COMMAND_CENSUS,
	CT_COMMAND_CHECK,
	CT_COMMAND_HELP,
	CT_COMMAND_VERSION,
};

/** One wanted rendering. */
struct ct_output_request {
	const char *format;
	const char *file; /**< NULL: --output, else standard output. */
};

#define CT_OUTPUTS_MAX 8

/** Functions named by --request-site at most. */
#define CT_REQUEST_SITES_MAX 16

/** Bits of ct_options.fail_on above those of enum ct_finding_kind. */
#define CT_FAIL_ON_LEAK (1u << 30)
#define CT_FAIL_ON_ANY (1u << 31)

/** Everything the user chose. Strings are borrowed from argv. */
struct ct_options {
	enum ct_command command;
	pid_t pid;		 /**< 0: none given. */
	char **command_argv;	 /**< `run`: CMD ARG... NULL. */
	const char *input;	 /**< `replay`: the recording. */
	uint64_t duration_ns;	 /**< 0: until a signal or the target's exit. */
	uint64_t watch_ns;	 /**< `census`: read again so often; 0: one census. */
	uint64_t min_age_ns;
	uint64_t grace_ns;
	uint64_t budget_ns; /**< `census`: for all readings together. */
	struct ct_output_request outputs[CT_OUTPUTS_MAX];
	unsigned int outputs_count; /**< At least 1 after parsing. */
	const char *output;
	const char *record;
	const char *suppress;
	const char *request_sites[CT_REQUEST_SITES_MAX]; /**< Functions that make the contexts of requests. */
	unsigned int request_sites_count;
	uint32_t fail_on; /**< Bit per finding kind, CT_FAIL_ON_LEAK, CT_FAIL_ON_ANY; 0 never fail. */
	const char *metrics; /**< Where to serve them; NULL: nowhere. */
	const char *why;  /**< NULL off; "" every cancellation; else a glob on function names. */
	uint32_t max_contexts;
	uint32_t ring_bytes; /**< CTXTRACE_RING_BYTES, for tests of full rings; 0 default. */
	int exit_code;	     /**< Status for findings. */
	bool has_min_age; /**< Given, not the default: `replay` goes by the recording otherwise. */
	bool has_grace;	  /**< The same. */
	bool with_tree;
	bool no_goroutines;
	bool is_strict;
	bool is_verbose;
	bool is_quiet;
	bool with_stop; /**< `census`: stop the target for one reading. */
	bool force_perf; /**< CTXTRACE_FORCE_PERF: perf_event links even where uprobe_multi works. */
};

/**
 * Parse the command line.
 *
 * @param argc, argv    As main got them; borrowed for the life of the options.
 * @param ret_options   Complete, with defaults filled in.
 * @param reterr        What is wrong, and where to read more.
 * @return 0; -EINVAL for wrong usage.
 */
int ct_cli_parse(int argc, char **argv, struct ct_options *ret_options, struct ct_error *reterr);

/** Print the help text to standard output. */
void ct_cli_help(void);

/** Print what this build is and knows to standard output. */
void ct_cli_version(void);
