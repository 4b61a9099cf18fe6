// SPDX-License-Identifier: Apache-2.0
#include "cli_options.h"
#include "ctxtrace/event.h"
#include "ctxtrace/provider.h"
#include "ctxtrace/report.h"

#include <stdio.h>

static const char *const headings[CT_OPTION_END] = {
	[CT_OPTION_WHAT] = "What to watch, and how long",
	[CT_OPTION_REPORT] = "What comes out",
	[CT_OPTION_RULES] = "What counts as a finding",
	[CT_OPTION_STATUS] = "The exit status, for scripts and CI",
	[CT_OPTION_TALK] = "How much it says",
};

static void print_row(const struct ct_option_row *row)
{
	const char *argument = row->argument ? row->argument : "";
	const char *gap = *argument && *argument != '[' ? " " : "";
	char spelled[40], letter[4] = "   ";

	if (row->key < 256)
		snprintf(letter, sizeof(letter), "-%c,", row->key);
	snprintf(spelled, sizeof(spelled), "%s --%s%s%s", letter, row->name, gap, argument);
	printf("  %-26s %s\n", spelled, row->help);
}

void ct_cli_help(void)
{
	fputs("ctxtrace finds leaked cancellation contexts in a running program, from outside.\n\n"
	      "  ctxtrace -p PID [options]             watch a process; report at --duration, Ctrl-C or its exit\n"
	      "  ctxtrace run [options] -- CMD ARG...  start CMD traced from its first instruction\n"
	      "  ctxtrace replay FILE [options]        the same report from a recording, without privilege\n"
	      "  ctxtrace census -p PID [options]      no probe: the live contexts read from memory\n"
	      "  ctxtrace diff A B [options]           two reports or recordings: new, gone, grown\n"
	      "  ctxtrace check [-p PID]               what would be attached and why not (dry run)\n",
	      stdout);
	for (enum ct_option_group group = 0; group < CT_OPTION_END; group++) {
		printf("\n%s:\n", headings[group]);
		for (size_t i = 0; i < ct_option_rows_count; i++)
			if (ct_option_rows[i].group == group)
				print_row(&ct_option_rows[i]);
	}
	fputs("\nAt the end memory is read once more: the report comes up to about a second after --duration.\n"
	      "\nExit status, the first that applies: 2 wrong usage, unreadable input or unwritable output;\n"
	      "3 cannot attach; `run`: CMD's own failure; 1 a finding named by --fail-on and not known by\n"
	      "--baseline; 4 events lost under --strict; 0. Ctrl-C once: report and leave; twice: leave at once.\n\n"
	      "Examples:\n"
	      "  ctxtrace -p $(pidof server) -d 30s        watch for half a minute\n"
	      "  ctxtrace -p 4121 --why='main.*'           who cancels what main makes, as it happens\n"
	      "  ctxtrace -p 4121 -d 5m --record leak.ctx  keep what was seen; ctxtrace replay leak.ctx --tree\n"
	      "  ctxtrace run -f json=report.json -- ./server.test   in CI: status 1 when the test leaks\n"
	      "  ctxtrace diff before.json after.ctx       what is new, grown or gone\n",
	      stdout);
}

void ct_cli_version(void)
{
	printf("ctxtrace " CTXTRACE_VERSION "\nrecordings: up to format %d\nreports:", CT_EVENT_ABI);
	for (size_t i = 0; ct_reporters[i]; i++)
		if (!ct_reporters[i]->missing)
			printf(" %s", ct_reporters[i]->name);
	for (size_t i = 0; ct_reporters[i]; i++)
		if (ct_reporters[i]->missing)
			printf("\nnot in this build: %s: %s", ct_reporters[i]->name, ct_reporters[i]->missing);
	puts(CTXTRACE_HTTP ? "\nserves: --metrics, by libmicrohttpd" :
			     "\nnot in this build: --metrics: built without libmicrohttpd");
	puts("provides for:");
	for (size_t i = 0; ct_providers[i]; i++)
		printf("  %-18s %s\n", ct_providers[i]->name, ct_providers[i]->describe);
}
