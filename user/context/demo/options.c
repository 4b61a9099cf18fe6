// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(FILE *out)
{
	fprintf(out,
		"usage: ctxdemo [NAME] [options]     programs that use contexts wrongly, and rightly\n\n"
		"  NAME            scenario, default %s\n"
		"  --list          name, expected finding and description of each\n"
		"  --rounds N      stop after N rounds; default: until a signal\n"
		"  --rate R        rounds per second, 0 as fast as it goes; default: as the scenario likes\n"
		"  --seconds S     stop after S seconds\n"
		"  --hold S        then stay S seconds with everything as it is\n"
		"  --help\n\n"
		"SIGINT and SIGTERM end it. The last line of the output is what really happened, as JSON.\n",
		scenarios[0].name);
}

static void print_list(void)
{
	for (const struct scenario *scenario = scenarios; scenario->name; scenario++)
		printf("%-18s %-22s %s\n", scenario->name, scenario->expect, scenario->describe);
}

static const struct scenario *find_scenario(const char *name)
{
	for (const struct scenario *scenario = scenarios; scenario->name; scenario++) {
		if (!strcmp(scenario->name, name))
			return scenario;
	}
	return NULL;
}

/** Longest time and highest rate that make sense; above it only overflow is to be had. */
#define NUMBER_MAX 1e9

static int parse_number(const char *text, double *ret_number)
{
	char *end;
	double number;

	errno = 0;
	number = strtod(text, &end);
	// Written so that NaN fails too.
	if (end == text || *end || errno || !(number >= 0 && number <= NUMBER_MAX)) {
		fprintf(stderr, "ctxdemo: '%s': not a number from 0 to 1e9\n", text);
		return -EINVAL;
	}
	*ret_number = number;
	return 0;
}

static int parse_rounds(const char *text, uint64_t *ret_rounds)
{
	double number;
	int err = parse_number(text, &number);

	if (err)
		return err;
	*ret_rounds = (uint64_t)number;
	return 0;
}

static int parse_scenario(int argc, char **argv, struct demo_options *options)
{
	const char *name = optind < argc ? argv[optind] : scenarios[0].name;

	if (optind + 1 < argc) {
		fprintf(stderr, "ctxdemo: '%s': only one scenario can be run\n", argv[optind + 1]);
		return 2;
	}
	options->scenario = find_scenario(name);
	if (!options->scenario) {
		fprintf(stderr, "ctxdemo: '%s': no such scenario; --list shows them\n", name);
		return 2;
	}
	return -1;
}

int demo_options_parse(int argc, char **argv, struct demo_options *ret_options)
{
	static const struct option table[] = {
		{"help", no_argument, NULL, 'h'},
		{"list", no_argument, NULL, 'l'},
		{"rounds", required_argument, NULL, 'n'},
		{"rate", required_argument, NULL, 'r'},
		{"seconds", required_argument, NULL, 's'},
		{"hold", required_argument, NULL, 'H'},
		{0},
	};
	int option, err = 0;

	*ret_options = (struct demo_options){.rate = -1};
	while (!err && (option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
		if (option == 'h' || option == 'l') {
			option == 'h' ? print_help(stdout) : print_list();
			return 0;
		}
		if (option == 'n')
			err = parse_rounds(optarg, &ret_options->rounds);
		else if (option == 'r')
			err = parse_number(optarg, &ret_options->rate);
		else if (option == 's')
			err = parse_number(optarg, &ret_options->seconds);
		else if (option == 'H')
			err = parse_number(optarg, &ret_options->hold);
		else
			err = -EINVAL;
	}
	if (err) {
		fprintf(stderr, "try 'ctxdemo --help'\n");
		return 2;
	}
	return parse_scenario(argc, argv, ret_options);
}
